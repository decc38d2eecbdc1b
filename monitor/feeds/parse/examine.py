"""Examine: what detection finds in a document's entries, where they are read.

* A child has time for it while its parent stores, and limits that hold for detection, too.
* Only entries that look new are examined, and no more than MOST of one document: whoever asks for
  the others finds out himself.
* All texts are folded and sieved together, and few entries looked at by themselves.
* An entry on which detection fails is told apart, and costs no other.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from monitor.detect.associate import Detector
from monitor.text.folding import fold_together
from monitor.text.index import ready, ready_together

if TYPE_CHECKING:
    from collections.abc import Container, Sequence

    from monitor.detect.lexicon import Lexicon
    from monitor.model import Document, Entry, Match
    from monitor.text.folding import Together
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
        entries = document.entries[:MOST]
        texts = [text for it in entries for text in (it.title, it.summary)]
        together = self._together(texts, company)
        folded, candidates = together or (None, range(len(entries)))
        matches: list[tuple[Match, ...] | str] = []
        made: list[Ready] = []
        for at, entry in enumerate(entries):
            found = self._find(entry, company) if at in candidates else ()
            matches.append(found)
            if folded is None:
                # At once, while folding remembers its texts; what failed may have failed there.
                made.append(() if isinstance(found, str) else ready(entry.title, entry.summary))
        if folded is not None:
            each = ready_together(texts, folded)
            made = list(zip(each[::2], each[1::2], strict=True))
        return replace(document, matches=tuple(matches), ready=tuple(made))

    def _together(
        self, texts: Sequence[str], company: str | None
    ) -> tuple[Together, Container[int]] | None:
        """Return *texts* folded, and the numbers of entries worth a look; None where it fails."""
        try:
            folded = fold_together(texts)
            return folded and (folded, self._detector.candidates(folded, company))
        except MemoryError:
            raise
        except Exception:  # noqa: BLE001 - one article never costs the others: each is tried alone
            return None

    def _find(self, it: Entry, company: str | None) -> tuple[Match, ...] | str:
        try:
            return self._detector.find(
                it.title, it.summary, company=company, published=it.published_at
            )
        except MemoryError:
            raise
        except Exception as error:  # noqa: BLE001 - one article never costs the others; told by the parent
            return f"{type(error).__name__}: {error}"
