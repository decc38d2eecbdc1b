"""The log: one line an event, in a form that machines read."""

from __future__ import annotations

import json
import logging
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from monitor import logs

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    yield
    root.handlers = handlers
    root.setLevel(level)
    logging.getLogger("monitor").setLevel(logging.NOTSET)


def _lines(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return capsys.readouterr().err.splitlines()


def test_json_keeps_every_field_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    """An event comes back out of its line: text in any script, numbers, nothing, a percent sign."""
    logs.set_up("info", "json")
    fields = {"title": '50% "off"\n反垄断', "n": 3, "share": 0.5, "whole": False, "none": None}
    logs.get_logger().bind(feed="samr").warning("feed state", **fields)
    [line] = _lines(capsys)
    told = json.loads(line)
    at = datetime.fromisoformat(told.pop("timestamp"))
    assert at.utcoffset() == timedelta()
    assert told == {"feed": "samr", **fields, "event": "feed state", "level": "warning"}
    assert "反垄断" in line


def test_logfmt_begins_with_time_level_and_event(capsys: pytest.CaptureFixture[str]) -> None:
    """On a terminal a line is read from the left; what has blanks or quotes stands in quotes."""
    logs.set_up("info", "logfmt")
    logs.get_logger().info("hits grouped", hits=2, why='a "b" = c', whole=True, none=None, zh="罚")
    [line] = _lines(capsys)
    at, _, rest = line.partition(" ")
    assert at.startswith("timestamp=2")
    assert at.endswith("Z")
    assert rest == (
        r'level=info event="hits grouped" hits=2 why="a \"b\" = c" whole=true none= zh=罚'
    )


def test_no_text_reaches_the_terminal_as_a_command(capsys: pytest.CaptureFixture[str]) -> None:
    """Escape sequences and line ends that a feed sends are written out, not obeyed."""
    logs.set_up("info", "logfmt")
    logs.get_logger().error("poll failed", error="\x1b[2J\x9b31m\u202egone\nlevel=info")
    [line] = _lines(capsys)
    assert line.isprintable()
    assert r"\u001b[2J\u009b31m\u202egone\nlevel=info" in line


@pytest.mark.parametrize("form", ["json", "logfmt"])
def test_an_exception_is_told_in_the_same_line(
    capsys: pytest.CaptureFixture[str], form: logs.Format
) -> None:
    """One being handled and one that was kept are both told with where they come from."""
    logs.set_up("info", form)
    try:
        int("no such feed")
    except ValueError as error:
        logs.get_logger().exception("tick failed", step="poll")
        logs.get_logger().error("detection failed", exc_info=error)
    lines = _lines(capsys)
    assert len(lines) == 2
    assert all("ValueError: invalid literal" in it and "test_logs.py" in it for it in lines)


def test_libraries_tell_theirs_in_the_same_form(capsys: pytest.CaptureFixture[str]) -> None:
    """A warning of a library we use is an event like ours, with the fields it came with."""
    logs.set_up("info", "json")
    logging.getLogger("somelib").warning("retry %d", 3, extra={"job": {"id": 7}, "odd": {1}})
    logging.getLogger("somelib").info("not shown")
    [line] = _lines(capsys)
    told = json.loads(line)
    del told["timestamp"]
    assert told == {"job": {"id": 7}, "odd": "{1}", "event": "retry 3", "level": "warning"}


def test_what_is_below_the_level_is_not_written(capsys: pytest.CaptureFixture[str]) -> None:
    """The level of the configuration is that of our own events."""
    logs.set_up("warning", "json")
    log = logs.get_logger()
    log.debug("a")
    log.info("b")
    log.warning("c")
    assert [json.loads(it)["event"] for it in _lines(capsys)] == ["c"]
