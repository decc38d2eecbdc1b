"""Jobs of the cluster in the store: what Procrastinate keeps of them, as we ask for it.

Its tables are beside ours, made by itself (`monitor.cluster.engine`); here they are read.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sqlalchemy import text

if TYPE_CHECKING:
    from sqlalchemy import Connection


def signature(number: int, attempts: int) -> str:
    """Return the name under which a job claims, the so many-th time it is tried."""
    return f"job {number}.{attempts}"


def waits(connection: Connection, name: str) -> bool:
    """Return whether a job with that queueing lock waits to be done."""
    query = text("SELECT 1 FROM procrastinate_jobs WHERE status = 'todo' AND queueing_lock = :name")
    return connection.scalar(query, {"name": name}) is not None


def has(connection: Connection, name: str, asked: dict[str, Any]) -> bool:
    """Return whether a job of that kind waits or runs that was *asked* that, among other things."""
    query = text(
        "SELECT 1 FROM procrastinate_jobs WHERE status IN ('todo', 'doing')"
        " AND task_name = :name AND args @> CAST(:asked AS jsonb)"
    )
    return connection.scalar(query, {"name": name, "asked": json.dumps(asked)}) is not None


def left(connection: Connection, name: str) -> int:
    """Return how many jobs of that kind wait or run."""
    query = text(
        "SELECT count(*) FROM procrastinate_jobs"
        " WHERE status IN ('todo', 'doing') AND task_name = :name"
    )
    return connection.scalar(query, {"name": name}) or 0


def ready(connection: Connection) -> bool:
    """Return whether there is a queue at all."""
    if connection.dialect.name != "postgresql":
        return False
    return connection.scalar(text("SELECT to_regclass('procrastinate_jobs')")) is not None


def leave_behind(connection: Connection) -> None:
    """Let every replica count as dead, in a copy of a database. The caller commits.

    What they were at is retaken by the first that starts, within seconds.
    """
    silent = "UPDATE procrastinate_workers SET last_heartbeat = now() - interval '1 day'"
    connection.execute(text(silent))


_SUMMARY = """
SELECT j.task_name AS job, j.queue_name AS lane, max(j.priority) AS priority,
  count(*) FILTER (WHERE j.status = 'todo') AS waiting,
  count(*) FILTER (WHERE j.status = 'doing') AS running,
  count(*) FILTER (WHERE j.status = 'failed') AS failed,
  count(*) FILTER (WHERE j.status = 'doing' AND (w.id IS NULL
    OR w.last_heartbeat < now() - interval '30 seconds')) AS abandoned,
  round(extract(epoch FROM now() - min(e.at) FILTER (WHERE j.status IN ('todo', 'doing')))::numeric,
    1)::float AS oldest_s,
  CASE WHEN j.task_name = 'backtest' THEN (SELECT round(sum(p.reached - p.above)
    / greatest(sum(p.upto - p.above), 1), 3)::float FROM backtest_parts p
    WHERE p.backtest_id = (SELECT max(b.id) FROM backtests b)) END AS done
FROM procrastinate_jobs j
LEFT JOIN procrastinate_workers w ON w.id = j.worker_id
LEFT JOIN LATERAL (
  SELECT max(at) AS at FROM procrastinate_events WHERE job_id = j.id
) e ON true
GROUP BY j.task_name, j.queue_name
ORDER BY max(j.priority) DESC, j.task_name
"""


def summary(connection: Connection) -> list[dict[str, Any]]:
    """Return by kind of job how many wait, run, failed of late, or were left by a dead replica.

    `done` is which share of the articles of the newest backtest is looked through.
    """
    return [dict(row) for row in connection.execute(text(_SUMMARY)).mappings()]


_EACH = """
SELECT j.id AS job_id, j.task_name AS job, j.queue_name AS lane,
  CASE WHEN j.status = 'todo' AND j.scheduled_at > now() THEN 'put off'
    WHEN j.status = 'todo' THEN 'waiting'
    WHEN j.status = 'doing' THEN 'running' ELSE j.status::text END AS state,
  j.priority, j.attempts, j.worker_id AS worker,
  round(extract(epoch FROM now() - w.last_heartbeat)::numeric, 1)::float AS worker_beat_s,
  (SELECT max(e.at) FROM procrastinate_events e WHERE e.job_id = j.id AND e.at <= now()) AS since,
  (SELECT count(*) FROM feeds f
    WHERE f.claimed_by = 'job ' || j.id || '.' || j.attempts AND j.status = 'doing') AS claims,
  (SELECT round((p.reached - p.above)::numeric / (p.upto - p.above), 3)::float
    FROM backtest_parts p WHERE j.task_name = 'backtest'
    AND p.id = (j.args ->> 'part')::bigint) AS done
FROM procrastinate_jobs j
LEFT JOIN procrastinate_workers w ON w.id = j.worker_id
ORDER BY j.status = 'doing' DESC, j.status = 'todo' DESC, j.priority DESC, j.id
"""


def each(connection: Connection) -> list[dict[str, Any]]:
    """Return the jobs there are, those under way first, then as they will be taken up.

    `since` is when a job came into its state, `claims` how many feeds it has taken, and `done`
    which share of its part of a backtest is looked through.
    """
    return [dict(row) for row in connection.execute(text(_EACH)).mappings()]
