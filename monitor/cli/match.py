"""`monitor match`: detection alone, NDJSON in, NDJSON out; no database.

* One line out for each line in, in the same order, in constant memory; empty lines are skipped.
* A field that holds HTML is turned into text first; spans count the code points of that text.
* A line that cannot be used gives `{"id": ..., "error": "..."}`; the run goes on and exits 1.
* Several processes give the same lines in the same order as one.
"""

from __future__ import annotations

import json
import os
import sys
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from monitor.cli import config_option, config_path
from monitor.cli.published import published
from monitor.errors import InputError, ProcessDied
from monitor.text.html import looks_like_html, to_text

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator

    from monitor.detect.associate import Detector
    from monitor.detect.lexicon import Lexicon
    from monitor.model import Match

FIELDS = ("title", "summary")

Line: TypeAlias = tuple[int, bytes]  # by number, from 1

_BATCH_LINES: Final = 200  # that a child is given at once,
_BATCH_BYTES: Final = 200_000  # or fewer if they are long


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    command = commands.add_parser(
        "match",
        help="detect companies and topics in NDJSON items; no database",
        description="Reads items as NDJSON (id, title, summary, ...), writes their matches.",
        parents=[config_option()],
    )
    file_argument(command)
    command.add_argument(
        "--all", action="store_true", help="print rejected matches too, with the reason"
    )
    command.add_argument(
        "--jobs",
        type=_jobs,
        default=1,
        metavar="N",
        help="processes that share the work, 0 for one on each core (default 1)",
    )
    command.set_defaults(work=_match)


def file_argument(command: argparse.ArgumentParser) -> None:
    """Declare the file of items, standard input by default."""
    command.add_argument(
        "file", nargs="?", default="-", metavar="FILE", help='NDJSON, "-" for stdin (default)'
    )


def _jobs(text: str) -> int:
    jobs = int(text)
    if jobs < 0:
        raise ValueError
    return jobs or len(os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else "1")


def _match(args: argparse.Namespace) -> int:
    reading = Reading.with_config(args)
    if args.jobs > 1:
        return _match_together(reading, args)
    failed = False
    for item in read_items(args.file):
        answer, wrong = _answer(reading, item, told_all=args.all)
        print(answer)
        failed |= wrong
    return 1 if failed else 0


def _match_together(reading: Reading, args: argparse.Namespace) -> int:
    from monitor.cli.parallel import in_order

    prepare = partial(_prepare, reading.detector.lexicon, reading.bound, told_all=args.all)
    failed, answered = False, 0
    try:
        for answers, wrong in in_order(prepare, _batches(_lines(args.file)), args.jobs):
            print(*answers, sep="\n")
            failed |= wrong
            answered += len(answers)
    except ProcessDied as error:
        told = f"the items after the first {answered} have no answer"
        raise ProcessDied(f"{error}; {told}") from None
    return 1 if failed else 0


def _prepare(
    lexicon: Lexicon, bound: dict[str, str], *, told_all: bool
) -> Callable[[list[Line]], tuple[list[str], bool]]:
    """Return what a child does with a batch: one answer a line, and whether one is an error."""
    from monitor.detect.associate import Detector

    reading = Reading(Detector(lexicon), bound)

    def work(batch: list[Line]) -> tuple[list[str], bool]:
        answers = [_answer(reading, _item(*line), told_all=told_all) for line in batch]
        return [answer for answer, _ in answers], any(wrong for _, wrong in answers)

    return work


def _batches(lines: Iterator[Line]) -> Iterator[list[Line]]:
    batch: list[Line] = []
    size = 0
    for one in lines:
        batch.append(one)
        size += len(one[1])
        if len(batch) == _BATCH_LINES or size > _BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _answer(reading: Reading, item: Item, *, told_all: bool) -> tuple[str, bool]:
    """Return the line that answers an item, and whether it is an error."""
    if item.error is not None:
        return line({"id": item.id, "error": item.error}), True
    found = [match for match in reading.find(item) if told_all or not match.rejected]
    return line({"id": item.id, "matches": [_plain(it, parts=told_all) for it in found]}), False


