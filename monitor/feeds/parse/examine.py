"""Examine: what detection finds in a document's entries, where they are read.

* A child has time for it while its parent stores, and limits that hold for detection, too.
* Only entries that look new are examined, and no more than MOST of one document: whoever asks for
  the others finds out himself.
* An entry on which detection fails is told apart, and costs no other.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from monitor.detect.associate import Detector
from monitor.text.index import ready

if TYPE_CHECKING:
    from monitor.detect.lexicon import Lexicon
    from monitor.model import Document, Entry, Match
    from monitor.text.index import Ready

MOST: Final = 500  # entries of one document


class Examiner:
    """Examines documents for what is in *lexicon*; takes a while to make."""

    def __init__(self, lexicon: Lexicon) -> None:
        self._detector = Detector(lexicon)

    def examine(self, document: Document, company: str | None) -> Document:
        """Return *document* with the matches of its first entries, which are made ready to index.

        *company* is the key of one that all of them are about.
        """
        matches: list[tuple[Match, ...] | str] = []
        made: list[Ready] = []
        for entry in document.entries[:MOST]:
            found = self._find(entry, company)
            matches.append(found)
            # At once, while folding remembers its texts; what failed may have failed there.
            made.append(() if isinstance(found, str) else ready(entry.title, entry.summary))
        return replace(document, matches=tuple(matches), ready=tuple(made))

    def _find(self, it: Entry, company: str | None) -> tuple[Match, ...] | str:
        try:
            return self._detector.find(
                it.title, it.summary, company=company, published=it.published_at
            )
        except MemoryError:
            raise
        except Exception as error:  # noqa: BLE001 - one article never costs the others; told by the parent
            return f"{type(error).__name__}: {error}"
