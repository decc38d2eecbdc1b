"""Proposals: what rejected hits share, a rule against it to be tried, and what that would lose.

* Nothing is applied here: a person tries it on the rule bench, and writes it into the rules.
* Counted are the newest MOST verdicts, and that is said where there are more.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from monitor.config.proposed import Proposer
from monitor.detect.contexts import LEAST, ContextKind, Key, shared_contexts
from monitor.model import Role
from monitor.store import review_queue
from monitor.store.judged import judged
from monitor.web.context import reading_for, site_of
from monitor.web.pages import page
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
MOST = 2000  # verdicts
SHOWN = 20  # proposals
EXAMPLES = 3  # of each kind
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
        verdicts = judged(connection, since=since, limit=MOST + 1)
    proposer = Proposer(site.config)
    found = shared_contexts(
        verdicts[:MOST], least, writable=lambda key: proposer.propose(key) is not None
    )
    fit = [(it, made) for it in found if (made := proposer.propose(it.key))]
    shown = fit[:SHOWN]
    numbers = {hit for it, _ in shown for hit in (*it.rejected[:EXAMPLES], *it.kept[:EXAMPLES])}
    with reading_for(request) as connection:
        hits = {it.id: account(it) for it in review_queue.hits(connection, numbers)}
    return page(
        request,
        "web/proposals.html.j2",
        rows=[_proposal(request, it, made, hits) for it, made in shown],
        words=WORDS,
        least=least,
        leasts=LEASTS,
        since_days=days,
        spans=SPANS,
        more=len(fit) > SHOWN,
        cut=MOST if len(verdicts) > MOST else None,
    )


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
    key, names = context.key, site_of(request).names
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
