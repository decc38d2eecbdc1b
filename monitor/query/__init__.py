"""The query language: one for searches, filters, the API and rules. Pure.

* `parse` turns what somebody typed into a tree (`tree`), or says with a caret what is wrong.
* `matches` decides whether a text, with what is known of it, answers a tree; `narrow` says which
  words it must have, so that an index can be asked first; `marks` shows where it answers.
* A query is about an article together with one of its hits, or with none.
* `read_filter` reads what subscriptions want, `parts`, `Together` and `combined` decide many of
  them at once.
* `read_rule` reads what a topic is found by; `standing` says with which words a text answers it.

The language is described in docs/guide/search.md.
"""

from monitor.query.evaluate import matches, relevance
from monitor.query.filters import asks_text, combined, named, parts, read_filter
from monitor.query.marks import Snippet, marks, snippet
from monitor.query.narrow import AllOf, AnyOf, Need, Word, alternatives, narrow
from monitor.query.parse import parse
from monitor.query.piece import HitFacts, Piece
from monitor.query.rules import gates, read_rule
from monitor.query.standing import Standing, standing
from monitor.query.together import Together
from monitor.query.tree import (
    And,
    Compares,
    Is,
    Near,
    Node,
    Not,
    Or,
    Phrase,
    Seen,
    Sentence,
    phrases,
)

__all__ = [
    "AllOf",
    "And",
    "AnyOf",
    "Compares",
    "HitFacts",
    "Is",
    "Near",
    "Need",
    "Node",
    "Not",
    "Or",
    "Phrase",
    "Piece",
    "Seen",
    "Sentence",
    "Snippet",
    "Standing",
    "Together",
    "Word",
    "alternatives",
    "asks_text",
    "combined",
    "gates",
    "marks",
    "matches",
    "named",
    "narrow",
    "parse",
    "parts",
    "phrases",
    "read_filter",
    "read_rule",
    "relevance",
    "snippet",
    "standing",
]
