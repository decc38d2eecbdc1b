"""Search: the articles or stories that answer a query, with the words found in them marked."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from monitor.digest.entries import language, link
from monitor.digest.excerpt import Piece
from monitor.errors import QueryError
from monitor.query import marks, parse, snippet
from monitor.store import browse, search, stories
from monitor.text.html import one_line
from monitor.web.context import asked_id, reading_for, site_of
from monitor.web.pages import page
from monitor.web.stories import HIGH

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from sqlalchemy import Connection
    from starlette.requests import Request
    from starlette.responses import Response

    from monitor.model import Story
    from monitor.query import Node
    from monitor.store.search import Found

SHOWN = 30  # answers on a page
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
    kind: search.Kind = "story" if request.query_params.get("in") == "stories" else "article"
    ranked = request.query_params.get("sort") == RANKED
    before = asked_id(request, "before")
    mistake: QueryError | None = None
    answers: list[Answer] = []
    found_stories: list[Story] = []
    older = ""
    if asked.strip():
        try:
            query = parse(asked, now=site_of(request).clock.now())
        except QueryError as error:
            mistake = error
        else:
            with reading_for(request) as connection:
                found = _found(connection, query, kind, before, ranked=ranked)
                if len(found) > SHOWN and not ranked:
                    older = request.url.include_query_params(before=found[SHOWN - 1].article).query
                if kind == "story":
                    found_stories = _stories(connection, found[:SHOWN])
                else:
                    answers = list(_answers(connection, query, found[:SHOWN]))
    return page(
        request,
        "web/search.html.j2",
        status=400 if mistake else 200,
        asked=asked,
        kind=kind,
        ranked=ranked,
        mistake=mistake,
        answers=answers,
        stories=found_stories,
        older=older,
        names=site_of(request).names,
        high=HIGH,
    )


def _found(
    connection: Connection, query: Node, kind: search.Kind, before: int | None, *, ranked: bool
) -> list[Found]:
    if ranked:
        return search.best(connection, query, kind, limit=SHOWN)
    where = [] if before is None else [browse.older_than(before)]
    return list(islice(search.find(connection, query, kind, where=where), SHOWN + 1))


def _stories(connection: Connection, found: Iterable[Found]) -> list[Story]:
    numbers = [it.story for it in found if it.story is not None]
    told = stories.told(connection, numbers)
    return [told[number] for number in numbers if number in told]


def _answers(connection: Connection, query: Node, found: list[Found]) -> Iterator[Answer]:
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
