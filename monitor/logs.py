"""Structured logs on stderr: logfmt on a terminal, JSON otherwise. One event per outcome."""

from __future__ import annotations

import logging
import sys
from functools import cache
from typing import TYPE_CHECKING, Literal

from monitor import traces

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger, Processor

Format = Literal["auto", "logfmt", "json"]

_OURS = "monitor"  # the logger, and so the level, of all our events


class Logger:
    """What a module tells its events to: a name, and fields of plain values.

    structlog writes them. It is imported with the first that is shown: it takes as long to import
    as a quiet poll of two hundred feeds.
    """

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
        if logging.getLogger(_OURS).isEnabledFor(level):
            _structlog().log(level, event, **self._fields, **fields, **traces.ids())


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
    """structlog's formatter, made when it has something to write."""

    def __init__(self, form: str) -> None:
        super().__init__()
        self._form = form
        self._made: logging.Formatter | None = None

    def format(self, record: logging.LogRecord) -> str:
        if self._made is None:
            self._made = _formatter(self._form)
        return self._made.format(record)


def _shared() -> list[Processor]:
    import structlog

    return [
        structlog.stdlib.add_log_level,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]


def _formatter(form: str) -> logging.Formatter:
    import structlog

    render: Processor = (
        structlog.processors.LogfmtRenderer(
            key_order=["timestamp", "level", "event"], bool_as_flag=False
        )
        if form == "logfmt"
        else structlog.processors.JSONRenderer(ensure_ascii=False)
    )
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=_shared(),
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, render],
    )


@cache
def _structlog() -> FilteringBoundLogger:
    import structlog

    structlog.configure(
        processors=[*_shared(), structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(logging.NOTSET),
    )
    made: FilteringBoundLogger = structlog.get_logger(_OURS)
    return made
