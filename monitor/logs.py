"""Structured logs on stderr: logfmt on a terminal, JSON otherwise. One event per outcome."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, Literal, cast

from monitor import traces

if TYPE_CHECKING:
    from collections.abc import Mapping

Format = Literal["auto", "logfmt", "json"]

_OURS: Final = "monitor"  # the logger, and so the level, of all our events
_FIELDS: Final = "monitor_fields"  # of a record: what an event of ours has beside its name
_USUAL: Final = frozenset((*vars(logging.makeLogRecord({})), "message", "asctime"))


class Logger:
    """What a module tells its events to: a name, and fields of plain values."""

    def __init__(self, **fields: object) -> None:
        """Start with *fields* that every event has."""
        self._fields = fields

    def bind(self, **fields: object) -> Logger:
        """Return a logger whose every event has *fields* too."""
        return Logger(**self._fields, **fields)

    def debug(self, event: str, **fields: object) -> None:
        """Tell what helps to find a fault."""
        self.log(logging.DEBUG, event, **fields)

    def info(self, event: str, **fields: object) -> None:
        """Tell an outcome."""
        self.log(logging.INFO, event, **fields)

    def warning(self, event: str, **fields: object) -> None:
        """Tell what somebody should look at."""
        self.log(logging.WARNING, event, **fields)

    def error(self, event: str, **fields: object) -> None:
        """Tell what failed; *exc_info* may be the exception."""
        self.log(logging.ERROR, event, **fields)

    def exception(self, event: str, **fields: object) -> None:
        """Tell what failed, with the exception that is being handled."""
        self.log(logging.ERROR, event, **{"exc_info": True, **fields})

    def log(self, level: int, event: str, **fields: object) -> None:
        """Tell *event* if its level, one of the standard library's, is shown."""
        logger = logging.getLogger(_OURS)
        if logger.isEnabledFor(level):
            error = cast("BaseException | bool | None", fields.pop("exc_info", None))
            shown = {**self._fields, **fields, **traces.ids()}
            # Handed over as it is, and no format: a field may have a sign of percent.
            logger.log(level, "%s", event, exc_info=error, extra={_FIELDS: shown})


def get_logger() -> Logger:
    """Return what a module tells its events to."""
    return Logger()


def set_up(level: str, form: Format) -> None:
    """Send our events, and the warnings of the libraries we use, to stderr."""
    if form == "auto":
        form = "logfmt" if sys.stderr.isatty() else "json"
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Formatter(form))
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger(_OURS).setLevel(level.upper())
    # A tick that finds the last one still at work is no event: what is due stays due.
    logging.getLogger("apscheduler").setLevel(logging.ERROR)


class _Formatter(logging.Formatter):
    """Writes an event, ours or a library's, as one line in the format *form*."""

    def __init__(self, form: str) -> None:
        super().__init__()
        self._write = _logfmt if form == "logfmt" else _json

    def format(self, record: logging.LogRecord) -> str:
        given = vars(record)
        fields = given.get(_FIELDS)
        if fields is None:  # a library's, which may have some of its own
            fields = {name: value for name, value in given.items() if name not in _USUAL}
        at = datetime.fromtimestamp(record.created, UTC).isoformat("T", "microseconds")
        event = {
            **fields,
            "event": record.getMessage(),
            "level": record.levelname.lower(),
            "timestamp": at.replace("+00:00", "Z"),
        }
        if record.exc_info:
            event["exception"] = self.formatException(record.exc_info)
        return self._write(event)


def _json(event: Mapping[str, object]) -> str:
    return _visible(json.dumps(event, ensure_ascii=False, default=repr))


def _logfmt(event: Mapping[str, object]) -> str:
    first = ("timestamp", "level", "event")
    names = *first, *(name for name in event if name not in first)
    return " ".join(f"{name}={_quoted(event[name])}" for name in names)


def _quoted(value: object) -> str:
    """Return *value* as logfmt writes it: in quotes where a blank or the like stands in it."""
    if value is None:
        return ""
    text = str(value).lower() if isinstance(value, bool) else str(value)
    if text.isprintable() and not any(sign in text for sign in ' ="\\'):
        return text
    return _visible(json.dumps(text, ensure_ascii=False))


def _visible(quoted: str) -> str:
    """Return *quoted* with those signs written out that a terminal may take for commands."""
    if quoted.isprintable():
        return quoted
    return "".join(sign if sign.isprintable() else json.dumps(sign)[1:-1] for sign in quoted)
