"""Hits, coverage and editions for tests of the digest; every value can be said otherwise."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from monitor.digest.compose import Names, compose
from monitor.model import (
    Coverage,
    Evidence,
    FeedState,
    FeedTrouble,
    ReportedHit,
    Role,
    Schedule,
    Subscription,
)

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
        quote
        for field in ("title", "summary")
        for word in words
        if word in values[field]
        for quote in quotes(field, values[field], word)
    )
    defaults = {"headline": values["title"], "sentence": values["title"], "evidence": evidence}
    return ReportedHit(**defaults | values)


def edition(*hits, covered=None, names=NAMES, **changes):
    return compose(
        subscription(**changes), SLOT, hits, covered or coverage(), names, "1f3a5b7c9d0e2f4a6b8c"
    )


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
        headline="Ant Group's dual IPO is put on hold",
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
    return edition(fine, same_fine, again, ant, tencent, covered=coverage(TROUBLED))
