"""Matches of a document's entries: detection as a poll asks for it."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from monitor import logs
from monitor.text.index import index_words

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

    Each is found once, when first asked for; both at a time, since both fold the same texts. None
    stands for the matches of an entry on which detection failed.
    """

    def __init__(self, detector: LateDetector, feed: FeedToPoll, entries: Sequence[Entry]) -> None:
        self._detector, self._feed, self._entries = detector, feed, entries
        self._found: dict[int, Sequence[Match] | None] = {}
        self._words: dict[int, str] = {}

    def __call__(self, index: int) -> Sequence[Match] | None:
        """Return the matches of the entry with that index."""
        if index not in self._found:
            entry = self._entries[index]
            self._found[index] = self._find(entry)
            self._words[index] = index_words(entry.title, entry.summary)
        return self._found[index]

    def words(self, index: int) -> str:
        """Return the words of the entry with that index."""
        self(index)
        return self._words[index]

    def _find(self, entry: Entry) -> Sequence[Match] | None:
        try:
            found: Sequence[Match] = self._detector.built.find(
                entry.title,
                entry.summary,
                company=self._feed.company,
                published=entry.published_at,
            )
        except Exception:
            # The article is stored all the same, marked as not matched, and the log says which.
            log.exception("detection failed", feed=self._feed.key, guid=entry.guid, url=entry.link)
            return None
        return found
