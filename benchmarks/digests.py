"""How long digests take for many subscriptions over many open hits: python benchmarks/digests.py.

Fills a SQLite database in a temporary folder with hits of six companies and three topics, English
and Chinese, in stories of one to four publishers; then composes and renders the digest of each of
many subscriptions, no two of which want the same: by company, topic, language, score and zone.
With --filtered some of them have a filter as well, half of these one with words.
Prints how long making and storing them took, peak memory (RSS) and the largest mail; then the mail
of one subscription that 2,000 hits are due to.

* The hits and the subscriptions are the same at every run; what is read is read anew.
* Figures of one machine and day may be compared with each other only.
"""

from __future__ import annotations

import argparse
import itertools
import random
import resource
import tempfile
import time
from datetime import UTC, datetime, timedelta
from datetime import time as time_of_day
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from sqlalchemy import insert

from monitor.config.watchlist import bundled_lexicon
from monitor.deliver.message import body_octets
from monitor.digest.names import names_of
from monitor.digest.render import Renderer
from monitor.model import Schedule, Subscription
from monitor.pipeline.compose import ComposeStep
from monitor.pipeline.edition import HEAD, Editor
from monitor.store import digests
from monitor.store import schema as t
from monitor.store.engine import open_engine
from monitor.store.migrate import upgrade
from monitor.store.subscriptions import sync as sync_subscriptions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Engine

NOW = datetime(2026, 11, 24, 0, 0, tzinfo=UTC)
COMPANIES = {
    "alibaba": ("Alibaba", "阿里巴巴"),
    "ant": ("Ant Group", "蚂蚁集团"),
    "tencent": ("Tencent", "腾讯"),
    "xiaomi": ("Xiaomi", "小米"),
    "huawei": ("Huawei", "华为"),
    "baidu": ("Baidu", "百度"),
}
TOPICS = {
    "antitrust": (("fine", "probe", "hearing", None), ("antitrust case", "反垄断案")),
    "ipo": (("filing", "approval", "suspension", None), ("IPO", "IPO上市申请")),
    "listing": (("plan", "listed", "delisted", None), ("share listing", "股份上市")),
}
WORDS = [
    "market",
    "analysts",
    "said",
    "shares",
    "rose",
    "quarterly",
    "revenue",
    "growth",
    "company",
    "plans",
    "cloud",
    "services",
    "supply",
    "chain",
    "demand",
    "consumers",
    "price",
    "retail",
    "investors",
    "report",
    "year",
    "strong",
    "outlook",
    "board",
    "meeting",
    "policy",
    "trade",
    "bank",
    "rate",
    "inflation",
    "energy",
    "project",
    "port",
    "shipping",
    "factory",
    "workers",
    "season",
    "travel",
    "airline",
    "ministry",
    "court",
    "council",
    "appeal",
    "merger",
    "platform",
    "payment",
    "logistics",
    "music",
    "maps",
    "chips",
    "phones",
    "cars",
]
CHARACTERS = (
    "市场分析师表示股价上涨季度收入增长公司计划云服务客户供应链出口需求消费者价格零售投资者报告今年"
    "强劲展望董事会会议政策贸易银行贷款利率通胀能源项目港口航运工厂工人季节天气旅游航空"
)
ZONES = ("Asia/Hong_Kong", "Europe/London", "America/New_York")
FEEDS = 46
CHINESE = 0.4  # of the articles


def fill(engine: Engine, count: int) -> None:
    """Store *count* open hits with their articles and stories."""
    chance = random.Random(7)
    state = {"enabled": True, "state": "ok", "failures": 0, "due_at": NOW}
    feeds: list[dict[str, Any]] = [
        {"id": n, "key": f"feed-{n}", "name": f"Feed {n}", "url": f"https://f{n}.example/", **state}
        for n in range(1, FEEDS + 1)
    ]
    articles: list[dict[str, Any]] = []
    stories: list[dict[str, Any]] = []
    hits: list[dict[str, Any]] = []
    while len(hits) < count:
        company, topic = chance.choice(list(COMPANIES)), chance.choice(list(TOPICS))
        stage = chance.choice(TOPICS[topic][0])
        story = {"id": len(stories) + 1, "company": company, "topic": topic, "stage": stage}
        at = NOW - timedelta(seconds=chance.randrange(1, 80_000))
        for _ in range(min(chance.choice((1, 1, 1, 2, 4)), count - len(hits))):
            number = len(hits) + 1
            chinese = chance.random() < CHINESE
            title, summary = _texts(chance, company, topic, chinese=chinese)
            articles.append(_article(chance, number, title, summary, at, chinese=chinese))
            hits.append(_hit(chance, number, story, articles[-1], at, chinese=chinese))
        headline = {"headline": articles[-1]["title"], "first_at": at, "last_at": at}
        stories.append(story | headline | {"head_hit_id": len(hits)})
    with engine.begin() as connection:
        rows = ((t.feeds, feeds), (t.articles, articles), (t.stories, stories), (t.hits, hits))
        for table, values in rows:
            connection.execute(insert(table), values)


