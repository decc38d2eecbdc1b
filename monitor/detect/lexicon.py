"""The lexicon: companies, topics, stages, regulators and bystanders, held together.

* Its parts are made by `monitor.detect.definitions`; here they are held against each other: one
  key once, one spelling for one company, no reference to what is not there.
* `canonical` is the whole of it as text and `fingerprint` its hash, so that what made a hit can
  be named, stored and, by `monitor.detect.canonical`, had again.
* A bystander is a company of whom nothing is reported, to whom an event may belong instead.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import TYPE_CHECKING, Final, NamedTuple

from monitor.detect.spellings import LexiconError, identity
from monitor.model import Company, Label, Term, Topic

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

ENGINE: Final = 6  # goes up whenever the same lexicon would give other matches

_KEY: Final = re.compile(r"[a-z0-9][a-z0-9_-]*")
_REFERRED: Final = frozenset({"stage", "regulator"})


@dataclass(frozen=True, slots=True)
class Lexicon:
    """What is looked for, made by `make_lexicon`.

    *canonical* is the whole of it as JSON text, the same for the same lexicon on any machine;
    *fingerprint* its SHA-256 in hex together with the version of the detection rules.
    """

    companies: tuple[Company, ...]
    topics: tuple[Topic, ...]
    stages: tuple[Label, ...]
    regulators: tuple[Label, ...]
    bystanders: tuple[Company, ...]
    canonical: str
    fingerprint: str


def make_lexicon(
    companies: Iterable[Company],
    topics: Iterable[Topic],
    stages: Iterable[Label] = (),
    regulators: Iterable[Label] = (),
    bystanders: Iterable[Company] = (),
) -> Lexicon:
    """Return the lexicon of these parts, in this order.

    *bystanders* are companies an event may belong to instead; a spelling that a watched company
    claims is taken from them. Raises LexiconError when a key comes twice, with the path (kind,
    key); when two companies claim one spelling, with the path ("companies", key of the later,
    spelling); or when a need names an unknown stage or regulator.
    """
    watched = tuple(companies)
    others = _unclaimed(bystanders, watched)
    parts = watched, tuple(topics), tuple(stages), tuple(regulators), others
    data = {
        "companies": _distinct("companies", parts[0]),
        "topics": _distinct("topics", parts[1]),
        "stages": _distinct("stages", parts[2]),
        "regulators": _distinct("regulators", parts[3]),
        "bystanders": _distinct("bystanders", parts[4]),
    }
    for clash in clashes(parts[0]):
        raise LexiconError(("companies", clash.later, clash.text), str(clash))
    for loose in loose_references(parts[0] + parts[1], parts[2], parts[3]):
        raise LexiconError((loose.kind, loose.key, loose.need), str(loose))
    canonical = json.dumps(
        data, ensure_ascii=False, sort_keys=True, separators=(",", ":"), default=_fields_of
    )
    return Lexicon(*parts, canonical, fingerprint_of(canonical))


def fingerprint_of(canonical: str) -> str:
    """Return the fingerprint of the lexicon with that canonical text."""
    return sha256(f"{ENGINE}\n{canonical}".encode()).hexdigest()


def _fields_of(member: Company | Topic | Label | Term) -> dict[str, object]:
    """Return a part of a lexicon as JSON knows it: `asdict` would copy every word of it.

    Without queries none are named, so that a topic has the text it had before there were any.
    """
    fields = {name: getattr(member, name) for name in member.__dataclass_fields__}
    if not fields.get("queries", True):
        del fields["queries"]
    return fields


def _distinct(
    kind: str, members: Sequence[Company | Topic | Label]
) -> Sequence[Company | Topic | Label]:
    keys: set[str] = set()
    for member in members:
        if member.key in keys:
            raise LexiconError((kind, member.key), f'"{member.key}" is defined twice')
        keys.add(member.key)
    return members


class Clash(NamedTuple):
    """A spelling that two companies claim, by their keys."""

    text: str
    first: str
    later: str

    def __str__(self) -> str:
        return f'"{self.text}" is a spelling of "{self.first}" too; one spelling, one company'


def clashes(companies: Iterable[Company]) -> Iterator[Clash]:
    """Yield each spelling that a company claims and another before it did."""
    owners: dict[tuple[str, str], str] = {}
    for company in companies:
        for term in company.terms:
            owner = owners.setdefault(identity(term), company.key)
            if owner != company.key:
                yield Clash(term.text, owner, company.key)


def _unclaimed(bystanders: Iterable[Company], watched: tuple[Company, ...]) -> tuple[Company, ...]:
    keys = {company.key for company in watched}
    claimed = {identity(term)[0] for company in watched for term in company.terms}
    return tuple(
        replace(it, terms=tuple(term for term in it.terms if identity(term)[0] not in claimed))
        for it in bystanders
        if it.key not in keys
    )


def reference(need: str) -> tuple[str, str] | None:
    """Return the kind and key that a need like "regulator:samr" names, None for plain words."""
    kind, colon, key = need.partition(":")
    return (kind, key) if colon and kind in _REFERRED and _KEY.fullmatch(key) else None


def spelt_out(term: Term, lexicon: Lexicon) -> Term:
    """Return *term* with each need that names a stage or regulator replaced by its spellings."""
    if not any(map(reference, (*term.needs, *term.without))):
        return term
    labels = {"stage": lexicon.stages, "regulator": lexicon.regulators}

    def spelt(needs: tuple[str, ...]) -> Iterator[str]:
        for need in needs:
            if named := reference(need):
                terms = (it.terms for it in labels[named[0]] if it.key == named[1])
                yield from (term.text for group in terms for term in group)
            else:
                yield need

    return replace(term, needs=tuple(spelt(term.needs)), without=tuple(spelt(term.without)))


class Loose(NamedTuple):
    """A reference to a stage or regulator that is not there, in a member of that kind and key."""

    kind: str
    key: str
    need: str

    def __str__(self) -> str:
        what, _, key = self.need.partition(":")
        return f'there is no {what} "{key}"'


def loose_references(
    members: Iterable[Company | Topic], stages: Iterable[Label], regulators: Iterable[Label]
) -> Iterator[Loose]:
    """Yield each reference in *members* that names none of the *stages* and *regulators*."""
    labels = {"stage": stages, "regulator": regulators}
    keys = {kind: {label.key for label in found} for kind, found in labels.items()}
    for member in members:
        kind = "companies" if isinstance(member, Company) else "topics"
        for term in member.terms:
            for need in (*term.needs, *term.without):
                named = reference(need)
                if named and named[1] not in keys[named[0]]:
                    yield Loose(kind, member.key, need)
