"""`monitor explain`: why something was reported, or why not.

* A hit is derived again from the stored text it quotes, under the lexicon that made it; the
  command says whether that agrees with what is stored, and exits with 1 if it does not.
* A text needs no database: everything found in it is told, also what does not count.
* An address is looked up among the stored articles; if it is not there, the feeds of its site are
  named with the last time they answered.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from monitor.cli import config_path, declare
from monitor.cli.explained import show_address, show_hit, show_text
from monitor.cli.listing import instant_text
from monitor.cli.match import Reading, line
from monitor.errors import UsageError
from monitor.text.html import looks_like_html, to_text

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable
    from datetime import datetime

    from sqlalchemy import Connection

    from monitor.app import App
    from monitor.detect.associate import Detector
    from monitor.detect.changes import KnownHit
    from monitor.detect.explain import Explanation, Standing
    from monitor.model import Match
    from monitor.store.texts import StoredArticle, StoredText

ARTICLES: Final = 20  # of one address that are shown; feeds that give one link to all have more


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    purpose = "say why something was reported, or why not"
    command = declare(commands, "explain", purpose)
    command.add_argument("hit", nargs="?", type=int, metavar="HIT_ID", help="a stored hit")
    command.add_argument("--text", metavar="TEXT", help="a headline, or with --title the text")
    command.add_argument("--title", metavar="TEXT", help="the headline above --text")
    command.add_argument("--url", metavar="URL", help="an article's address")
    command.add_argument("--format", choices=("table", "json"), default="table")
    command.set_defaults(work=_explain)


def _explain(args: argparse.Namespace) -> int:
    given = [args.hit is not None, args.text is not None, args.url is not None]
    if sum(given) != 1:
        raise UsageError("explain wants one of: the number of a hit, --text or --url")
    if args.title is not None and args.text is None:
        raise UsageError("--title stands above a --text")
    if args.text is not None:
        return _text(args)
    from monitor.app import App
    from monitor.store.engine import reading

    with App.load(config_path(args)) as app, reading(app.store) as connection:
        return _hit(args, app, connection) if args.url is None else _url(args, app, connection)


# --- a text ------------------------------------------------------------------------------------


def _text(args: argparse.Namespace) -> int:
    from monitor.detect.explain import explain

    fields = [args.text] if args.title is None else [args.title, args.text]
    title, summary = (*(_plain(field) for field in fields), "")[:2]
    if not title.strip():
        raise UsageError("there is nothing to explain in an empty text")
    reading = Reading.with_config(args)
    told = _told(explain(reading.detector, title, summary), title, summary)
    if args.format == "json":
        print(line(told, indent=2))
    else:
        show_text(told)
    return 0


def _plain(field: str) -> str:
    return to_text(field) if looks_like_html(field) else field


def _told(found: Explanation, title: str, summary: str) -> dict[str, Any]:
    from monitor.detect.score import THRESHOLD

    return {
        "text": {"title": title, "summary": summary},
        "threshold": THRESHOLD,
        "silence": found.silence,
        "matches": [match_data(match) for match in found.matches],
        "found": [_standing(it) for it in found.standing],
    }


def match_data(match: Match) -> dict[str, Any]:
    """Return all of *match* as plain data."""
    return {
        **asdict(match),
        "amounts": [{**asdict(it), "value": f"{it.value:f}"} for it in match.amounts],
        "event_date": match.event_date.isoformat() if match.event_date else None,
    }


def _standing(it: Standing) -> dict[str, Any]:
    return {**asdict(it.quote), "role": it.role, "key": it.key, "problem": it.problem}


# --- a hit -------------------------------------------------------------------------------------


def _hit(args: argparse.Namespace, app: App, connection: Connection) -> int:
    from monitor.store import hits, texts

    hit = hits.get(connection, args.hit)
    if hit is None:
        raise UsageError(f"there is no hit {args.hit}")
    article = texts.get(connection, hit.article)
    if article is None:  # pragma: no cover - the database's own reference forbids it
        raise AssertionError
    told = explained_hit(app, connection, hit, article)
    if args.format == "json":
        print(line(told, indent=2))
    else:
        show_hit(told)
    return 1 if told["verdict"] == "differs" else 0


def explained_hit(
    app: App, connection: Connection, hit: KnownHit, article: StoredArticle
) -> dict[str, Any]:
    """Return the explanation of a stored hit as plain data."""
    from monitor.detect.changes import differences

    text = next(it for it in article.texts if it.revision == hit.revision)
    verdict, detector = _detector_of(app, connection, hit.lexicon)
    told: dict[str, Any] = {"differences": []}
    if detector is not None:
        found = _explain_stored(detector, article, text, hit)
        told |= _told(found, text.title, text.summary)
        match = _of_pair(found.matches, hit)
        told["match"] = match_data(match) if match else None
        told["matches"] = [it for it in told["matches"] if it != told["match"]]
        gone = ("not found at all",) if match is None else (match.rejected,)
        told["differences"] = differences(hit, match) if match else gone
        if match is not None and match.rejected:
            told["differences"] = (f"rejected: {match.rejected}", *told["differences"])
        verdict = "differs" if told["differences"] else "agrees"
    return {
        "hit": _hit_data(hit),
        "article": _article_data(article),
        "text": {"title": text.title, "summary": text.summary},
        "verdict": verdict,
        "present": _presently(app, article, text, hit),
        **told,
    }


def _detector_of(app: App, connection: Connection, fingerprint: str) -> tuple[str, Detector | None]:
    """Return the detector of that lexicon, or why there is none."""
    from monitor.detect.associate import Detector
    from monitor.detect.canonical import read_canonical
    from monitor.store import lexicons

    if fingerprint == app.lexicon.fingerprint:
        return "", Detector(app.lexicon)
    content = lexicons.content(connection, fingerprint)
    if content is None:
        return "lexicon not kept", None
    try:
        lexicon = read_canonical(content)
    except ValueError:
        return "made by another version", None
    if lexicon.fingerprint != fingerprint:
        return "made by another version", None
    return "", Detector(lexicon)


def _explain_stored(
    detector: Detector, article: StoredArticle, text: StoredText, hit: KnownHit
) -> Explanation:
    from monitor.detect.explain import explain
    from monitor.model import Role

    named = any(quote.role is Role.COMPANY for quote in hit.evidence)
    return explain(
        detector,
        text.title,
        text.summary,
        company=article.bound if named else hit.company,
        published=article.published_at,
    )


def _of_pair(matches: tuple[Match, ...], hit: KnownHit) -> Match | None:
    pairs = {(match.company, match.topic): match for match in matches}
    return pairs.get(hit.pair)


def _presently(
    app: App, article: StoredArticle, text: StoredText, hit: KnownHit
) -> dict[str, Any] | None:
    """Return what the present rules say of the hit; None if it was made by these."""
    from monitor.detect.associate import Detector

    if hit.lexicon == app.lexicon.fingerprint:
        return None
    found = _explain_stored(Detector(app.lexicon), article, text, hit)
    match = _of_pair(found.matches, hit)
    return {
        "lexicon": app.lexicon.fingerprint,
        "found": match is not None and match.rejected is None,
        "score": match.score if match else None,
        "reason": match.rejected
        if match
        else found.silence or "one of the two does not stand there",
    }


def _hit_data(hit: KnownHit) -> dict[str, Any]:
    day = hit.event_date.isoformat() if hit.event_date else None
    return {**asdict(hit), "event_date": day}


def _article_data(article: StoredArticle) -> dict[str, Any]:
    return {
        "id": article.id,
        "url": article.url,
        "feed": article.feed,
        "bound": article.bound,
        "published_at": instant_text(article.published_at),
        "first_seen": instant_text(article.first_seen),
        "revision": article.present.revision,
        "matched_with": article.matched_with,
    }


# --- an address --------------------------------------------------------------------------------


def _url(args: argparse.Namespace, app: App, connection: Connection) -> int:
    from monitor.identity import comparable_link
    from monitor.store import sites, texts

    try:
        link = comparable_link(args.url if "://" in args.url else f"https://{args.url}")
    except ValueError as error:
        raise UsageError(f"{args.url}: is no address: {error}") from error
    found = texts.with_link(connection, link, limit=ARTICLES + 1)
    site = link.partition("/")[0].partition("?")[0]
    told: dict[str, Any] = {
        "url": args.url,
        "stored": bool(found),
        "articles": [_stored(app, connection, article) for article in found[:ARTICLES]],
        "more": len(found) > ARTICLES,
        "site": site,
        "feeds": [
            {**asdict(it), "last_ok_at": instant_text(it.last_ok_at), "gaps": _instants(it.gaps)}
            for it in sites.feeds_of(connection, site, now=app.clock.now())
            if not found
        ],
    }
    if args.format == "json":
        print(line(told, indent=2))
    else:
        show_address(told)
    return 0


def _instants(gaps: Iterable[tuple[datetime, datetime]]) -> list[list[str | None]]:
    return [[instant_text(at) for at in gap] for gap in gaps]


def _stored(app: App, connection: Connection, article: StoredArticle) -> dict[str, Any]:
    from monitor.detect.associate import Detector
    from monitor.detect.explain import explain
    from monitor.store import near_misses

    text = article.present
    found = explain(
        Detector(app.lexicon),
        text.title,
        text.summary,
        company=article.bound,
        published=article.published_at,
    )
    return {
        "article": _article_data(article),
        "hits": [_hit_data(hit) for hit in article.hits],
        "near_misses": [
            {**asdict(it), "found_at": instant_text(it.found_at)}
            for it in near_misses.of_article(connection, article.id)
        ],
        **_told(found, text.title, text.summary),
    }
