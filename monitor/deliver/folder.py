"""A folder as mail server: each mail becomes an `.eml` and an `.html` file.

* It stands in while no SMTP server is set up, so that nothing is lost before.
* A mail's files are named for its date, list and Message-ID: handing it over again writes the
  same bytes to the same names.
* A file is there whole or not at all: it is written beside its place, flushed to the disk and
  then moved. What a kill leaves behind is a dot file, never half a mail.
"""

from __future__ import annotations

import os
from contextlib import suppress
from datetime import UTC
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from monitor.deliver.message import parts, slug
from monitor.errors import MailDeferred

if TYPE_CHECKING:
    from collections.abc import Callable

    from monitor.deliver.message import Letterhead
    from monitor.model import Mail


class FolderMailer:
    """Writes mails into *folder*, which is made when first needed. A `monitor.ports.Mailer`.

    *last_html* is the page of the last mail written; the folder itself before there is one.
    """

    def __init__(self, folder: Path | str, letterhead: Letterhead) -> None:
        self._folder = Path(folder)
        self._letterhead = letterhead
        self.last_html = self._folder

    def send(self, mail: Mail, before_last: Callable[[bytes, bytes | None], None]) -> None:
        """Write *mail*'s two files; once this returns they are on the disk.

        Raises MailDeferred, which names the file, if they cannot be written.
        """
        page = self.path_of(mail, ".html")
        head, body = parts(mail, self._letterhead)
        self._write(page, mail.html.encode("utf-8", "replace"))
        before_last(head, body)
        self._write(self.path_of(mail, ".eml"), head + body)
        self.last_html = page

    def rest(self) -> None:
        """Do nothing: no mail leaves anything for the next one."""

    def path_of(self, mail: Mail, suffix: str = ".html") -> Path:
        """Return where *mail* is written; *suffix* is ".html" or ".eml"."""
        date = f"{mail.date.astimezone(UTC):%Y-%m-%dT%H%MZ}"
        mark = sha256(mail.message_id.encode("utf-8", "replace")).hexdigest()[:12]
        return self._folder / f"{date}-{slug(mail.list_name)}-{mark}{suffix}"

    def _write(self, path: Path, content: bytes) -> None:
        beside = path.with_name(f".{path.name}.{uuid4().hex}.tmp")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with beside.open("xb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(path)
            _flush_names(path.parent)
        except OSError as error:
            with suppress(OSError):  # it may not be there; and the first error is the one to tell
                beside.unlink()
            raise MailDeferred(f"cannot write {path}: {error.strerror or error}") from error


def _flush_names(folder: Path) -> None:
    """Put the folder's own entries on the disk: a moved file's new name is one of them."""
    if os.name != "posix":
        return  # elsewhere a folder cannot be opened for that
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
