"""Examine: what detection finds in a document's entries, where they are read.

* A child has time for it while its parent stores, and limits that hold for detection, too.
* Only entries that look new are examined, and no more than MOST of one document: whoever asks for
  the others finds out himself.
* Texts are folded, sieved and cut together, and few entries looked at by themselves.
* An entry on which detection fails is told apart, and costs no other.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final, TypeAlias

from monitor.detect.associate import Detector
from monitor.text.folding import fold_together
from monitor.text.index import cut_some, ready, ready_together

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from monitor.detect.lexicon import Lexicon
    from monitor.model import Document, Entry, Match
    from monitor.text.index import Ready

_Found: TypeAlias = "tuple[Match, ...] | str"

MOST: Final = 500  # entries of one document
_AT_ONCE: Final = 200_000  # characters, more than most feeds show; each takes up to 40 bytes


class Examiner:
    """Examines documents for what is in *lexicon*; takes a while to make."""

    def __init__(self, lexicon: Lexicon) -> None:
        self._detector = Detector(lexicon)

    def examine(self, document: Document, company: str | None) -> Document:
        """Return *document* with the matches of its first entries, and their words.

        *company* is the key of one that all of them are about.
        """
        matches: list[_Found] = []
        words: list[str | None] = []
        for entries in _batches(document.entries[:MOST]):
            try:
                found = self._together(entries, company)
            except MemoryError:
                raise
            except Exception:  # noqa: BLE001 - one article never costs the others: each is tried alone
                found = None
            more, cut = found or self._one_by_one(entries, company)
            matches += more
            words += cut
        return replace(document, matches=tuple(matches), words=tuple(words))

    def _together(
        self, entries: Sequence[Entry], company: str | None
    ) -> tuple[list[_Found], list[str | None]] | None:
        texts = [text for it in entries for text in (it.title, it.summary)]
        folded = fold_together(texts)
        if folded is None:
            return None
        candidates = self._detector.candidates(folded, company)
        look = self._detector.look
        matches = [
            _tried(look, it, company) if at in candidates else () for at, it in enumerate(entries)
        ]
        made = ready_together(texts, folded)
        return matches, cut_some(list(zip(made[::2], made[1::2], strict=True)))

    def _one_by_one(
        self, entries: Sequence[Entry], company: str | None
    ) -> tuple[list[_Found], list[str | None]]:
        matches: list[_Found] = []
        made: list[Ready] = []
        for it in entries:
            found = _tried(self._detector.find, it, company)
            matches.append(found)
            # At once, while folding remembers its texts; what failed may have failed there.
            made.append(() if isinstance(found, str) else ready(it.title, it.summary))
        return matches, cut_some(made)


def _batches(entries: Sequence[Entry]) -> Iterator[Sequence[Entry]]:
    """Yield *entries* in order, as many at once as have about _AT_ONCE characters."""
    first = size = 0
    for at, it in enumerate(entries, 1):
        size += len(it.summary)
        if size >= _AT_ONCE or at == len(entries):
            yield entries[first:at]
            first, size = at, 0


def _tried(look: Callable[..., tuple[Match, ...]], it: Entry, company: str | None) -> _Found:
    try:
        return look(it.title, it.summary, company=company, published=it.published_at)
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001 - one article never costs the others; told by the parent
        return f"{type(error).__name__}: {error}"
