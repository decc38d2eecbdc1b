"""Definitions: a company, topic, stage or regulator, from plain data as YAML gives it.

A company, in a file `companies/KEY.yaml`, in a file of one's own or in the configuration:

    name: Alibaba                 # required; a spelling too, unless an alias says it otherwise
    names: {zh-Hans: 阿里巴巴}     # the name by language, for pages and mails; spellings too
    legal_names: [Alibaba Group Holding Limited]
    aliases:                      # other spellings
      - Alibaba Group
      - {text: 阿里, needs: [电商, 港股], unless: [阿里山]}
    tickers: ["NYSE:BABA"]        # one code at one exchange, found in every common notation
    identifiers: {wikidata: Q1359568, lei: 5493001NTNQJDH60PM02, cik: "1577552", isin: [...]}
    units: {taobao: [Taobao, 淘宝]}     # parts of the company: reported as the company
    people: {jack-ma: [Jack Ma, 马云]}  # always need context
    unless: [Alibaba cave]        # phrases no spelling of this company may stand in
    listed: true                  # false: it has no listed shares, so a listing is its first

* A unit or person is a list of spellings, or a mapping of `aliases`, `tickers`, `identifiers`.
* A topic has `name`, `names`, `keywords` or `queries` or both, `unless`, `not`, and `if_unlisted`:
  the topic its words mean for a company that is not listed.
* A stage or regulator has `name`, `names`, `terms`, `unless`; they may also have `topics` or
  `not_topics`, a stage `rank`.
* A bystander, of whom nothing is reported, is a list of spellings.

How a spelling is written is in `monitor.detect.spellings`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from monitor.detect.identifiers import KINDS, identifier_spellings, read_identifier
from monitor.detect.spellings import (
    KeyPath,
    LexiconError,
    Reader,
    count_of,
    flag_of,
    list_of,
    mapping,
    phrase,
    text_of,
)
from monitor.detect.tickers import notations
from monitor.errors import QueryError
from monitor.model import Company, Label, Topic

if TYPE_CHECKING:
    from collections.abc import Mapping

    from monitor.model import Term

COMPANY_KEYS: Final = (
    "name names legal_names aliases tickers identifiers units people unless listed"
)
TOPIC_KEYS: Final = "name names keywords queries unless not if_unlisted"
PART_KEYS: Final = ("aliases", "tickers", "identifiers")


def read_company(key: str, data: object) -> Company:
    """Return the company that *data*, as read from YAML, describes; raise LexiconError."""
    reader = _CompanyReader(key, data, COMPANY_KEYS)
    reader.spellings(("aliases",), reader.data.get("aliases", []))
    reader.spellings(("legal_names",), reader.data.get("legal_names", []))
    reader.groups("units")
    reader.groups("people")
    reader.codes((), reader.data)
    reader.names_as_spellings()
    listed = flag_of(("listed",), reader.data.get("listed", True))
    return Company(
        key, reader.text("name"), reader.names(), reader.terms(), listed, reader.identifiers
    )


def read_bystander(key: str, data: object) -> Company:
    """Return the bystander whose spellings *data*, as read from YAML, lists; raise LexiconError."""
    reader = Reader(key, {"terms": data}, "terms")
    reader.spellings((), data)
    if not reader.found:
        raise LexiconError((), "has no spelling")
    return Company(key, key, {}, reader.terms())


def read_topic(key: str, data: object) -> Topic:
    """Return the topic that *data*, as read from YAML, describes; raise LexiconError."""
    reader = Reader(key, data, TOPIC_KEYS, apart=True)
    reader.spellings(("keywords",), reader.data.get("keywords", []))
    given = list_of(("queries",), reader.data.get("queries", []))
    queries = tuple(_query(reader, ("queries", at), item) for at, item in enumerate(given))
    if not (reader.found or queries):
        raise LexiconError((), '"keywords" is missing, or "queries": nothing would be found')
    instead = reader.text("if_unlisted") if "if_unlisted" in reader.data else None
    return Topic(key, reader.text("name"), reader.names(), reader.terms(), instead, queries)


def _query(reader: Reader, path: KeyPath, item: object) -> Term:
    from monitor.query.rules import read_rule  # only where there are any

    text = text_of(path, item)
    try:
        read_rule(text)
    except QueryError as error:
        raise LexiconError(path, str(error)) from None
    return reader.query(text, path)


def read_label(key: str, data: object) -> Label:
    """Return the stage or regulator that *data* describes; raise LexiconError."""
    reader = Reader(key, data, "name names terms unless rank topics not_topics")
    reader.spellings(("terms",), reader.data.get("terms", []))
    rank = count_of(("rank",), reader.data.get("rank", 0))
    topics, others = (
        tuple(
            text_of((name, at), topic)
            for at, topic in enumerate(list_of((name,), reader.data.get(name, [])))
        )
        for name in ("topics", "not_topics")
    )
    return Label(key, reader.text("name"), reader.names(), reader.terms(), rank, topics, others)


class _CompanyReader(Reader):
    """Reads what only companies have: units and people, tickers and identifiers."""

    def __init__(self, key: str, data: object, allowed: str) -> None:
        super().__init__(key, data, allowed)
        self.identifiers: dict[str, tuple[str, ...]] = {}

    def groups(self, name: str) -> None:
        """Read the parts under *name*, `units` or `people`."""
        for group, given in mapping((name,), self.data.get(name, {})).items():
            path: KeyPath = (name, group)
            if not isinstance(given, list | dict):
                raise LexiconError(path, f"must be a list, or a mapping of {', '.join(PART_KEYS)}")
            part = mapping(
                path, {"aliases": given} if isinstance(given, list) else given, PART_KEYS
            )
            if not part:
                raise LexiconError(path, "has no spelling")
            items = part.get("aliases", [])
            inner = path if isinstance(given, list) else (*path, "aliases")
            self.spellings(inner, items, group=f"{group}.", person=name == "people")
            self.codes(path, part)

    def codes(self, path: KeyPath, data: Mapping[str, object]) -> None:
        """Read the `tickers` and `identifiers` in *data*, which stands at *path*."""
        group = f"{path[-1]}." if path else ""
        for at, item in enumerate(list_of((*path, "tickers"), data.get("tickers", []))):
            self._ticker((*path, "tickers", at), item, f"{group}ticker")
        given = mapping((*path, "identifiers"), data.get("identifiers", {}), list(KINDS))
        for kind, values in given.items():
            where = (*path, "identifiers", kind)
            many = enumerate(values) if isinstance(values, list) else [(None, values)]
            read = tuple(
                self._identifier(where if at is None else (*where, at), kind, value)
                for at, value in many
            )
            self.identifiers[f"{group}{kind}"] = read
            texts = ((text, ()) for value in read for text in identifier_spellings(kind, value))
            self.add_new(texts, f"{group}{kind}")

    def _ticker(self, path: KeyPath, item: object, group: str) -> None:
        if isinstance(item, dict):
            parts = mapping(path, item, ("exchange", "code"))
            pair = (text_of((*path, name), parts.get(name)) for name in ("exchange", "code"))
            written = ":".join(pair)
        else:
            written = text_of(path, item)
        try:
            found = notations(written)
        except ValueError as error:
            raise LexiconError(path, f'"{written}" {error}') from None
        if not self.add_new(((phrase(path, it.text), it.needs) for it in found), group):
            raise LexiconError(path, f'"{written}" is there twice')

    def _identifier(self, path: KeyPath, kind: str, value: object) -> str:
        text = text_of(path, value)
        try:
            return read_identifier(kind, text)
        except ValueError as error:
            raise LexiconError(path, f'"{text}" {error}') from None
