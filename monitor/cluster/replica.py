"""A replica: it offers what is due to all, works off what it gets, and retakes what the dead had.

* The jobs run in threads; what fetches and finishes them is Procrastinate's, in a loop of its own.
* On a stop no job is begun, and those under way end as the embedded steps do: what they had claimed
  is handed back. What is not over within the grace is retaken by others, as after a kill.
* A replica that was away for long, frozen or cut off, is no longer registered when it comes back:
  then it registers anew.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, TypeVar

from procrastinate.exceptions import AlreadyEnqueued, ConnectorException
from procrastinate.jobs import Job
from sqlalchemy import event
from sqlalchemy.exc import OperationalError

from monitor import logs, steps
from monitor.cluster import backtest, rematch
from monitor.cluster import engine as engines
from monitor.cluster.rescue import rescue
from monitor.cluster.tasks import ARCHIVE, LANES, tasks
from monitor.errors import MonitorError
from monitor.store import jobs

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator

    from procrastinate import App as Engine
    from procrastinate import JobContext
    from sqlalchemy import Connection
    from sqlalchemy.engine.interfaces import DBAPIConnection

    from monitor.app import App
    from monitor.cluster.tasks import Task

TICK_S: Final = 1
RESCUE_S: Final = 5
DRAIN_S: Final = 6.5  # for jobs that are under way at a stop
ANSWER_S: Final = 20.0  # for what a tick asks of the loop
AGAIN_S: Final = 10  # after a job that failed
KEEP_FAILED_H: Final = 24
# What a frozen process may hold locked: then its session is ended by the server.
LOCKED_S: Final = 45

_T = TypeVar("_T")

log = logs.get_logger()


@contextmanager
def working(app: App, stop: threading.Event) -> Iterator[dict[str, tuple[Callable[[], None], int]]]:
    """Work off jobs until *stop*; give what is to be called how often, in seconds, meanwhile."""
    # What it says of jobs is told by us; what it says of itself is not.
    logging.getLogger("procrastinate.worker").setLevel(logging.CRITICAL)
    event.listen(app.store, "connect", _let_go_in_time)
    app.store.dispose()
    engines.prepare(app.store)
    _ = app.push_step, app.heartbeat_step, app.backup_step, app.channels
    replica = Replica(app, stop)
    thread = threading.Thread(target=replica.run, name="jobs", daemon=True)
    thread.start()
    replica.stands.wait()
    yield replica.ticking()
    thread.join()
    if replica.failed:
        raise MonitorError("this replica cannot work off jobs: the log says why")


def _let_go_in_time(connection: DBAPIConnection, _record: object) -> None:
    with connection.cursor() as cursor:  # type: ignore[attr-defined]  # psycopg's is a context
        cursor.execute(f"SET idle_in_transaction_session_timeout = '{LOCKED_S}s'")
    connection.commit()


class Replica:
    """One of any number of equal processes."""

    def __init__(self, app: App, stop: threading.Event) -> None:
        self.stands = threading.Event()
        self.failed = False
        self._app, self._stop = app, stop
        self._tasks = tasks()
        self._disk = steps.Room(app)
        self._offering = engines.deferring()
        self._engine = engines.connected(app.database_url)
        self._loop: asyncio.AbstractEventLoop  # once it runs
        for task in self._tasks:
            self._register(task)
        self._register_parts(rematch.NAME, rematch.work, rematch.defer)
        self._register_parts(backtest.NAME, backtest.work, backtest.defer)

    def _register(self, task: Task) -> None:
        def run(context: JobContext, /, **_: Any) -> None:  # noqa: ANN401 - the slot, of no matter
            self._do(task, context.job)

        for engine in (self._engine, self._offering):
            engine.task(
                name=task.name,
                queue=task.lane,
                priority=task.priority,
                lock=task.name if task.alone else None,
                queueing_lock=task.name,
                pass_context=True,
            )(run)

    def _register_parts(
        self,
        name: str,
        work: Callable[[App, threading.Event, dict[str, Any]], bool],
        defer: Callable[[Engine, Connection, dict[str, Any]], None],
    ) -> None:
        """Have parts of the archive worked off; one that a stop cuts off waits again."""

        def run(context: JobContext, /, **asked: Any) -> None:  # noqa: ANN401 - a part
            try:
                cut_off = work(self._app, self._stop, asked)
            except Exception:
                log.exception("job failed", task=name, job=context.job.id)
                raise
            if cut_off:
                with suppress(AlreadyEnqueued), self._app.store.begin() as connection:
                    defer(self._offering, connection, asked)

        for engine in (self._engine, self._offering):
            engine.task(name=name, queue=ARCHIVE, pass_context=True)(run)

    def _do(self, task: Task, job: Job) -> None:
        try:
            task.do(self._app, self._stop, jobs.signature(job.id or 0, job.attempts))
        except OperationalError as error:
            # The database is away, or ended a session that was frozen: a line says enough.
            reason = str(error.orig).partition("\n")[0]
            log.error("job failed", task=task.name, job=job.id, error=reason)  # noqa: TRY400
            self.offer(task, after_s=AGAIN_S)
            raise
        except Exception:
            log.exception("job failed", task=task.name, job=job.id)
            self.offer(task, after_s=AGAIN_S)
            raise

    # --- the ticks, each in a thread of its own ---------------------------------------------------

    def ticking(self) -> dict[str, tuple[Callable[[], None], int]]:
        """Return what is to be called how often, in seconds."""
        called: dict[str, tuple[Callable[[], None], int]] = {"rescue": (self._rescue, RESCUE_S)}
        called["forget jobs"] = (self._forget, 3600)
        for task in self._tasks:
            if task.due is not None:
                called[f"offer {task.name}"] = (self._offering_of(task, task.due), TICK_S)
            if task.every_s is not None:
                called[f"offer {task.name} by the clock"] = (self._by_the_clock(task), TICK_S)
        return called

    def _offering_of(self, task: Task, due: Callable[[App], bool]) -> Callable[[], None]:
        def offer() -> None:
            if self._stop.is_set() or (task.takes_in and not self._disk.there_is()):
                return
            if due(self._app):
                self.offer(task)

        return offer

    def offer(self, task: Task, after_s: int = 0) -> None:
        """Put a job of *task* into the queue unless one waits there; it need not be this one's."""
        at = self._app.clock.now() + timedelta(seconds=after_s) if after_s else None
        try:
            with self._app.store.begin() as connection:
                if jobs.waits(connection, task.name):
                    return
                raw = connection.connection.driver_connection
                job = self._offering.configure_task(task.name, connection=raw, schedule_at=at)
                job.defer()
        except AlreadyEnqueued:
            pass  # another replica was quicker

    def _by_the_clock(self, task: Task) -> Callable[[], None]:
        every_s, done = task.every_s or 1, 0

        def offer() -> None:
            nonlocal done
            slot = int(self._app.clock.now().timestamp()) // every_s * every_s
            if slot == done or self._stop.is_set():
                return
            job = Job(
                queue=task.lane,
                priority=task.priority,
                lock=task.name if task.alone else None,
                queueing_lock=task.name,
                task_name=task.name,
                task_kwargs={"timestamp": slot},
            )
            with suppress(AlreadyEnqueued):  # one still waits, which does as well
                self._ask(self._engine.job_manager.defer_periodic_job(job, "", slot))
            done = slot

        return offer

    def _rescue(self) -> None:
        if not self._stop.is_set():
            rescue(self._app, self._engine.job_manager, self._ask)

    def _forget(self) -> None:
        self._ask(
            self._engine.job_manager.delete_old_jobs(
                KEEP_FAILED_H, include_failed=True, include_cancelled=True, include_aborted=True
            )
        )

    def _ask(self, asked: Coroutine[Any, Any, _T]) -> _T:
        """Have the loop do something; return what came of it, or raise."""
        return asyncio.run_coroutine_threadsafe(asked, self._loop).result(ANSWER_S)

    # --- the loop ---------------------------------------------------------------------------------

    def run(self) -> None:
        """Work off jobs until the stop; run in a thread of its own."""
        try:
            asyncio.run(self._work())
        except Exception:
            # Without its loop it would offer jobs and do none: whoever watches it starts it again.
            log.exception("replica failed")
            self.failed = True
            self._stop.set()
        finally:
            self.stands.set()

    async def _work(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._loop.set_exception_handler(_tell)
        self._loop.set_default_executor(ThreadPoolExecutor(sum(LANES.values()) + 1, "job"))
        async with self._engine.open_async():
            lanes = [asyncio.create_task(self._keep_up(lane)) for lane in LANES]
            self.stands.set()
            await asyncio.to_thread(self._stop.wait)
            for lane in lanes:
                lane.cancel()  # which Procrastinate takes for a graceful stop
            await asyncio.gather(*lanes, return_exceptions=True)

    async def _keep_up(self, lane: str) -> None:
        """Work a lane; begin anew when that ends, as it does after the database was away."""
        while not self._stop.is_set():
            try:
                await self._engine.run_worker_async(
                    queues=[lane],
                    name=lane,
                    concurrency=LANES[lane],
                    fetch_job_polling_interval=TICK_S,
                    listen_notify=lane == "prompt",
                    shutdown_graceful_timeout=DRAIN_S,
                    delete_jobs="successful",
                    install_signal_handlers=False,
                    update_heartbeat_interval=engines.BEAT_S,
                    stalled_worker_timeout=engines.SILENT_S,
                )
            except ConnectorException as error:
                log.warning("lane begins anew", lane=lane, error=_cause(error))
            except Exception:
                log.exception("lane begins anew", lane=lane)
            await asyncio.sleep(TICK_S)


def _tell(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Tell of a task that failed where nobody waits for it."""
    error = context.get("exception")
    if isinstance(error, ConnectorException):
        # The end of a job that was retaken meanwhile, or that of any while the database is away.
        log.warning("end of a job not written down", error=_cause(error))
    else:
        loop.default_exception_handler(context)


def _cause(error: ConnectorException) -> str:
    return str(error.__cause__ or error).strip().partition("\n")[0]
