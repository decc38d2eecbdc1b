"""The rule bench: what the rules, or changed ones, find in a text and why; and over what is stored.

* A feed can be tried to be left out: which hits there would not be without it.
* Nothing is changed: rules are tried here, and put into the configuration by a person.
* A backtest is bounded: so many articles and days at most, one at a time.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse

from monitor.config.proposed import Proposer
from monitor.config.trial import written
from monitor.detect.explain import explain
from monitor.detect.score import THRESHOLD
from monitor.digest.excerpt import Piece
from monitor.digest.names import names_of
from monitor.errors import ConfigError
from monitor.store import texts
from monitor.store.texts import Chosen
from monitor.text.html import looks_like_html, to_text
from monitor.web.aside.works import FIGURES
from monitor.web.backtests import Backtest, Busy, State, new_id
from monitor.web.context import reading_for, site_of
from monitor.web.forms import form_of
from monitor.web.pages import LEXICON, language_of, names_for, page
from monitor.web.proposals import asked_key
from monitor.web.visitor import visitor_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from starlette.requests import Request
    from starlette.responses import Response

    from monitor.detect.explain import Explanation
    from monitor.errors import Mistake
    from monitor.model import Evidence, Match

LONGEST_TEXT = 20_000  # characters
LONGEST_RULES = 40_000
DAYS = (30, 90, 365)  # back
MOST = 200_000  # articles of a backtest
PAUSE_S = 2  # between two looks at one that is under way
TOO_MANY = "These are more articles than can be tried here: take a shorter time."
NO_LONGER = "This proposal does not fit the rules in force, which stand below."
BUSY = "Another backtest is under way: wait for its end, or end it."


class Found(NamedTuple):
    """A match in the text: with its sentence, quotes marked in title and text."""

    match: Match
    title: tuple[Piece, ...]
    text: tuple[Piece, ...]


class Asked(NamedTuple):
    """What was filled in."""

    title: str
    text: str
    rules: str
    without: str = ""  # the key of a feed that is tried to be left out


def bench(request: Request) -> Response:
    """Show the bench; on POST, what the rules find in the text, or begin a backtest."""
    config = site_of(request).config
    if request.method == "GET":
        return _begin(request)
    form = form_of(request)
    asked = Asked(*(form.get(name, "") for name in Asked._fields))
    if max(len(asked.title), len(asked.text)) > LONGEST_TEXT or len(asked.rules) > LONGEST_RULES:
        raise HTTPException(413)
    if asked.without and asked.without not in {it.to_model().key for it in config.feeds}:
        raise HTTPException(404)
    try:
        rules = site_of(request).tried.rules(written(config) if asked.without else asked.rules)
    except ConfigError as error:
        return _shown(request, asked, 400, mistakes=[_line(it) for it in error.mistakes])
    if form.get("do") == "backtest":
        return _begun(request, asked, form.get("days", ""))
    title, text = _plain(asked.title), _plain(asked.text)
    if not title.strip():
        title, text = text, ""
    found = explain(rules.detector, title, text, published=site_of(request).clock.now())
    matches = list(_found(found, title, text))
    names = names_of(rules.lexicon, LEXICON[language_of(request)])
    return _shown(request, asked, found=found, matches=matches, names=names)


def _begin(request: Request) -> Response:
    """Show the rules in force, with the proposal filled in that the address names, if any."""
    config = site_of(request).config
    asked = Asked("", "", written(config))
    if "kind" not in request.query_params:
        return _shown(request, asked)
    key = asked_key(request.query_params)
    proposed = Proposer(config).propose(key) if key else None
    if key is None or proposed is None:
        return _shown(request, asked, 404, said=NO_LONGER)
    if proposed.rules is None:  # of a feed, which no rules are of
        asked = asked._replace(without=key.of)
    else:
        asked = asked._replace(rules=proposed.rules)
    return _shown(request, asked, addition=proposed.addition)


def backtest(request: Request) -> Response:
    """Show how far a backtest is and what it found; end it on POST."""
    run = site_of(request).backtests.find(request.path_params["backtest"])
    if run is None:
        raise HTTPException(404)
    if request.method == "POST":
        run.end()
        return RedirectResponse(f"/rules/backtests/{run.id}", 303)
    is_running = run.state is State.RUNNING  # it may end before the page is made
    response = page(
        request,
        "web/backtest.html.j2",
        run=run,
        figures=FIGURES,
        names=names_for(request),
        until=run.started - timedelta(days=run.days),
    )
    if is_running:
        response.headers["Refresh"] = str(PAUSE_S)
    return response


def _begun(request: Request, asked: Asked, days: str) -> Response:
    site, visitor = site_of(request), visitor_of(request)
    back = next((it for it in DAYS if str(it) == days), DAYS[0])
    now = site.clock.now()
    chosen = Chosen(since=now - timedelta(days=back), feed=asked.without or None)
    with reading_for(request) as connection:
        total = texts.count(connection, chosen)
    if visitor is None:  # pragma: no cover - the door lets nobody else in
        raise HTTPException(403)
    if total > MOST:
        return _shown(request, asked, 400, said=TOO_MANY)
    run = Backtest(new_id(), visitor.signature, now, total, back, asked.rules, chosen.feed)
    try:
        site.backtests.start(run, chosen)
    except Busy:
        return _shown(request, asked, 409, said=BUSY)
    return RedirectResponse(f"/rules/backtests/{run.id}", 303)


def _shown(request: Request, asked: Asked, status: int = 200, **told: object) -> Response:
    site = site_of(request)
    usual = {"mistakes": (), "said": None, "found": None, "matches": (), "addition": None}
    return page(
        request,
        "web/rules.html.j2",
        status,
        asked=asked,
        threshold=THRESHOLD,
        days=DAYS,
        runs=site.backtests.all(),
        **{**usual, "names": names_for(request), **told},
    )


def _line(mistake: Mistake) -> tuple[str, str, str, str]:
    """Return the line of a mistake, its key path, what is wrong, and below that a query, if any.

    Never where files are.
    """
    line = mistake.place.rpartition(":")[2]
    words, _, shown = mistake.message.partition("\n")
    return line if line.isdecimal() else "", mistake.path, words, shown


def _plain(field: str) -> str:
    return to_text(field) if looks_like_html(field) else field


def _found(found: Explanation, title: str, text: str) -> Iterable[Found]:
    for match in found.matches:
        yield Found(
            match,
            _pieces(title, [it for it in match.evidence if it.field == "title"]),
            _pieces(text, [it for it in match.evidence if it.field == "summary"]),
        )


def _pieces(text: str, quotes: Iterable[Evidence]) -> tuple[Piece, ...]:
    pieces, at = [], 0
    for start, end in sorted({(it.start, it.end) for it in quotes}):
        if start >= at:
            pieces += [Piece(text[at:start]), Piece(text[start:end], marked=True)]
            at = end
    return (*pieces, Piece(text[at:]))
