"""The lexicon: companies, topics, stages and regulators, read from plain data and checked.

A company, in a file `companies/KEY.yaml` or in place in the configuration:

    name: Alibaba                 # required; a spelling too, unless an alias says it otherwise
    names: {zh-Hans: 阿里巴巴}     # the name by language, for pages and mails; spellings too
    aliases:                      # other spellings
      - Alibaba Group
      - {text: 阿里, strength: context, needs: [电商, 港股], unless: [阿里山]}
    tickers: ["NYSE: BABA"]       # spellings whose capitals count
    units: {taobao: [Taobao, 淘宝]}     # parts of the company: reported as the company
    people: {jack-ma: [Jack Ma, 马云]}  # always need context
    unless: [Alibaba cave]        # phrases no spelling of this company may stand in
    listed: true                  # false: it has no listed shares, so a listing is its first

A topic has `name`, `names`, `keywords`, `unless` and `if_unlisted`, the topic its words mean for
a company that is not listed; a stage or regulator `name`, `names`, `terms`, `unless`, and a stage
also `rank` and `topics`. A bystander, of whom nothing is reported, is a list of spellings.

* A spelling is a text, or a mapping of `text`, `lang`, `strength`, `case`, `needs`, `near`,
  `not`, `after_company` and `unless`. `strength: context` wants one of its `needs` in the sentence
  (within `near` characters), or a strong spelling elsewhere; a need "regulator:samr" is any
  spelling of that regulator, "stage:fine" of that stage. None of `not` may be in the sentence.
* A text is words, not a regular expression. "monopol*" takes any ending; "abuse ... dominance"
  takes up to 40 characters between, in one sentence. Both always run in linear time.
* Keys, types, empty or one-letter texts and repeats are checked; nothing is ignored silently.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from monitor.detect.phrases import may_hold, phrase_parts
from monitor.model import Company, Label, Strength, Term, Topic
from monitor.text import fold, language_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

ENGINE: Final = 2  # goes up whenever the same lexicon would give other matches

_KEY: Final = re.compile(r"[a-z0-9][a-z0-9_-]*")
_REFERRED: Final = frozenset({"stage", "regulator"})
_SPELLING: Final = [
    "text",
    "lang",
    "strength",
    "case",
    "needs",
    "near",
    "not",
    "after_company",
    "unless",
]

KeyPath = tuple[str | int, ...]


class LexiconError(ValueError):
    """Data that is no company, topic or label; *path* leads to the wrong key or item."""

    def __init__(self, path: KeyPath, message: str) -> None:
        super().__init__(f"{'.'.join(str(step) for step in path)}: {message}")
        self.path = path
        self.message = message


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
        "companies": _plain("companies", parts[0]),
        "topics": _plain("topics", parts[1]),
        "stages": _plain("stages", parts[2]),
        "regulators": _plain("regulators", parts[3]),
        "bystanders": _plain("bystanders", parts[4]),
    }
    _check_references(parts[0] + parts[1], {"stage": parts[2], "regulator": parts[3]})
    _check_claims(parts[0])
    canonical = json.dumps(data, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    fingerprint = sha256(f"{ENGINE}\n{canonical}".encode()).hexdigest()
    return Lexicon(*parts, canonical, fingerprint)


def _plain(kind: str, members: Sequence[Company | Topic | Label]) -> list[dict[str, object]]:
    keys: set[str] = set()
    for member in members:
        if member.key in keys:
            raise LexiconError((kind, member.key), f'"{member.key}" is defined twice')
        keys.add(member.key)
    return [asdict(member) for member in members]


def _check_claims(companies: tuple[Company, ...]) -> None:
    owners: dict[tuple[str, str], str] = {}
    for company in companies:
        for term in company.terms:
            owner = owners.setdefault(_identity(term), company.key)
            if owner != company.key:
                raise LexiconError(
                    ("companies", company.key, term.text),
                    f'"{term.text}" is a spelling of "{owner}" too; one spelling, one company',
                )


def _unclaimed(bystanders: Iterable[Company], watched: tuple[Company, ...]) -> tuple[Company, ...]:
    keys = {company.key for company in watched}
    claimed = {_identity(term)[0] for company in watched for term in company.terms}
    return tuple(
        replace(it, terms=tuple(term for term in it.terms if _identity(term)[0] not in claimed))
        for it in bystanders
        if it.key not in keys
    )


def reference(need: str) -> tuple[str, str] | None:
    """Return the kind and key that a need like "regulator:samr" names, None for plain words."""
    kind, colon, key = need.partition(":")
    return (kind, key) if colon and kind in _REFERRED and _KEY.fullmatch(key) else None


def _check_references(
    members: Iterable[Company | Topic], known: Mapping[str, Iterable[Label]]
) -> None:
    keys = {kind: {label.key for label in labels} for kind, labels in known.items()}
    for member in members:
        kind = "companies" if isinstance(member, Company) else "topics"
        for term in member.terms:
            for named in map(reference, (*term.needs, *term.without)):
                if named and named[1] not in keys[named[0]]:
                    raise LexiconError(
                        (kind, member.key, term.text), f'there is no {named[0]} "{named[1]}"'
                    )


def _identity(term: Term) -> tuple[str, str]:
    # "IPO" with capitals that count and "ipo" without are two spellings only if both count them.
    return fold(term.text).text, term.text if term.case else ""


# --- readers -----------------------------------------------------------------------------------


def read_company(key: str, data: object) -> Company:
    """Return the company that *data*, as read from YAML, describes; raise LexiconError."""
    reader = _Reader(key, data, "name names aliases tickers units people unless listed")
    reader.spellings(("aliases",), reader.data.get("aliases", []))
    reader.spellings(("tickers",), reader.data.get("tickers", []), lang="ticker", case=True)
    reader.groups("units", Strength.STRONG)
    reader.groups("people", Strength.CONTEXT)
    reader.names_as_spellings()
    listed = _flag(("listed",), reader.data.get("listed", True))
    return Company(key, reader.text("name"), reader.names(), reader.terms(), listed)


def read_bystander(key: str, data: object) -> Company:
    """Return the bystander whose spellings *data*, as read from YAML, lists; raise LexiconError."""
    reader = _Reader(key, {"terms": data}, "terms")
    reader.spellings((), data)
    if not reader.found:
        raise LexiconError((), "has no spelling")
    return Company(key, key, {}, reader.terms())


def read_topic(key: str, data: object) -> Topic:
    """Return the topic that *data*, as read from YAML, describes; raise LexiconError."""
    reader = _Reader(key, data, "name names keywords unless if_unlisted")
    reader.spellings(("keywords",), reader.data.get("keywords", []))
    if not reader.found:
        raise LexiconError((), '"keywords" is missing: nothing would be found')
    instead = reader.text("if_unlisted") if "if_unlisted" in reader.data else None
    return Topic(key, reader.text("name"), reader.names(), reader.terms(), instead)


def read_label(key: str, data: object) -> Label:
    """Return the stage or regulator that *data* describes; raise LexiconError."""
    reader = _Reader(key, data, "name names terms unless rank topics")
    reader.spellings(("terms",), reader.data.get("terms", []))
    rank = _count(("rank",), reader.data.get("rank", 0))
    topics = _list(("topics",), reader.data.get("topics", []))
    keys = tuple(_text(("topics", at), topic) for at, topic in enumerate(topics))
    return Label(key, reader.text("name"), reader.names(), reader.terms(), rank, keys)


class _Reader:
    """Reads one member's data; every method checks what it touches and names the place."""

    def __init__(self, key: str, data: object, allowed: str) -> None:
        if not _KEY.fullmatch(key):
            raise LexiconError(
                (), f'the id "{key}" must be lower-case letters, digits, "-" and "_"'
            )
        self.key = key
        self.data = _mapping((), data, ["id", *allowed.split()])
        self.unless = _phrases(("unless",), self.data)
        self.found: dict[tuple[str, str], Term] = {}

    def text(self, name: str) -> str:
        if name not in self.data:
            raise LexiconError((), f'"{name}" is missing')
        return _text((name,), self.data[name])

    def names(self) -> dict[str, str]:
        names = _mapping(("names",), self.data.get("names", {}))
        return {lang: _text(("names", lang), name) for lang, name in names.items()}

    def terms(self) -> tuple[Term, ...]:
        return tuple(self.found.values())

    def groups(self, name: str, strength: Strength) -> None:
        for group, items in _mapping((name,), self.data.get(name, {})).items():
            self.spellings((name, group), items, group=f"{group}.", strength=strength)

    def spellings(
        self,
        path: KeyPath,
        items: object,
        *,
        group: str = "",
        lang: str = "",
        case: bool = False,
        strength: Strength = Strength.STRONG,
    ) -> None:
        for at, item in enumerate(_list(path, items)):
            where = (*path, at)
            given = {"text": item} if isinstance(item, str) else item
            data = _mapping(where, given, _SPELLING)
            here = where if isinstance(item, str) else (*where, "text")
            text = _phrase(here, data.get("text"))
            language = _text((*where, "lang"), data.get("lang", lang or language_of(text)))
            kept = Term(
                id=self._id(f"{group}{language}", "-".join(re.findall(r"\w+", fold(text).text))),
                text=text,
                strength=_strength((*where, "strength"), data.get("strength", strength)),
                case=_flag((*where, "case"), data.get("case", case)),
                unless=_phrases((*where, "unless"), data) + self._common_unless(text),
                needs=_phrases((*where, "needs"), data),
                near=_count((*where, "near"), data.get("near", 0)),
                without=_phrases((*where, "not"), data),
                after_company=_flag((*where, "after_company"), data.get("after_company", False)),
                person=strength is Strength.CONTEXT,
            )
            if kept.strength is Strength.STRONG and strength is Strength.CONTEXT:
                raise LexiconError((*where, "strength"), "people always need context")
            first = self.found.setdefault(_identity(kept), kept)
            again = replace(kept, id=first.id, text=first.text)  # 螞蟻 after 蚂蚁 is no mistake
            if first is not kept and (first != again or first.text.lower() == text.lower()):
                other = "" if first.text == text else f', as "{first.text}"'
                raise LexiconError(here, f'"{text}" is there twice{other}')

    def names_as_spellings(self) -> None:
        """Put the names before the other spellings, save those an alias spells out."""
        given = self.found
        claimed = {folded for folded, _ in given}
        self.found = {}
        everywhere = {"": self.text("name"), **self.names()}
        for lang, name in everywhere.items():
            text = _phrase(("names", lang) if lang else ("name",), name)
            if fold(text).text not in claimed:
                claimed.add(fold(text).text)
                term_id = self._id(lang or language_of(text), "name")
                kept = Term(term_id, text, unless=self._common_unless(text))
                self.found[_identity(kept)] = kept
        self.found |= given

    def _common_unless(self, text: str) -> tuple[str, ...]:
        return tuple(phrase for phrase in self.unless if may_hold(phrase, text))

    def _id(self, group: str, slug: str) -> str:
        taken = {term.id for term in self.found.values()}
        found = base = f"{self.key}.{group}.{slug}"
        again = 1
        while found in taken:
            again += 1
            found = f"{base}-{again}"
        return found