def _texts(chance: random.Random, company: str, topic: str, *, chinese: bool) -> tuple[str, str]:
    name, what = COMPANIES[company][chinese], TOPICS[topic][1][chinese]
    if chinese:
        said = "".join(chance.choices(CHARACTERS, k=10))
        more = "。".join("".join(chance.choices(CHARACTERS, k=28)) for _ in range(6))
        return f"{name}{what}:{said}", f"{more}。{name}{what}。{more}"
    said = " ".join(chance.choices(WORDS, k=7))
    more = ". ".join(" ".join(chance.choices(WORDS, k=14)).capitalize() for _ in range(6))
    return f"{name} {what} {said}", f"{more}. The {what} of {name} goes on. {more}"


def _article(
    chance: random.Random, number: int, title: str, summary: str, at: datetime, *, chinese: bool
) -> dict[str, Any]:
    words = "-".join(chance.choices(WORDS, k=6))
    return {
        "id": number,
        "key": str(number),
        "feed_id": chance.randint(1, FEEDS),
        "title": title,
        "summary": summary,
        "url": f"https://www.publisher{number % 90}.example/{at:%Y/%m/%d}/{words}-{number}",
        "publisher": f"Publisher {number % 90}",
        "language": "zh-Hans" if chinese else "en",
        "published_at": at,
        "first_seen": at,
        "revision": 1,
    }


def _hit(
    chance: random.Random,
    number: int,
    story: dict[str, Any],
    article: dict[str, Any],
    at: datetime,
    *,
    chinese: bool,
) -> dict[str, Any]:
    company, topic = story["company"], story["topic"]
    quoted = {
        "company": (COMPANIES[company][chinese], f"{company}.en.name"),
        "topic": (TOPICS[topic][1][chinese], f"{topic}.en.word"),
    }
    evidence = [
        {"role": role, "field": field, "start": start, "end": start + len(text), "text": text}
        | {"term": term}
        for role, (text, term) in quoted.items()
        for field in ("title", "summary")
        if (start := article[field].find(text)) >= 0
    ]
    return {
        "id": number,
        "article_id": number,
        "revision": 1,
        "company": company,
        "topic": topic,
        "stage": story["stage"],
        "regulator": chance.choice(("samr", "csrc", None)),
        "amount_text": chance.choice(("$2.8 billion", "182亿元", None)),
        "score": chance.choice((0.75, 0.85, 0.95)),
        "sentence": article["title"],
        "evidence": evidence,
        "parts": [],
        "lexicon": "f",
        "found_at": at,
        "story_id": story["id"],
    }


def subscriptions(count: int, filtered: int) -> Iterator[Subscription]:
    """Yield subscriptions that all want something else, or read it elsewhere.

    The first *filtered* have filters, no two of which are the same.
    """
    chance = random.Random(5)
    some = [pick for size in range(6, 0, -1) for pick in itertools.combinations(COMPANIES, size)]
    about = [pick for size in (3, 2, 1) for pick in itertools.combinations(TOPICS, size)]
    kinds = itertools.product((0.0, 0.8), ((), ("zh",), ("en",)), about, some, ZONES)
    wanted = list(kinds)
    random.Random(3).shuffle(wanted)
    for number, (score, languages, topics, companies, zone) in enumerate(wanted[:count]):
        yield Subscription(
            name=f"desk-{number}",
            recipients=(f"desk-{number}@example.org",),
            schedule=Schedule(ZoneInfo(zone), at=(time_of_day(7, 30),)),
            companies=companies,
            topics=topics,
            languages=languages,
            min_score=score,
            filter=_filter(chance, number) if number < filtered else None,
        )


