"""Hits, coverage and editions for tests of the digest; every value can be said otherwise."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from monitor.digest.compose import compose
from monitor.digest.dates import ReaderCalendar
from monitor.digest.entries import entry_of, head_of
from monitor.digest.material import Material, Tally
from monitor.digest.names import Names
from monitor.digest.news import arrange
from monitor.model import (
    Coverage,
    Evidence,
    FeedFigures,
    FeedState,
    FeedTrouble,
    Kind,
    NearMissToTell,
    OpenHit,
    ReportedHit,
    Role,
    Schedule,
    Source,
    Step,
    Story,
    Subscription,
)
from monitor.stories.head import Account, is_official, stage_of
from monitor.stories.head import head_of as head_account
from monitor.stories.kinds import is_comment

SLOT = datetime(2026, 11, 23, 23, 30, tzinfo=UTC)  # Tuesday 24 November, 07:30 in Hong Kong

NAMES = Names(
    companies={
        "alibaba": "Alibaba",
        "ant": "Ant Group",
        "tencent": "Tencent",
        "xiaomi": "Xiaomi",
        "huawei": "Huawei",
        "baidu": "Baidu",
    },
    topics={"antitrust": "Antitrust", "ipo": "IPO", "listing": "Listing"},
    stages={"fine": "Fine", "probe": "Probe", "filing": "Filing", "suspension": "Suspension"},
    regulators={"samr": "SAMR", "csrc": "CSRC", "hkex": "HKEX"},
    ranks={"fine": 90, "suspension": 86, "probe": 40, "filing": 20},
)

TROUBLED = FeedTrouble(
    "Harbour Business Post",
    FeedState.FAILING,
    datetime(2026, 11, 22, 6, 5, tzinfo=UTC),
    "HTTP 403",
)


def subscription(**changes):
    schedule = Schedule(ZoneInfo("Asia/Hong_Kong"), at=(time(7, 30),))
    values = {"name": "daily", "recipients": ("desk@example.com",), "schedule": schedule}
    return Subscription(**values | changes)


def coverage(*troubled, **changes):
    values = {
        "since": SLOT - timedelta(days=1),
        "until": SLOT,
        "feeds": 46,
        "feeds_ok": 46 - len(troubled),
        "polls": 1284,
        "entries": 3912,
        "new_articles": 61,
        "troubled": troubled,
    }
    return Coverage(**values | changes)


def quotes(field, text, *words):
    """Return evidence for each of *words*, where *text* first has it."""
    return tuple(
        Evidence(Role.TOPIC, field, text.index(word), text.index(word) + len(word), word, "t")
        for word in words
    )


def hit(number=1, *words, **changes):
    """Return a hit; *words* are marked as evidence in the title and the summary."""
    values = {
        "id": number,
        "company": "alibaba",
        "topic": "antitrust",
        "stage": "fine",
        "regulator": "samr",
        "amount_text": None,
        "score": 0.9,
        "found_at": SLOT - timedelta(hours=2),
        "story_id": number,
        "title": f"Alibaba fined over exclusive dealing, case {number}",
        "summary": "",
        "url": f"https://news.example/{number}",
        "publisher": "Example Wire",
        "language": "en",
        "published_at": SLOT - timedelta(hours=3),
        "feed": "example-wire",
    } | changes
    evidence = tuple(
        replace(quote, role=Role.COMPANY, term="company.en.name") if word == words[0] else quote
        for field in ("title", "summary")
        for word in words
        if word in values[field]
        for quote in quotes(field, values[field], word)
    )
    defaults = {"headline": values["title"], "sentence": values["title"], "evidence": evidence}
    return ReportedHit(**defaults | values)


def open_hit(hit, stage=None):
    """Return what decides on the place of *hit*, whose story is at *stage*."""
    return OpenHit(
        id=hit.id,
        story_id=hit.story_id,
        article_id=hit.id,
        company=hit.company,
        topic=hit.topic,
        found_at=hit.found_at,
        feed=hit.feed,
        official=is_official(hit.url),
        searched=False,
        story_stage=stage,
    )


def story_of(hits, **changes):
    """Return the story that *hits* are."""
    hits = sorted(hits, key=lambda it: (it.published_at or it.found_at, it.id))
    accounts = [
        Account(it.id, it.title, it.url, it.stage, it.published_at or it.found_at) for it in hits
    ]
    head = head_account(accounts, stage_of(accounts)).hit_id
    sources = {}
    for it in sorted(hits, key=lambda it: it.id != head):
        at = it.published_at or it.found_at
        source = Source(it.id, it.publisher or it.feed, it.title, it.url, it.language, at)
        source = replace(source, official=is_official(it.url), comment=is_comment(it.title))
        sources.setdefault(source.publisher, source)
    first = hits[0]
    values = {
        "id": first.story_id,
        "company": first.company,
        "topic": first.topic,
        "stage": stage_of(accounts),
        "regulator": next((it.regulator for it in hits if it.regulator), None),
        "amount_text": next((it.amount_text for it in hits if it.amount_text), None),
        "headline": next(it.title for it in hits if it.id == head),
        "first_at": accounts[0].at,
        "last_at": accounts[-1].at,
        "hits": len(hits),
        "sources": tuple(sources.values()),
        "comment": all(is_comment(it.title) for it in hits),
    }
    return Story(**values | changes)


def edition(*hits, covered=None, names=NAMES, told=None, steps=None, shown=None, **changes):
    """Return the edition of *hits*.

    *told* gives the stages of stories told before, *steps* earlier steps by story, *shown* how
    many entries there are room for; of *changes* those that `Material` has go there.
    """
    other = {key: changes.pop(key) for key in list(changes) if key in Material.__slots__}
    wanted = subscription(**changes)
    when = ReaderCalendar(wanted.schedule.zone, SLOT)
    groups = {}
    for one in sorted(hits, key=lambda it: it.id):
        groups.setdefault(one.story_id, []).append(one)
    stories = {
        number: story_of(members, earlier=tuple((steps or {}).get(number, ())))
        for number, members in groups.items()
    }
    due = [open_hit(one, stories[one.story_id].stage) for one in hits]
    news, follows = arrange(wanted, due, told or {}, names)
    by_id = {one.id: one for one in hits}
    entries = [
        entry_of(it, stories[it.story_id], by_id[head_of(it, stories[it.story_id])], names, when)
        for it in news[:shown]
    ]
    material = {
        "subscription": wanted,
        "slot": SLOT,
        "names": names,
        "fingerprint": "1f3a5b7c9d0e2f4a6b8c",
        "coverage": covered or coverage(),
        "tally": Tally.of(news, follows),
        "news": news,
        "entries": entries,
        "follows": follows,
        "stories": stories,
    }
    return compose(Material(**material | other))


def busy_edition():
    """Return an edition with everything an edition can have, Chinese included."""
    fine = hit(
        1,
        "Alibaba",
        "antitrust",
        "$2.8 billion",
        title="Alibaba must pay record antitrust fine, China's market regulator decides",
        summary=(
            "The State Administration for Market Regulation ended a four-month inquiry on "
            "Saturday. It ordered Alibaba to pay $2.8 billion, equal to four per cent of its "
            "domestic sales in 2019, and to hand in yearly antitrust reports for three years. "
            "The company said it accepted the decision and would comply with it in full."
        ),
        sentence="It ordered Alibaba to pay $2.8 billion",
        amount_text="$2.8 billion",
        publisher="Example Wire",
    )
    same_fine = hit(
        2,
        "阿里巴巴",
        "反垄断",
        story_id=1,
        title="市场监管总局对阿里巴巴作出反垄断行政处罚",
        language="zh-Hans",
        publisher="示例财经",
        published_at=SLOT - timedelta(hours=2),
    )
    again = hit(
        3,
        story_id=1,
        title="Alibaba shares rise as antitrust case ends",
        publisher="Harbour Business Post",
        published_at=SLOT - timedelta(hours=1),
    )
    ant = hit(
        4,
        "蚂蚁集团",
        "IPO",
        company="ant",
        topic="ipo",
        stage="suspension",
        regulator="csrc",
        title="蚂蚁集团IPO被暂缓,监管部门约谈其实际控制人",
        summary=(
            "上海证券交易所决定暂缓蚂蚁集团在科创板上市。蚂蚁集团随后宣布其香港IPO同步暂缓,"
            "并将在监管部门指导下整改。分析人士认为,重新提交申请至少需要半年时间。"
        ),
        sentence="蚂蚁集团随后宣布其香港IPO同步暂缓",
        language="zh-Hans",
        publisher="示例财经",
        published_at=SLOT - timedelta(days=3, hours=4),
    )
    tencent = hit(
        5,
        "Tencent",
        "antitrust",
        company="tencent",
        stage="probe",
        regulator=None,
        title="Tencent Music faces antitrust inquiry into exclusive song rights",
        url=None,
        published_at=None,
    )
    cainiao = hit(
        6,
        "Cainiao",
        "listing",
        company="alibaba",
        topic="listing",
        stage="filing",
        regulator="hkex",
        title="Cainiao files again for a listing in Hong Kong",
        url="https://www.hkexnews.hk/app/2026/111.pdf",
        publisher="HKEXnews",
    )
    steps = {
        1: [
            Step(901, "probe", datetime(2025, 12, 24, 1, 0, tzinfo=UTC), "Inquiry opened"),
            Step(902, "probe", datetime(2026, 3, 2, 1, 0, tzinfo=UTC), "Inquiry goes on"),
        ]
    }
    more = [
        hit(
            7,
            story_id=70,
            title="Baidu chip unit said to plan IPO",
            company="baidu",
            topic="ipo",
            stage="filing",
            publisher="Harbour Business Post",
        ),
        hit(
            8,
            story_id=70,
            title="百度昆仑芯拟赴港上市",
            company="baidu",
            topic="ipo",
            stage="filing",
            publisher="示例财经",
            language="zh-Hans",
        ),
    ]
    near = [
        NearMissToTell(
            n,
            "wire",
            Kind("huawei", "ipo", None, "en", 0.4),
            SLOT,
            title,
            f"https://news.example/n{n}",
            "Example Wire",
            "en",
        )
        for n, title in enumerate(
            ("Huawei supplier weighs a listing in Shenzhen", "华为概念股再度走强,三家公司拟上市")
        )
    ]
    day = date(2026, 11, 24)
    counts = [
        0,
        1,
        0,
        2,
        3,
        1,
        0,
        0,
        4,
        2,
        1,
        0,
        2,
        5,
        8,
        3,
        1,
        0,
        0,
        2,
        1,
        0,
        3,
        6,
        2,
        1,
        0,
        4,
        2,
        6,
    ]
    counted = {day - timedelta(days=29 - n): (count, count // 3) for n, count in enumerate(counts)}
    figures = [
        FeedFigures("harbour", "Harbour Business Post", FeedState.FAILING, 61, 0, 0),
        FeedFigures("example-wire", "Example Wire", FeedState.OK, 96, 1920, 31),
        FeedFigures("cj", "示例财经", FeedState.OK, 96, 960, 22),
        *(FeedFigures(f"f{n}", f"Feed {n}", FeedState.OK, 24, 24, 0) for n in range(43)),
    ]
    covered = coverage(
        replace(TROUBLED, tries=61), figures=tuple(figures), lexicon="1f3a5b7c9d0e2f4a6b8c"
    )
    return edition(
        fine,
        same_fine,
        again,
        ant,
        tencent,
        cainiao,
        *more,
        covered=covered,
        steps=steps,
        told={70: {"filing"}},
        near_misses=near,
        counted=counted,
        contact="desk@example.com",
    )