# --- plain data --------------------------------------------------------------------------------


def _phrase(path: KeyPath, data: object) -> str:
    text = _text(path, data)
    try:
        phrase_parts(text)
    except ValueError as error:
        raise LexiconError(path, f'"{text}" {error}') from None
    return text


def _phrases(path: KeyPath, data: Mapping[str, object]) -> tuple[str, ...]:
    items = _list(path, data.get(str(path[-1]), []))
    return tuple(_phrase((*path, at), item) for at, item in enumerate(items))


def _mapping(path: KeyPath, data: object, allowed: Collection[str] = ()) -> Mapping[str, object]:
    if not isinstance(data, dict) or not all(isinstance(key, str) for key in data):
        raise LexiconError(path, "must be a mapping of names to values")
    for key in data:
        if allowed and key not in allowed:
            raise LexiconError((*path, key), f"unknown key; known are {', '.join(allowed)}")
    return data


def _list(path: KeyPath, data: object) -> list[object]:
    if not isinstance(data, list):
        raise LexiconError(path, "must be a list")
    return data


def _text(path: KeyPath, data: object) -> str:
    if not isinstance(data, str):
        raise LexiconError(path, f"must be text, not {json.dumps(data, default=str)}; use quotes")
    if not data.strip():
        raise LexiconError(path, "is empty")
    if any("\ud800" <= char <= "\udfff" for char in data):
        raise LexiconError(path, "holds half a character (a lone surrogate)")
    return data.strip()


def _flag(path: KeyPath, data: object) -> bool:
    if not isinstance(data, bool):
        raise LexiconError(path, "must be true or false")
    return data


def _count(path: KeyPath, data: object) -> int:
    if not isinstance(data, int) or isinstance(data, bool):
        raise LexiconError(path, "must be a whole number")
    return data


def _strength(path: KeyPath, data: object) -> Strength:
    known = [strength.value for strength in Strength]
    if not isinstance(data, str) or data not in known:
        raise LexiconError(path, f"must be one of {', '.join(known)}")
    return Strength(data)
