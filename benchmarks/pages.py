"""How fast pages and the API of a large archive are: python benchmarks/pages.py [--hits 1000000].

Serves the site on the archive of benchmarks/queries.py, with what benchmarks/archive.py adds to it,
and a thousand subscriptions. Asks as a reviewer who is logged in for each kind of page and each
list of the API over HTTP, `--repeat` times, with other filters, places and words each time, and
prints what its answers took: time by the clock, and CPU of server and asker, with that of a
PostgreSQL on this machine.

* `--database FILE` keeps the archive, and uses one that is there; `--postgresql URL` copies it into
  an empty PostgreSQL database first, or uses one that is full.
* `--beside` has previews, proposals and backtests worked out behind other pages all the time.
* What is asked is the same at every run. The clock of the site stands at the archive's end.
* Fails (exit 1) if an answer is no 200, or the p95 of a page is above its bar.
"""

from __future__ import annotations

import argparse
import http.client
import random
import re
import sys
import tempfile
import time
from contextlib import closing, nullcontext
from datetime import timedelta
from html import unescape
from pathlib import Path
from threading import Event
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlencode

import psycopg
from archive import DIGEST_DAYS, LARGE, SAVED, SUBSCRIPTIONS, copy, enrich
from beside import worked_out
from queries import COMPANIES, DAYS, DEEDS, END, FEEDS, PER_STORY, SEARCHES, fill

from monitor import logs
from monitor.app import App
from monitor.config import load
from monitor.model import UserRole
from monitor.store import keys, logins, users
from monitor.store.migrate import upgrade
from monitor.web.api.paging import write_cursor
from monitor.web.server import serving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

BARS_MS = {"search": 100.0, "API search": 100.0}
BAR_MS = 50.0  # of every other
SUBSCRIBED = 1000
WHO = "benchmark"
CONFIG = """
companies: [{companies}]
topics: [antitrust, ipo, listing]
feeds: []
database: {database}
delivery: {{outbox: {folder}}}
web: {{timezone: Asia/Hong_Kong}}
subscriptions:
{subscriptions}
"""
SUBSCRIPTION = (
    "  - {{name: {name}, to: [desk{n}@example.com], at: '{hour:02}:30', timezone: Asia/Hong_Kong}}"
)


class _AtTheEnd:
    """The clock of the site."""

    def now(self) -> datetime:
        return END


def pages(hits: int) -> dict[str, Callable[[random.Random], str]]:
    """Return for each page how to make an address of it, by chance."""
    stories = hits // PER_STORY
    digests = DIGEST_DAYS * len(SUBSCRIPTIONS)

    def narrowed(path: str, last: int) -> Callable[[random.Random], str]:
        def made(chance: random.Random) -> str:
            query: dict[str, object] = {**_limits(chance)}
            if chance.random() < 0.4:  # noqa: PLR2004
                query["before"] = chance.randrange(1, last)
            return f"{path}?{urlencode(query)}"

        return made

    def search(chance: random.Random) -> str:
        query = {"q": chance.choice(SEARCHES), "in": chance.choice(("articles", "stories"))}
        query["sort"] = chance.choice(("newest", "relevance"))
        return f"/search/?{urlencode(query)}"

    def tried(chance: random.Random) -> str:
        title = f"{chance.choice(COMPANIES)[1]} {chance.choice(DEEDS)[2]}"
        return f"POST /rules/?{urlencode({'do': 'try', 'title': title})}"

    def counted(path: str, **of: tuple[object, ...]) -> Callable[[random.Random], str]:
        """Return how to make an address of *path* with one of each of these values."""
        return lambda chance: f"{path}?{urlencode({key: chance.choice(of[key]) for key in of})}"

    return {
        "today": lambda _: "/",
        "stories": narrowed("/stories/", stories),
        "story": lambda chance: f"/stories/{chance.randrange(1, stories - LARGE)}",
        "largest story": lambda _: f"/stories/{stories}",
        "companies": lambda _: "/companies/",
        "company": lambda chance: f"/companies/{chance.choice(COMPANIES)[0]}",
        "hits": narrowed("/hits/", hits),
        "search": search,
        "searches": lambda chance: f"/searches/?after={chance.randrange(SAVED)}",
        "feeds": lambda _: "/feeds/",
        "feed": lambda chance: f"/feeds/f{chance.randrange(1, FEEDS)}",
        "digests": lambda chance: f"/digests/?before={chance.randrange(1, digests)}",
        "digests of one": lambda chance: f"/digests/?subscription={chance.choice(SUBSCRIPTIONS)}",
        "digest": lambda chance: f"/digests/{chance.randrange(1, digests)}",
        "digest's HTML": lambda chance: f"/digests/{chance.randrange(1, digests)}/html",
        "subscriptions": lambda _: "/subscriptions/",
        "preview": lambda chance: f"/subscriptions/{_subscription(chance.randrange(SUBSCRIBED))}",
        "review queue": narrowed("/review/", hits),
        "hit reviewed": lambda chance: f"/review/{chance.randrange(1, hits)}",
        "precision": counted(
            "/review/precision",
            by=("company", "topic", "stage", "feed", "spelling"),
            days=(30, 90, 365),
        ),
        "proposals": counted("/review/proposals", min=(5, 10, 20), days=(30, 90, 365)),
        "rules": lambda _: "/rules/",
        "rules, a text": tried,
        "Atom, hits": narrowed("/feeds/hits.atom", hits),
        "Atom, stories": narrowed("/feeds/stories.atom", stories),
    }


