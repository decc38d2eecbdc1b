"""A child: reads one feed after another, within limits, as its parent hands them over.

* It says "ready", takes on stdin, pickled, the text of the lexicon by which entries are examined,
  if they are, and then jobs.
  It gives a document or the reason why there is none on stdout; it ends with its parent, whose end
  of the pipe then closes.
* Its limits of memory and processor time are its own, and hold even if the parent is gone.
* What a library prints goes to stderr: on stdout are answers only.
"""

from __future__ import annotations

import gc
import os
import pickle
import resource
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING, BinaryIO, Final, NamedTuple

from monitor.errors import ParseError
from monitor.feeds.parse.document import parse
from monitor.text.html import one_line

if TYPE_CHECKING:
    from monitor.feeds.parse.examine import Examiner
    from monitor.model.documents import Document, Page

_LARGE_BYTES: Final = 1_000_000  # of a body after which memory is given back


class Job(NamedTuple):
    """What is to be read, and how much that may take."""

    body: bytes
    content_type: str | None
    url: str
    page: Page | None
    before: bytes
    company: str | None
    is_known: bool  # it was read before, so that its entries are new only where it tells them apart
    memory_bytes: int  # of address space, beyond that of an idle child
    cpu_s: int


def main() -> None:
    """Answer jobs until there are no more."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    gc.set_threshold(100_000, 20, 50)  # feeds leave little behind that refers to itself
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    with suppress(BrokenPipeError):  # the parent has gone, and nobody wants an answer
        _tell(answers, "ready")
        examiner, limits = _Examiner(sys.stdin.buffer), _Limits()
        while (job := _next(sys.stdin.buffer)) is not None:
            found = _answer(job, examiner, limits)
            del job
            _tell(answers, found)
    os._exit(0)  # there is nothing to tidy up, and nothing more to be said


class _Examiner:
    """What examines documents: made when there is something to examine, if that is wished.

    Where the lexicon's text is not what its fingerprint says, nothing is examined here: the parent
    examines what has not been, and makes a lexicon that is.
    """

    def __init__(self, jobs: BinaryIO) -> None:
        try:
            self._text: tuple[str, str] | None = pickle.load(jobs)  # noqa: S301 - from our parent
        except (EOFError, pickle.UnpicklingError):  # it has gone: there will be no job, either
            self._text = None
        self._made: Examiner | None = None

    def examine(self, document: Document, job: Job) -> Document:
        """Return *document* with what is found in it, as far as that is new."""
        if not document.entries or (job.is_known and document.shown is None):
            return document
        if self._text is not None:
            self._made, self._text = self._make(*self._text), None
        return document if self._made is None else self._made.examine(document, job.company)

    @staticmethod
    def _make(text: str, fingerprint: str) -> Examiner | None:
        from monitor.detect.canonical import recall  # few polls find anything new
        from monitor.feeds.parse.examine import Examiner

        lexicon = recall(text, fingerprint)
        return None if lexicon is None else Examiner(lexicon)


def _tell(answers: BinaryIO, what: object) -> None:
    told = pickle.dumps(what)
    answers.write(len(told).to_bytes(8, "big"))
    answers.write(told)
    answers.flush()


def _next(jobs: BinaryIO) -> Job | None:
    try:
        job = Job(*pickle.load(jobs))  # noqa: S301 - from our parent
    except (EOFError, pickle.UnpicklingError):  # it has gone, if need be in the middle of a word
        return None
    return job


def _answer(job: Job, examiner: _Examiner, limits: _Limits) -> Document | ParseError:
    try:
        return _within(limits, job, examiner)
    except ParseError as error:
        return error
    except MemoryError:
        return ParseError(f"reading takes more than {job.memory_bytes:,} bytes of memory")
    except Exception as error:  # noqa: BLE001 - whatever one feed does, the others go on
        return ParseError(one_line(f"{type(error).__name__}: {error}"))


def _within(limits: _Limits, job: Job, examiner: _Examiner) -> Document:
    limits.set(job)
    try:
        document = parse(job.body, job.content_type, job.url, page=job.page, before=job.before)
        return examiner.examine(document, job)
    finally:
        limits.lift()
        if len(job.body) > _LARGE_BYTES:
            _trim()


class _Limits:
    """What a job may take of memory and processor time, beyond what is taken already.

    The system is asked as little as can be: to ask all of it for each job took 2 % of a poll.
    """

    def __init__(self) -> None:
        self._statm = os.open("/proc/self/statm", os.O_RDONLY)  # what tells our size, in pages
        self._usual = resource.getrlimit(resource.RLIMIT_AS)
        self._until_s = 0

    def set(self, job: Job) -> None:
        """Have the system hold *job* to its limits."""
        until_s = int(time.process_time()) + job.cpu_s
        if until_s != self._until_s:  # it is never lifted: who waits takes no time
            _, most = resource.getrlimit(resource.RLIMIT_CPU)
            resource.setrlimit(resource.RLIMIT_CPU, (until_s, most))
            self._until_s = until_s
        size = int(os.pread(self._statm, 64, 0).split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (size + job.memory_bytes, self._usual[1]))

    def lift(self) -> None:
        """Let the next job be taken, however large it is."""
        resource.setrlimit(resource.RLIMIT_AS, self._usual)


def _trim() -> None:
    """Give the memory of a large feed back to the system, where the C library can."""
    import ctypes  # few feeds are large

    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
