"""Risks: spellings that are no mistake, but are likely to find something else.

* Only what an operator wrote is looked at, not what is bundled, and only spellings that count by
  themselves: one that has `needs` is safe.
* A risk is a sentence with file, line and key path, and says what to do.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Final

from monitor.config.places import dotted
from monitor.model import Strength
from monitor.resources import lexicon_folder
from monitor.text.folding import fold
from monitor.text.words import is_letter

if TYPE_CHECKING:
    from collections.abc import Iterator

    from monitor.config.entries import Entry
    from monitor.detect.lexicon import Lexicon
    from monitor.model import Company, Term, Topic

_FEW: Final = 2  # Latin letters or digits
_TO_DO: Final = "give it `needs`, or a longer form"
_TO_SAY: Final = (
    "give it `needs` or `case: true`; a name can be said again as an alias that has them"
)


def risks(entries: dict[str, list[Entry]], lexicon: Lexicon) -> Iterator[str]:
    """Yield a sentence for each risky spelling that *entries* add to what is bundled."""
    names = {
        fold(term.text).text: company.key
        for company in (*lexicon.companies, *lexicon.bystanders)
        for term in company.terms
    }
    companies = {company.key: company for company in lexicon.companies}
    for entry in entries["companies"]:
        for term, where in _own_terms(entry, companies[entry.key]):
            if reason := _short(term) or _common(term) or _inside(term, entry.key, names):
                yield f"{where}: {reason}"
    topics = {topic.key: topic for topic in lexicon.topics}
    for entry in entries["topics"]:
        for term, where in _own_terms(entry, topics[entry.key]):
            if reason := _short(term):
                yield f"{where}: {reason}"


def _own_terms(entry: Entry, member: Company | Topic) -> Iterator[tuple[Term, str]]:
    for term in () if entry.source.bundled else member.terms:
        path = entry.find(term.text)
        if term.strength is Strength.STRONG and path and "tickers" not in path:
            source, at = entry.source.home_of(path)
            if not source.bundled:
                yield term, f"{entry.source.where(path)}: {dotted(at)}"


def _short(term: Term) -> str | None:
    folded = fold(term.text).text
    if len(folded) == 1:
        return f'"{term.text}" is a single character, part of many words; {_TO_DO}'
    if len(folded) <= _FEW and is_letter(folded[0]):
        return f'"{term.text}" is two letters, which stand for many things; {_TO_DO}'
    return None


def _common(term: Term) -> str | None:
    if term.case or fold(term.text).text not in _common_words():
        return None
    return f'"{term.text}" is a common English word; {_TO_SAY}'


def _inside(term: Term, company: str, names: dict[str, str]) -> str | None:
    folded = fold(term.text).text
    around = r"(?<![a-z0-9]){}(?![a-z0-9])" if is_letter(folded[0]) else "{}"
    pattern = re.compile(around.format(re.escape(folded)))
    for name, owner in names.items():
        if owner != company and name != folded and pattern.search(name):
            return f'"{term.text}" stands inside "{name}", which is "{owner}"; {_TO_DO}'
    return None


@cache
def _common_words() -> frozenset[str]:
    lines = lexicon_folder().joinpath("common_words.txt").read_text("utf-8").splitlines()
    return frozenset(word for line in lines if not line.startswith("#") for word in line.split())
