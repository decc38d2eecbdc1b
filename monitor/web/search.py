"""Search: the articles, hits or stories that answer a query, with the words found in them marked.

In a hit what it quotes is marked, as on every page that shows one.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from monitor.digest.entries import language, link
from monitor.digest.excerpt import Piece
from monitor.errors import QueryError
from monitor.query import marks, parse, snippet
from monitor.query.slips import slips
from monitor.store import browse, listed, review_queue, search
from monitor.text.html import one_line
from monitor.web.context import asked_id, reading_for, site_of
from monitor.web.pages import names_for, page
from monitor.web.searches import KINDS, may_save
from monitor.web.stories import HIGH, account
from monitor.web.stories import older as next_page

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from sqlalchemy import Connection
    from starlette.requests import Request
    from starlette.responses import Response

    from monitor.query import Node
    from monitor.query.slips import Slip
    from monitor.store.listed import Listed
    from monitor.store.search import Best, Found
    from monitor.web.stories import Account

SHOWN = 30  # answers on a page
AMONG = 500  # answers of which the best come first
WITHIN = 10_000  # articles that the index names, among which these are looked for
RANKED = "relevance"


@dataclass(frozen=True, slots=True)
class Answer:
    """An article that answers, as a reader meets it."""

    title: tuple[Piece, ...]
    excerpt: tuple[Piece, ...]
    publisher: str
    url: str | None
    language: str | None
    seen: datetime
    story: int | None


def find(request: Request) -> Response:
    """Show what answers the query, and what is wrong with one that cannot be read."""
    asked = request.query_params.get("q", "")
    kind = KINDS.get(request.query_params.get("in", ""), "article")
    ranked = request.query_params.get("sort") == RANKED
    before = asked_id(request, "before")
    mistake: QueryError | None = None
    answers: list[Answer] = []
    found_stories: list[Listed] = []
    found_hits: list[Account] = []
    older: str | None = None
    best: Best | None = None
    unknown: list[Slip] = []
    names = names_for(request)
    if asked.strip():
        try:
            query = parse(asked, now=site_of(request).clock.now())
        except QueryError as error:
            mistake = error
        else:
            found: Sequence[Found]
            with reading_for(request) as connection:
                known = {**names.by_field, "feed": browse.names_of_feeds(connection)}
                unknown = list(slips(query, known))
                if ranked:
                    best = search.best(
                        connection, query, kind, limit=SHOWN, among=AMONG, within=WITHIN
                    )
                    found = best.found
                else:
                    found, more = _newest(connection, query, kind, before)
                    articles = [it.article for it in (*found, *more)]
                    older = next_page(request, articles, len(found))
                if kind == "story":
                    numbers = [it.story for it in found if it.story is not None]
                    found_stories = listed.in_order(connection, numbers)
                elif kind == "hit":
                    found_hits = _hits(connection, found)
                else:
                    answers = list(_answers(connection, query, found))
    return page(
        request,
        "web/search.html.j2",
        status=400 if mistake else 200,
        may_save=may_save(request),
        asked=asked,
        kind=kind,
        kinds=KINDS,
        ranked=ranked,
        best=best,
        mistake=mistake,
        answers=answers,
        stories=found_stories,
        hits=found_hits,
        older=older,
        unknown=unknown,
        names=names,
        high=HIGH,
    )


def _newest(
    connection: Connection, query: Node, kind: search.Kind, before: int | None
) -> tuple[list[Found], list[Found]]:
    """Return the answers of a page, and the first of the next if there is one.

    A page ends with an article, all of whose hits are on it: the next begins behind that.
    """
    answers = search.find(connection, query, kind, below=before)
    found = list(islice(answers, SHOWN))
    for answer in answers:
        if answer.article != found[-1].article:
            return found, [answer]
        found.append(answer)
    return found, []


def _hits(connection: Connection, found: Iterable[Found]) -> list[Account]:
    """Return the hits found as a reader meets them, in this order."""
    numbers = [it.hit for it in found if it.hit is not None]
    shown = {it.id: account(it) for it in review_queue.hits(connection, numbers)}
    return [shown[number] for number in numbers if number in shown]


def _answers(connection: Connection, query: Node, found: Sequence[Found]) -> Iterator[Answer]:
    details = browse.articles(connection, [it.article for it in found])
    for it in found:
        article = details[it.article]
        part = snippet(query, article.summary)
        before, behind = "…" * part.cut_before, "…" * part.cut_behind
        yield Answer(
            title=_pieces(article.title, marks(query, article.title)),
            excerpt=(Piece(before), *_pieces(part.text, part.marks), Piece(behind)),
            publisher=one_line(article.publisher),
            url=link(article.url),
            language=language(article.language),
            seen=article.first_seen,
            story=article.story,
        )


def _pieces(text: str, spans: Iterable[tuple[int, int]]) -> tuple[Piece, ...]:
    pieces, at = [], 0
    for start, end in spans:
        pieces += [Piece(text[at:start]), Piece(text[start:end], marked=True)]
        at = end
    return (*pieces, Piece(text[at:]))
