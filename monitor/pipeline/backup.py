"""Scheduled backups: one for each slot that has passed, into a folder, the oldest ones deleted.

* What is done is told by the files: a slot whose file is there has its backup. A slot that was
  missed is made up for once, late.
* A file gets its name once it is whole and was checked (`monitor.store.backup`), and only then an
  older one goes. Files of other names are never touched.
* Of several processes on one folder one works at a time.
"""

from __future__ import annotations

import fcntl
import re
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from monitor import logs
from monitor.digest.slots import latest_slot
from monitor.errors import StoreError
from monitor.store.backup import backup

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sqlalchemy import Engine

    from monitor.model import Schedule
    from monitor.ports import Clock

RETRY: Final = timedelta(minutes=10)  # after a backup that could not be made
OVERDUE: Final = timedelta(hours=1)  # that a backup may take
_STAMP: Final = "%Y-%m-%dT%H%MZ"
_NAME: Final = re.compile(r"monitor-(\d{4}-\d\d-\d\dT\d{4}Z)\.(?:db|pgdump)")

log = logs.get_logger()


@dataclass
class BackupStep:
    """The step, with the real parts it works with. *keep* is how many backups are kept."""

    engine: Engine
    clock: Clock
    folder: Path
    schedule: Schedule
    keep: int
    _failed_at: datetime | None = field(default=None, init=False)

    def make_due(self) -> bool:
        """Make the backup of the latest slot if it has none; return whether one was made."""
        now = self.clock.now()
        slot = latest_slot(self.schedule, now)
        if self._failed_at is not None and self._failed_at <= now < self._failed_at + RETRY:
            return False
        if slot in made(self.folder):
            return False
        try:
            return self._make(slot)
        except (StoreError, OSError) as error:
            self._failed_at = now
            log.error("backup failed", folder=str(self.folder), error=str(error))  # noqa: TRY400 - it says enough
            return False

    def overdue(self) -> str | None:
        """Return what is to be said if the latest slot should have its backup and has none."""
        slot = latest_slot(self.schedule, self.clock.now() - OVERDUE)
        now = self.clock.now()
        found = {at for at in made(self.folder) if at <= now}
        if any(at >= slot for at in found):
            return None
        last = f"the last one is of {max(found):%Y-%m-%d %H:%M} UTC" if found else "there is none"
        return f"backup of {slot:%Y-%m-%d %H:%M} UTC is not in {self.folder}: {last}"

    def _by_age(self) -> list[datetime]:
        """Return of which slots there are backups, the first to go first.

        That is one of a slot in the future, made while the clock was ahead.
        """
        now = self.clock.now()
        return sorted(made(self.folder), key=lambda at: (at <= now, at))

    def _make(self, slot: datetime) -> bool:
        self.folder.mkdir(parents=True, exist_ok=True)
        with _alone(self.folder) as alone:
            if not alone or slot in made(self.folder):
                return False
            for left in self.folder.glob("monitor-*.part"):  # by a process that was killed
                left.unlink(missing_ok=True)
            ending = "db" if self.engine.dialect.name == "sqlite" else "pgdump"
            file = self.folder / f"monitor-{slot.astimezone(UTC):{_STAMP}}.{ending}"
            size = backup(self.engine, file)
            log.info("backup made", file=str(file), bytes=size)
            for at in self._by_age()[: -self.keep]:
                for old in self.folder.glob(f"monitor-{at:{_STAMP}}.*"):
                    if _NAME.fullmatch(old.name):
                        old.unlink()
                        log.info("backup deleted", file=str(old))
        return True


def made(folder: Path) -> set[datetime]:
    """Return of which slots there are backups in *folder*."""
    names = (_NAME.fullmatch(it.name) for it in folder.iterdir()) if folder.is_dir() else ()
    return {datetime.strptime(name[1], _STAMP).replace(tzinfo=UTC) for name in names if name}


@contextmanager
def _alone(folder: Path) -> Iterator[bool]:
    """Give whether nobody else works on *folder*; nobody does until the end."""
    with (folder / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
