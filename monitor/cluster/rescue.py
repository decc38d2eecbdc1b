"""Rescue: retake the jobs of replicas that gave no sign of life, with what those had claimed.

* A sign of life is written by Procrastinate, and judged by the clock of the database alone.
* First the claims are given back, then the job: a crash in between leaves the job to the next look.
* One replica looks at a time; else a job that another has just retaken would be taken from it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from procrastinate.exceptions import ConnectorException
from procrastinate.jobs import Status
from sqlalchemy import text

from monitor import logs
from monitor.cluster.engine import SILENT_S
from monitor.store import jobs, workers

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from procrastinate.jobs import Job
    from procrastinate.manager import JobManager

    from monitor.app import App

log = logs.get_logger()


def rescue(
    app: App, manager: JobManager, ask: Callable[[Coroutine[Any, Any, Any]], Any]
) -> list[int]:
    """Retake what dead replicas were at; return the numbers of the jobs. *ask* awaits."""
    with app.store.begin() as alone:
        looks = text("SELECT pg_try_advisory_xact_lock(hashtext('rescue of jobs'))")
        if not alone.scalar(looks):
            return []
        stalled = list(ask(manager.get_stalled_jobs(seconds_since_heartbeat=SILENT_S)))
        for job in stalled:
            _retake(app, manager, ask, job)
        if stalled:
            ask(manager.prune_stalled_workers(SILENT_S))
    return [job.id or 0 for job in stalled]


def _retake(
    app: App, manager: JobManager, ask: Callable[[Coroutine[Any, Any, Any]], Any], job: Job
) -> None:
    now, number = app.clock.now(), job.id or 0
    with app.store.begin() as connection:
        freed = workers.give_back(connection, jobs.signature(number, job.attempts), now=now)
    try:
        ask(manager.retry_job_by_id_async(number, retry_at=now))
    except ConnectorException:
        # Another job of that step waits already, which does as well as this one.
        ask(manager.finish_job_by_id_async(number, Status.ABORTED, delete_job=True))
    log.warning("job retaken", task=job.task_name, job=number, silent_s=SILENT_S, claims=freed)
