"""Excerpts: the words that made a hit, shown in the text they stand in.

* A text becomes pieces: plain text, each piece marked as matched or not; never markup.
* Evidence that no longer quotes the text, since the article was revised, marks nothing.
* An excerpt is at most EXCERPT_CHARS long. It shows as many of the matched words as fit, from
  the start of their sentence if that fits too, and says with "…" where it was cut.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from monitor.text.html import one_line
from monitor.text.words import is_letter

if TYPE_CHECKING:
    from monitor.model import Field, ReportedHit

EXCERPT_CHARS = 200

_Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Piece:
    """A run of plain text on one line; *marked* if it is matched words."""

    text: str
    marked: bool = False


def headline(hit: ReportedHit) -> tuple[Piece, ...]:
    """Return the whole title of *hit*'s article, its matched words marked."""
    return _pieces(hit.title, (0, len(hit.title)), _spans(hit, "title"))


def excerpt(hit: ReportedHit) -> tuple[Piece, ...]:
    """Return a part of the summary of *hit*'s article round its matched words.

    Without any in the summary it is the summary's beginning; without a summary, or where the
    summary only says the title again, it is empty.
    """
    text = hit.summary
    if not text or one_line(text) == one_line(hit.title):
        return ()
    spans = _spans(hit, "summary")
    start, end = _window(text, spans, max(text.find(hit.sentence), 0) if hit.sentence else 0)
    pieces = _pieces(text, (start, end), spans)
    before = (Piece("…"),) if start > 0 else ()
    after = (Piece("…"),) if end < len(text) else ()
    return before + pieces + after


def _spans(hit: ReportedHit, field: Field) -> list[_Span]:
    text = hit.title if field == "title" else hit.summary
    spans = sorted(
        (evidence.start, evidence.end)
        for evidence in hit.evidence
        if evidence.field == field
        and 0 <= evidence.start < evidence.end
        and text[evidence.start : evidence.end] == evidence.text
    )
    merged: list[_Span] = []
    for start, end in spans:
        if merged and start <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(end, merged[-1][1])
        else:
            merged.append((start, end))
    return merged


def _window(text: str, spans: list[_Span], sentence: int) -> _Span:
    """Return the part of *text* to show; *sentence* is where the matched sentence starts."""
    size = EXCERPT_CHARS - 2  # room for an ellipsis on either side
    if len(text) <= EXCERPT_CHARS:
        return 0, len(text)
    if not spans:
        return 0, _back_to_word_end(text, 1, size)
    low, high = _densest(spans, size)
    if sentence <= low and high - sentence <= size:
        start = sentence
    else:
        start = max(0, min(low - (size - (high - low)) // 2, len(text) - size))
        start = _on_to_word_start(text, start, low)
    end = min(len(text), start + size)
    return start, _back_to_word_end(text, high, end)


def _densest(spans: list[_Span], size: int) -> _Span:
    """Return the extent of the most spans that fit into *size*, the first such on a tie."""
    best, most = (0, 0), 0
    for low, _ in spans:
        ends = [end for start, end in spans if start >= low and end <= low + size]
        if len(ends) > most:
            best, most = (low, max(ends)), len(ends)
    return best if most else (spans[0][0], spans[0][0] + size)


def _on_to_word_start(text: str, start: int, low: int) -> int:
    while 0 < start < low and (_within_word(text, start) or text[start].isspace()):
        start += 1
    return start


def _back_to_word_end(text: str, high: int, end: int) -> int:
    if end == len(text):
        return end
    cut = end
    while cut > high and (_within_word(text, cut) or text[cut - 1].isspace()):
        cut -= 1
    return cut if cut > high else end


def _within_word(text: str, at: int) -> bool:
    return is_letter(text[at - 1]) and is_letter(text[at])


def _pieces(text: str, window: _Span, spans: list[_Span]) -> tuple[Piece, ...]:
    start, end = window
    pieces: list[Piece] = []
    at = start
    for low, high in spans:
        if low >= at and low < end:
            pieces += (_piece(text[at:low]), _piece(text[low : min(high, end)], marked=True))
            at = min(high, end)
    pieces.append(_piece(text[at:end]))
    kept = [piece for piece in pieces if piece.text]
    return _stripped(kept)


def _piece(text: str, *, marked: bool = False) -> Piece:
    # The bars keep a blank at either end, which separates this piece from its neighbour.
    return Piece(one_line(f"|{text}|")[1:-1], marked)


def _stripped(pieces: list[Piece]) -> tuple[Piece, ...]:
    if pieces:
        pieces[0] = Piece(pieces[0].text.lstrip(), pieces[0].marked)
        pieces[-1] = Piece(pieces[-1].text.rstrip(), pieces[-1].marked)
    return tuple(piece for piece in pieces if piece.text)
