"""Every error the project raises on purpose, as one tree.

    MonitorError
    ├── ConfigError        an operator's mistake: stops the start, exit code 2
    ├── InputError         a line or file a command cannot use
    ├── UsageError         a name or option that does not exist: exit code 2
    │   └── QueryError         a query that cannot be read, with the place
    ├── ProcessDied        a process that did a part of the work is gone
    ├── StoreError         the database cannot be used as it is
    ├── FetchError         a feed's address gave no usable answer
    │   ├── AddressRefused     it leads to an address we do not go to
    │   ├── FetchTimeout       the whole exchange took longer than its deadline
    │   └── AnswerTooLarge     more decoded bytes than the cap
    ├── ParseError         bytes that are no feed we can read
    ├── RenderError        a template that cannot be read or filled
    ├── LeaseLost          another process has taken up what we were at
    └── MailError          a hand-over that did not end in "taken"
        ├── MailRefused        5xx for this recipient or message: final
        ├── MailDeferred       4xx, or no connection: try again
        └── MailUnsure         the line broke after the last byte: nobody can know (RFC 1047)

An error is raised where it is known and caught where something different is done about it. Each
pipeline step has one broad catch per work item, at its top, with the item's id in the log.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import timedelta


class MonitorError(Exception):
    """The root: whatever is caught by this name was foreseen."""


@dataclass(frozen=True, slots=True)
class Mistake:
    """One mistake of an operator: *place* is `file:line` (or the file), *path* the key path."""

    place: str
    path: str
    message: str

    def __str__(self) -> str:
        return ": ".join(part for part in (self.place, self.path, self.message) if part)


class ConfigError(MonitorError):
    """The configuration cannot be used; *mistakes* lists all of them, in file order."""

    def __init__(self, *mistakes: Mistake) -> None:
        super().__init__("\n".join(str(mistake) for mistake in mistakes))
        self.mistakes = mistakes


class InputError(MonitorError):
    """What a command was given cannot be used; the message names the file and line."""


class UsageError(MonitorError):
    """A command was given a name that is not in the configuration; the message says which are."""


class QueryError(UsageError):
    """A query that cannot be read: what is wrong with `query[start:end]`, and what may help.

    As text it shows the query, with carets under the place.
    """

    def __init__(self, shown: str, *, start: int, end: int, message: str, hint: str | None) -> None:
        super().__init__(shown)
        self.start, self.end, self.message, self.hint = start, end, message, hint


class ProcessDied(MonitorError):
    """A process that did a part of the work is gone, killed or by a fault of its own."""


class StoreError(MonitorError):
    """The database is missing, too old, too new or not ours; the message says what to do."""


class FetchError(MonitorError):
    """No usable answer; *status* is the HTTP status if there was one.

    *retry_after* is how long the server asks to be left alone (RFC 9110, 10.2.3), if it does.
    *took* is how long the exchange lasted, where one was begun.
    """

    def __init__(
        self, message: str, *, status: int | None = None, retry_after: timedelta | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after = retry_after
        self.took: timedelta | None = None


class AddressRefused(FetchError):
    """The address is not http or https, or leads to a network we do not enter."""


class FetchTimeout(FetchError):
    """The exchange, from the first look-up to the last byte, outlasted its deadline."""


class AnswerTooLarge(FetchError):
    """The answer had more decoded bytes than the cap allows."""


class ParseError(MonitorError):
    """The bytes are no feed we can read, or reading them took too long."""


class RenderError(MonitorError):
    """A template cannot be read or filled; the message names template and line."""


class LeaseLost(MonitorError):
    """Another process has taken up the delivery meanwhile: the last byte must not be sent."""


class MailError(MonitorError):
    """A hand-over that did not end in "taken"; the message is the server's answer, one line."""


class MailRefused(MailError):
    """The server said no for good (5xx)."""


class MailDeferred(MailError):
    """The server said not now (4xx), or could not be reached: nothing was handed over.

    *retry_after* is how long it asks to be left alone, if it does.
    """

    def __init__(self, message: str = "", *, retry_after: timedelta | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class MailUnsure(MailError):
    """The line broke after the last byte: taken or not, nobody can know (RFC 1047).

    With *repeatable* whoever may have taken it knows a repetition, and it does no harm.
    """

    def __init__(self, message: str = "", *, repeatable: bool = False) -> None:
        super().__init__(message)
        self.repeatable = repeatable