def _filter(chance: random.Random, number: int) -> str:
    """Return a filter of three parts; every second one asks for words, every tenth with NEAR."""
    if number % 2:
        stage, regulator = (
            chance.choice(("fine", "probe", "filing")),
            chance.choice(("samr", "csrc")),
        )
        return (
            f"stage:{stage} OR regulator:{regulator} OR score>0.{chance.randrange(70, 95)}{number}"
        )
    one, two, three = chance.sample(WORDS, 3)
    han = "".join(chance.sample(CHARACTERS, 2))
    near = f"({two} NEAR/{number} {three})" if number % 10 == 0 else f'"{two} {three}"'
    return f"({one} OR {han} OR {near}) NOT feed:feed-{1 + number % FEEDS}"


def main() -> None:
    """Fill a database, make the digests, and print what came of it."""
    options = argparse.ArgumentParser(description="How long digests take.")
    options.add_argument("--subscriptions", type=int, default=1_000, metavar="N")
    options.add_argument("--hits", type=int, default=10_000, metavar="N")
    options.add_argument(
        "--filtered", type=int, default=0, metavar="N", help="of them with filters"
    )
    options.add_argument("--profile", action="store_true", help="say where the time goes")
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as name:
        many = list(subscriptions(given.subscriptions, given.filtered))
        step = _step(f"sqlite:///{name}/many.db", given.hits, many)
        if given.profile:
            _profiled(step)
            return
        _timed(step, given.hits)
        one = Subscription("all", ("a@example.org",), many[0].schedule)
        step = _step(f"sqlite:///{name}/one.db", 2_000, [one])
        digest = step.make(one, NOW)
        files = ", ".join(f"{it.name} {len(it.content):,}" for it in digest.rendered.attachments)
        content = digest.content
        print(
            f"one digest of {len(digest.hits):,} hits: "
            f"mail {body_octets(digest.rendered) + HEAD:,} octets, "
            f"{content['stories'] - content['hidden']} of {content['stories']:,} stories in it, "
            f"attached: {files or 'nothing'}"
        )


def _step(url: str, count: int, wanted: list[Subscription]) -> ComposeStep:
    engine = open_engine(url)
    upgrade(engine)
    fill(engine, count)
    with engine.begin() as connection:
        sync_subscriptions(connection, [it.name for it in wanted], now=NOW)
    lexicon = bundled_lexicon()
    editor = Editor(names_of(lexicon), lexicon.fingerprint, body_octets, lambda _name, _slot: None)
    renderer = Renderer()
    return ComposeStep(engine, _Clock(), wanted, editor, lambda _: renderer, "example.org")


class _Clock:
    def now(self) -> datetime:
        return NOW


def _timed(step: ComposeStep, hits: int) -> None:
    making, storing = _Watch(), _Watch()
    due = largest = 0
    with making:
        shared = step.round(step.subscriptions)
    for one in step.subscriptions:
        with making:
            digest = step.make(one, NOW, shared=shared)
        with storing, step.engine.begin() as connection:
            digests.freeze(connection, digest)
        due += len(digest.hits)
        largest = max(largest, body_octets(digest.rendered) + HEAD)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{len(step.subscriptions):,} digests of {hits:,} open hits ({due:,} due in all): "
        f"made in {making}, stored in {storing}, peak {peak:.0f} MB, "
        f"largest mail {largest:,} octets"
    )


class _Watch:
    """Adds up seconds, and seconds of CPU, of what is done `with` it."""

    def __init__(self) -> None:
        self.took = self.used = 0.0

    def __enter__(self) -> None:
        self.took -= time.perf_counter()
        self.used -= time.process_time()

    def __exit__(self, *_: object) -> None:
        self.took += time.perf_counter()
        self.used += time.process_time()

    def __str__(self) -> str:
        return f"{self.took:.1f} s ({self.used:.1f} s of CPU)"


def _profiled(step: ComposeStep) -> None:
    import cProfile
    import pstats

    with cProfile.Profile() as profile:
        shared = step.round(step.subscriptions)
        for one in step.subscriptions:
            step.make(one, NOW, shared=shared)
    pstats.Stats(profile).sort_stats("tottime").print_stats(45)


if __name__ == "__main__":
    main()
