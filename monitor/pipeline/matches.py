"""Matches of a document's entries: detection as a poll asks for it."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from monitor import logs
from monitor.text.index import index_words, uncut

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from monitor.detect.associate import Detector
    from monitor.detect.lexicon import Lexicon
    from monitor.model import Entry, FeedToPoll, Match

log = logs.get_logger()


class LateDetector:
    """A detector that is built when first asked: most rounds of polling find nothing new."""

    def __init__(self, lexicon: Callable[[], Lexicon]) -> None:
        self._lexicon = lexicon

    @cached_property
    def built(self) -> Detector:
        """The detector itself."""
        from monitor.detect.associate import Detector

        return Detector(self._lexicon())


class Matches:
    """The matches of a document's entries, and their words for the search index.

    Each is found once, when first asked for. None stands for the matches of an entry on which
    detection failed. *told* are those of the first entries, as far as whoever read them found out:
    text in place of them says why that failed. *cut* are the words of the same entries, None where
    their texts stand as they are.
    """

    def __init__(
        self,
        detector: LateDetector,
        feed: FeedToPoll,
        entries: Sequence[Entry],
        told: Sequence[Sequence[Match] | str | None] = (),
        cut: Sequence[str | None] = (),
    ) -> None:
        self._detector, self._feed, self._entries = detector, feed, entries
        self._told, self._cut = told, cut
        self._found: dict[int, Sequence[Match] | None] = {}
        self._words: dict[int, str] = {}

    def __call__(self, index: int) -> Sequence[Match] | None:
        """Return the matches of the entry with that index."""
        if index not in self._found:
            entry = self._entries[index]
            told = self._told[index] if index < len(self._told) else None
            if isinstance(told, str):
                self._tell_failure(entry, error=told)
                self._found[index] = None
            else:
                self._found[index] = self._find(entry) if told is None else told
        return self._found[index]

    def words(self, index: int) -> str:
        """Return the words of the entry with that index."""
        if index not in self._words:
            entry = self._entries[index]
            failed = index < len(self._told) and isinstance(self._told[index], str)
            if failed or index >= len(self._cut):
                self._words[index] = index_words(entry.title, entry.summary)
            else:
                cut = self._cut[index]
                self._words[index] = uncut(entry.title, entry.summary) if cut is None else cut
        return self._words[index]

    def _find(self, entry: Entry) -> Sequence[Match] | None:
        try:
            found: Sequence[Match] = self._detector.built.find(
                entry.title,
                entry.summary,
                company=self._feed.company,
                published=entry.published_at,
            )
        except Exception as error:  # noqa: BLE001 - the one broad catch of this work item
            self._tell_failure(entry, exc_info=error)
            return None
        return found

    def _tell_failure(self, entry: Entry, **why: object) -> None:
        """Log it: the article is stored all the same, marked as not matched."""
        log.error("detection failed", feed=self._feed.key, guid=entry.guid, url=entry.link, **why)
