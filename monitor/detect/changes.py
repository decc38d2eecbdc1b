"""Changes: what the matches of an article's texts mean for the hits it has. Pure.

* A hit belongs to one text of its article, the revision it quotes, and is judged by that text.
* A pair found in a newer text is one more hit only if it has a stage there that none of its hits
  in the article has: a status that moves on under one address is news, a retouched title is not.
* A hit that is no longer found is withdrawn, never deleted; found again, it comes back.
* A rejected match is a near-miss, unless its pair is a hit of the article all the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import date

    from monitor.model import Evidence, Match, ScorePart

Pair = tuple[str, str]  # company and topic


@dataclass(frozen=True, slots=True)
class KnownHit:
    """A hit as it is stored; *amount* is the words of its first sum."""

    id: int
    article: int
    revision: int
    company: str
    topic: str
    score: float
    stage: str | None
    regulator: str | None
    amount: str | None
    event_date: date | None
    sentence: str
    evidence: tuple[Evidence, ...]
    parts: tuple[ScorePart, ...]
    lexicon: str
    withdrawn: bool = False

    @property
    def pair(self) -> Pair:
        """Return what the hit is about."""
        return self.company, self.topic


@dataclass(frozen=True, slots=True)
class Changes:
    """What becomes of one article's hits and near-misses; a hit is in one of the lists at most.

    *found* are new hits of the present text. *kept* are hits that are found again, each with its
    match, and *lost* those that are not, each with the rejected match of its text, if any.
    """

    found: tuple[Match, ...] = ()
    kept: tuple[tuple[KnownHit, Match], ...] = ()
    lost: tuple[tuple[KnownHit, Match | None], ...] = ()
    near: tuple[Match, ...] = ()

    @property
    def corrected(self) -> tuple[tuple[KnownHit, Match], ...]:
        """Return those of *kept* whose details differ now, and those that come back."""
        return tuple(it for it in self.kept if it[0].withdrawn or differences(*it))


def changes(
    matches: Mapping[int, Sequence[Match]], present: int, hits: Sequence[KnownHit]
) -> Changes:
    """Return what *matches*, by revision, mean for *hits*; *present* is the newest revision.

    A hit whose revision is not among *matches* stays as it is.
    """
    by_text = {
        number: {(it.company, it.topic): it for it in found} for number, found in matches.items()
    }
    kept, lost = [], []
    live: dict[Pair, list[tuple[int, str | None]]] = {}  # revision and stage of each
    for hit in hits:
        if hit.revision not in by_text:
            if not hit.withdrawn:
                live.setdefault(hit.pair, []).append((hit.revision, hit.stage))
            continue
        match = by_text[hit.revision].get(hit.pair)
        if match is not None and match.rejected is None:
            kept.append((hit, match))
            live.setdefault(hit.pair, []).append((hit.revision, match.stage))
        elif not hit.withdrawn:
            lost.append((hit, match))
    new, near = [], []
    for pair, match in by_text.get(present, {}).items():
        if match.rejected is None and _is_news(match, present, live.get(pair, ())):
            new.append(match)
        elif match.rejected is not None and pair not in live:
            near.append(match)
    return Changes(tuple(new), tuple(kept), tuple(lost), tuple(near))


def _is_news(match: Match, present: int, live: Sequence[tuple[int, str | None]]) -> bool:
    if not live:
        return True
    told = {stage for _, stage in live}
    here = any(revision == present for revision, _ in live)
    return not here and match.stage is not None and match.stage not in told


def differences(hit: KnownHit, match: Match) -> tuple[str, ...]:
    """Return in words where *match* says something else than *hit* does; empty if nowhere.

    The parts of a score are compared only where they were stored.
    """
    amount = match.amounts[0].text if match.amounts else None
    told: Iterable[tuple[str, object, object]] = (
        ("score", hit.score, match.score),
        ("stage", hit.stage, match.stage),
        ("regulator", hit.regulator, match.regulator),
        ("amount", hit.amount, amount),
        ("date", hit.event_date, match.event_date),
        ("sentence", hit.sentence, match.sentence),
        ("evidence", _quotes(hit.evidence), _quotes(match.evidence)),
        ("parts", _sums(hit.parts or match.parts), _sums(match.parts)),
    )
    return tuple(f"{name}: stored {old}, now {new}" for name, old, new in told if old != new)


def _quotes(evidence: Iterable[Evidence]) -> str:
    return ", ".join(
        f'{it.role} "{it.text}" at {it.field} {it.start}-{it.end} ({it.term})' for it in evidence
    )


def _sums(parts: Iterable[ScorePart]) -> str:
    return ", ".join(f"{part.rule} {part.value:+.2f}" for part in parts)