# --- items, for match, group and eval ----------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Item:
    """One line: its fields as plain text, all of its data, or the *error* that makes it useless."""

    number: int
    id: str | int | None
    title: str = ""
    summary: str = ""
    data: dict[str, Any] | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """A detector, and the companies that feeds of the configuration are bound to."""

    detector: Detector
    bound: dict[str, str]

    @classmethod
    def with_config(cls, args: argparse.Namespace) -> Reading:
        """Make it from the configuration, or the bundled lexicon if there is none to be found."""
        from monitor.config import load
        from monitor.config.watchlist import bundled_lexicon
        from monitor.detect.associate import Detector

        path = config_path(args)
        if path == "config.yaml" and not Path(path).exists():
            return cls(Detector(bundled_lexicon()), {})
        config = load(path, os.environ)
        bound = {feed.key: feed.company for feed in config.model_feeds() if feed.company}
        return cls(Detector(config.lexicon), bound)

    def find(self, item: Item) -> tuple[Match, ...]:
        """Return the matches of an item, rejected ones included."""
        data = item.data or {}
        feed = data.get("feed")
        company = self.bound.get(feed) if isinstance(feed, str) else None
        at = published(data.get("published"), exact=True)
        return self.detector.find(item.title, item.summary, company=company, published=at)


def read_items(file: str) -> Iterator[Item]:
    """Yield the items of an NDJSON *file*, "-" for standard input, one at a time.

    Raises InputError when the file cannot be read.
    """
    for number, text in _lines(file):
        yield _item(number, text)


def _lines(file: str) -> Iterator[Line]:
    try:
        with nullcontext(sys.stdin.buffer) if file == "-" else Path(file).open("rb") as lines:
            for number, text in enumerate(lines, start=1):
                if text.strip():
                    yield number, text
    except OSError as error:
        raise InputError(f"{file}: {error.strerror}") from error


def _item(number: int, text: bytes) -> Item:
    try:
        data = json.loads(text.decode("utf-8-sig" if number == 1 else "utf-8"))
    except (ValueError, RecursionError) as error:
        return Item(number, None, error=f"not valid JSON: {error}")
    if not isinstance(data, dict):
        return Item(number, None, error="not a JSON object")
    key = data.get("id")
    if not isinstance(key, str | int) or isinstance(key, bool):
        return Item(number, None, error='lacks an "id", a text or number')
    if not isinstance(data.get("title"), str) or not data["title"].strip():
        return Item(number, key, error='lacks a "title"')
    if not isinstance(data.get("summary"), str | None):
        return Item(number, key, error='"summary" must be text')
    title, summary = (_text(data.get(field) or "") for field in FIELDS)
    return Item(number, key, title, summary, data)


def _text(field: str) -> str:
    return to_text(field) if looks_like_html(field) else field


# --- output ------------------------------------------------------------------------------------


def line(data: dict[str, Any], *, indent: int | None = None) -> str:
    """Return *data* as JSON, on one line; half characters, which no encoding knows, escaped."""
    text = json.dumps(data, ensure_ascii=False, indent=indent)
    return text if text.isascii() or _is_whole(text) else json.dumps(data, indent=indent)


def _is_whole(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _plain(match: Match, *, parts: bool) -> dict[str, Any]:
    plain: dict[str, Any] = {
        "company": match.company,
        "topic": match.topic,
        "score": match.score,
        "stage": match.stage,
        "regulator": match.regulator,
        "amounts": [
            {"value": f"{amount.value:f}", "currency": amount.currency, "text": amount.text}
            for amount in match.amounts
        ],
        "date": match.event_date.isoformat() if match.event_date else None,
        "sentence": match.sentence,
        "evidence": [
            {
                "role": quote.role.value,
                "field": quote.field,
                "start": quote.start,
                "end": quote.end,
                "text": quote.text,
                "term": quote.term,
            }
            for quote in match.evidence
        ],
    }
    if parts:
        plain["parts"] = [{"rule": part.rule, "value": part.value} for part in match.parts]
    if match.possible:
        plain["possible"] = True
    if match.rejected:
        plain["rejected"] = match.rejected
    return plain
