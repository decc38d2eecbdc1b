"""Head: by which article a story is told, and what its hits together say.

* The head is the earliest official article; else the earliest report that names the story's
  stage; else the earliest report. A comment heads only a story that has nothing else.
* The stage is the one most reports name, the earliest named of several; comments have no say.
* An article is official if its address is of a public authority or an exchange.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from monitor.stories.kinds import is_comment

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

# Hosts of authorities, courts and exchanges. Only what nobody else can register, and by name the
# exchanges' and filing sites that companies must publish through.
_OFFICIAL: Final = re.compile(
    r"(?:^|\.)(?:gov|gov\.[a-z]{2}|go\.(?:jp|kr)|gouv\.fr|europa\.eu|court\.[a-z.]{2,6}"
    r"|hkexnews\.hk|hkex\.com\.hk|sse\.com\.cn|szse\.cn|cninfo\.com\.cn|bundeskartellamt\.de"
    r"|agcm\.it|bund\.de|judiciary\.hk|sfc\.hk)$"
)
# An address whose host stands there as it is, which are almost all: no need to take it apart.
_PLAIN: Final = re.compile(r"https?://([A-Za-z0-9.-]+)(?=[/?#]|\Z)")


@dataclass(frozen=True, slots=True)
class Account:
    """An article's account of what happened, by the hit in it."""

    hit_id: int
    title: str
    url: str | None
    stage: str | None
    at: datetime

    @property
    def official(self) -> bool:
        """Whether an authority or an exchange published it."""
        return is_official(self.url)

    @property
    def comment(self) -> bool:
        """Whether it is a round-up or an opinion."""
        return is_comment(self.title)


def is_official(url: str | None) -> bool:
    """Return whether an address is of a public authority, a court or an exchange."""
    if plain := _PLAIN.match(url or ""):
        return _is_official_host(plain[1].lower())
    try:
        host = urlsplit(url or "").hostname or ""
    except ValueError:
        return False
    return _is_official_host(host)


@lru_cache(maxsize=4096)
def _is_official_host(host: str) -> bool:
    return _OFFICIAL.search(host) is not None


def stage_of(accounts: Sequence[Account]) -> str | None:
    """Return the stage that most reports of a story name, None if none does."""
    told = sorted(
        (it for it in accounts if it.stage and not it.comment), key=lambda it: (it.at, it.hit_id)
    )
    counted = Counter(it.stage for it in told)
    return max(counted, key=counted.__getitem__, default=None)


def head_of(accounts: Sequence[Account], stage: str | None) -> Account:
    """Return by which of at least one *accounts* of a story of this stage it is told."""
    return min(
        accounts,
        key=lambda it: (it.comment, not it.official, it.stage != stage, it.at, it.hit_id),
    )
