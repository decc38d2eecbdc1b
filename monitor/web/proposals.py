"""Proposals: what rejected hits share, a rule against it to be tried, and what that would lose.

* Nothing is applied here: a person tries it on the rule bench, and writes it into the rules.
* They are worked out behind the page, from all verdicts of the time that is asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from monitor.detect.contexts import LEAST, ContextKind, Key
from monitor.model import Role
from monitor.store import review_queue
from monitor.store.judged import mark
from monitor.web.aside import works
from monitor.web.context import reading_for, site_of
from monitor.web.pages import again, names_for, not_yet, page
from monitor.web.review import SPANS
from monitor.web.stories import account

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.datastructures import QueryParams
    from starlette.requests import Request
    from starlette.responses import Response

    from monitor.config.proposed import Proposed
    from monitor.detect.contexts import Context
    from monitor.web.stories import Account

LEASTS = (LEAST, 5, 20)
SHOWN = 20  # proposals
EXAMPLES = 3  # of each kind
TITLE = "Proposals"
BACK = ("/review/", "Review")
WORDS = {
    ContextKind.UNLESS: "A longer phrase around a spelling of {of}",
    ContextKind.SPELLING: "Words in the sentence of the spelling {of}",
    ContextKind.TOPIC: "Words in the sentence of {of}",
    ContextKind.FEED: "The feed {of}",
}


@dataclass(frozen=True, slots=True)
class Proposal:
    """A context, what to write against it, where to try that, and hits that show what it is of."""

    context: Context
    of: str
    proposed: Proposed
    bench: str
    rejected: tuple[Account, ...]
    kept: tuple[Account, ...]


def proposals(request: Request) -> Response:
    """Show what rejected hits share, the most telling first."""
    site, asked = site_of(request), request.query_params
    least = next((it for it in LEASTS if str(it) == asked.get("min")), LEAST)
    days = next((it for it in SPANS if str(it) == asked.get("days")), SPANS[0])
    since = site.clock.now() - timedelta(days=days)
    with reading_for(request) as connection:
        now = (*mark(connection), site.clock.now().date())
    found = site.behind.find(
        ("proposals", least, days),
        now,
        site.clock.now(),
        partial(works.proposals, least=least, since=since, most=SHOWN + 1),
    )
    if found.outcome is None:
        return not_yet(request, TITLE, BACK)
    shown = found.outcome[:SHOWN]
    numbers = {hit for it, _ in shown for hit in (*it.rejected[:EXAMPLES], *it.kept[:EXAMPLES])}
    with reading_for(request) as connection:
        hits = {it.id: account(it) for it in review_queue.hits(connection, numbers)}
    response = page(
        request,
        "web/proposals.html.j2",
        rows=[_proposal(request, it, made, hits) for it, made in shown],
        words=WORDS,
        least=least,
        leasts=LEASTS,
        since_days=days,
        spans=SPANS,
        more=len(found.outcome) > SHOWN,
        found=found,
    )
    return response if found.fresh else again(response)


def asked_key(asked: QueryParams) -> Key | None:
    """Return the context that the address of the rule bench names, None if it names none."""
    kind, role = asked.get("kind"), asked.get("role")
    if kind == ContextKind.FEED:
        return Key(ContextKind.FEED, None, asked.get("of", ""), "")
    if kind not in set(ContextKind) or role not in (Role.COMPANY, Role.TOPIC):
        return None
    return Key(ContextKind(kind), Role(role), asked.get("of", ""), asked.get("phrase", ""))


def _proposal(
    request: Request, context: Context, proposed: Proposed, hits: Mapping[int, Account]
) -> Proposal:
    key, names = context.key, names_for(request)
    of = key.of
    if key.kind in {ContextKind.UNLESS, ContextKind.TOPIC}:
        of = names.company(of) if key.role is Role.COMPANY else names.topic(of)
    bench = {"kind": key.kind, "of": key.of}
    if key.role is not None:
        bench |= {"role": key.role, "phrase": key.phrase}
    return Proposal(
        context,
        of,
        proposed,
        urlencode(bench),
        tuple(hits[it] for it in context.rejected[:EXAMPLES] if it in hits),
        tuple(hits[it] for it in context.kept[:EXAMPLES] if it in hits),
    )