def lists(  # noqa: C901 - small makers, one for each list
    hits: int, form_key: str
) -> dict[str, Callable[[random.Random], str]]:
    """Return for each list of the API how to make an address of a page of it, by chance."""
    stories = hits // PER_STORY
    digests = DIGEST_DAYS * len(SUBSCRIPTIONS)
    site = SimpleNamespace(form_key=form_key)
    request: Any = SimpleNamespace(app=SimpleNamespace(state=SimpleNamespace(site=site)))

    def page(
        chance: random.Random, path: str, name: str, place: tuple[Any, ...], **query: object
    ) -> str:
        """Return the address of a first page, or of one far behind it; a few are of 200 rows."""
        if chance.random() < 0.5:  # noqa: PLR2004
            query["cursor"] = write_cursor(request, name, place)
        if chance.random() < 0.2:  # noqa: PLR2004
            query["limit"] = 200
        return f"/api/v1/{path}?{urlencode(query)}"

    def by_time(
        path: str, last: int, more: Callable[[random.Random], dict[str, object]]
    ) -> Callable[[random.Random], str]:
        """Return how to make pages of a list that is ordered by time, and narrowed by it too."""

        def made(chance: random.Random) -> str:
            query = more(chance)
            age = chance.random() ** 2
            place = END - timedelta(days=DAYS * age), int(last * (1 - age))
            if chance.random() < 0.3:  # noqa: PLR2004
                query["since"] = (END - timedelta(days=chance.choice((1, 30, 1000)))).isoformat()
            if chance.random() < 0.3:  # noqa: PLR2004
                query["until"] = (END - timedelta(days=DAYS * chance.random())).isoformat()
            return page(chance, path, f"v_{path}", place, **query)

        return made

    def kinds(chance: random.Random) -> dict[str, object]:
        score = {"min_score": chance.choice((0.5, 0.95))} if chance.random() < 0.2 else {}  # noqa: PLR2004
        return {**_limits(chance), **score}

    def of_story(chance: random.Random) -> dict[str, object]:
        return {"story": chance.choice((stories, chance.randrange(1, stories)))}

    def of_articles(chance: random.Random) -> dict[str, object]:
        feed = {"feed": f"f{chance.randrange(1, FEEDS)}"} if chance.random() < 0.3 else {}  # noqa: PLR2004
        return {**kinds(chance), **feed}

    def of_hit(chance: random.Random) -> dict[str, object]:
        return {"hit": chance.randrange(1, hits)} if chance.random() < 0.3 else {}  # noqa: PLR2004

    def answers(chance: random.Random) -> str:
        path = chance.choice(("hits", "stories", "articles"))
        article = chance.randrange(1, hits)
        query = {**_limits(chance), "q": chance.choice(SEARCHES)}
        return page(chance, path, f"answers in v_{path}", (article, article), **query)

    def numbered(path: str, last: int) -> Callable[[random.Random], str]:
        return lambda chance: f"/api/v1/{path}/{chance.randrange(1, last)}"

    def feeds(chance: random.Random) -> str:
        feed = chance.randrange(1, FEEDS)
        return page(chance, "feeds", "feeds", (f"Feed {feed}", f"f{feed}"))

    def of_digests(chance: random.Random) -> str:
        some = {"subscription": chance.choice(SUBSCRIPTIONS)} if chance.random() < 0.5 else {}  # noqa: PLR2004
        return page(chance, "digests", "digests", (chance.randrange(1, digests),), **some)

    def saved(chance: random.Random) -> str:
        return page(chance, "searches", "searches", (chance.randrange(SAVED),))

    return {
        "API hits": by_time("hits", hits, kinds),
        "API hits of one": by_time("hits", hits, of_story),
        "API stories": by_time("stories", stories, kinds),
        "API articles": by_time("articles", hits, of_articles),
        "API search": answers,
        "API feeds": feeds,
        "API digests": of_digests,
        "API reviews": by_time("reviews", hits // 4, of_hit),
        "API searches": saved,
        "API companies": lambda _: "/api/v1/companies",
        "API subscriptions": lambda chance: page(
            chance, "subscriptions", "subscriptions", (_subscription(chance.randrange(SUBSCRIBED)),)
        ),
        "API hit": numbered("hits", hits),
        "API story": numbered("stories", stories),
        "API article": numbered("articles", hits),
        "API feed": lambda chance: f"/api/v1/feeds/f{chance.randrange(1, FEEDS)}",
        "API digest": numbered("digests", digests),
    }


def _limits(chance: random.Random) -> dict[str, object]:
    chosen = {"company": chance.choice(COMPANIES)[0]}
    chosen["topic"], chosen["stage"] = chance.choice(DEEDS)[0], chance.choice(DEEDS)[1]
    return {key: value for key, value in chosen.items() if chance.random() < 0.5}  # noqa: PLR2004


def _subscription(number: int) -> str:
    return SUBSCRIPTIONS[number] if number < len(SUBSCRIPTIONS) else f"s{number}"


def subscriptions() -> str:
    """Return them as the configuration has them."""
    return "\n".join(
        SUBSCRIPTION.format(name=_subscription(n), n=n, hour=n % 24) for n in range(SUBSCRIBED)
    )


class Answer(NamedTuple):
    """An answer: the milliseconds until it was there whole, of CPU, its status and text."""

    took: float
    burnt: float
    status: int
    text: str


class Backends:
    """The processes of a PostgreSQL on this machine that serve a database."""

    def __init__(self, url: str) -> None:
        address = url.replace("postgresql+psycopg:", "postgresql:", 1)
        self._to = psycopg.connect(address, autocommit=True)
        self._burnt: dict[int, int] = {}

    def burnt(self) -> float:
        """Return the milliseconds of CPU that they took since the last time."""
        pids = self._to.execute(
            "SELECT pid FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        now = {
            pid: int(Path(f"/proc/{pid}/schedstat").read_text("ascii").split()[0])
            for (pid,) in pids
            if Path(f"/proc/{pid}").exists()
        }
        new = sum(burnt - self._burnt.get(pid, 0) for pid, burnt in now.items())
        self._burnt = now
        return new / 1e6


class Asker:
    """Who asks: a reviewer, logged in."""

    def __init__(self, app: App, port: int) -> None:
        self._port = port
        url = app.engine.url
        there = url.get_backend_name() == "postgresql"
        self._backends = Backends(url.render_as_string(hide_password=False)) if there else None
        with app.store.begin() as connection:
            if users.find(connection, WHO) is None:
                users.add(connection, WHO, UserRole.REVIEWER, None, now=END)
            user = users.find(connection, WHO)
            assert user is not None  # noqa: S101 - just added
            lasts = timedelta(days=1)
            self.cookie = f"login={logins.begin(connection, user, now=END, lasts=lasts)}"
            self.form_key = keys.kept(connection, "forms", now=END)
        page = self._asked("GET", "/rules/").text
        self._fields = {
            "form": re.search(r'name="form" value="([^"]+)"', page),
            "rules": re.search(r'class="code">([^<]*)</textarea>', page),
        }

    def ask(self, address: str) -> Answer:
        """Ask for *address*; where it begins with POST, its query is sent as the form of a page."""
        if not address.startswith("POST "):
            return self._asked("GET", address)
        path, _, query = address.removeprefix("POST ").partition("?")
        fields = {name: unescape(it[1]) for name, it in self._fields.items() if it}
        return self._asked("POST", path, f"{query}&{urlencode(fields)}")

    def _asked(self, method: str, address: str, body: str | None = None) -> Answer:
        headers = {"Cookie": self.cookie}
        if body is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        with closing(http.client.HTTPConnection("127.0.0.1", self._port, timeout=120)) as to:
            to.connect()
            began, cpu = time.perf_counter(), time.process_time()
            to.request(method, address, body, headers)
            answer = to.getresponse()
            text = answer.read().decode()
            took, burnt = time.perf_counter() - began, (time.process_time() - cpu) * 1000
        if self._backends is not None:
            burnt += self._backends.burnt()
        return Answer(took * 1000, burnt, answer.status, text)


def measured(asker: Asker, hits: int, repeat: int, only: list[str]) -> Iterator[bool]:
    """Ask for every page, print what it took, and yield whether it is within its bar."""
    print(
        f"{'ms':16} {'median':>8} {'p95':>8} {'most':>8} {'CPU, median':>12} {'p95':>8}"
        "  the slowest"
    )
    for name, made in {**pages(hits), **lists(hits, asker.form_key)}.items():
        if only and name not in only:
            continue
        chance = random.Random(name)
        asker.ask(made(random.Random(0)))  # templates are compiled once
        told = []
        for _ in range(repeat):
            address = made(chance)
            answer = asker.ask(address)
            if answer.status != http.client.OK:
                print(f"{address}: {answer.status}")
                yield False
            told.append((answer.took, answer.burnt, address))
        told.sort()
        clock = [took for took, _, _ in told]
        burnt_all = sorted(burnt for _, burnt, _ in told)
        p95 = int(repeat * 0.95)
        print(
            f"{name:16} {clock[repeat // 2]:8.1f} {clock[p95]:8.1f} {clock[-1]:8.1f}"
            f" {burnt_all[repeat // 2]:12.1f} {burnt_all[p95]:8.1f}  {told[-1][2]}",
            flush=True,
        )
        yield clock[p95] < BARS_MS.get(name, BAR_MS)


def main() -> None:
    """Fill, serve, ask, print."""
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--hits", type=int, default=1_000_000)
    options.add_argument("--repeat", type=int, default=60)
    options.add_argument("--database", type=Path)
    options.add_argument("--postgresql", metavar="URL")
    options.add_argument("--beside", action="store_true")
    options.add_argument("--only", nargs="*", default=[], metavar="PAGE")
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = (given.database or Path(folder, "archive.db")).absolute()
        url = given.postgresql or f"sqlite:///{path}"
        if not path.exists():
            fill(path, given.hits)
        file = Path(folder, "config.yaml")
        file.write_text(
            CONFIG.format(
                companies=", ".join(key for key, _, _ in COMPANIES),
                database=url,
                folder=folder,
                subscriptions=subscriptions(),
            ),
            "utf-8",
        )
        config = load(file, {})
        enrich(path, config.lexicon)
        if given.postgresql:
            copy(path, url)
        logs.set_up("WARNING", "auto")
        with App(config, _AtTheEnd()) as app:
            upgrade(app.engine)
            with serving(app, "127.0.0.1:0", Event()) as (_, port):
                asker = Asker(app, port)
                names = [_subscription(n) for n in range(len(SUBSCRIPTIONS), SUBSCRIBED)]
                busy = worked_out(port, asker.cookie, names) if given.beside else nullcontext()
                with busy:
                    within = list(measured(asker, given.hits, given.repeat, given.only))
    sys.exit(not all(within))


if __name__ == "__main__":
    main()
