"""Composing: what one digest says, in which order, and that it leaves nothing out."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from editions import (
    NAMES,
    SLOT,
    TROUBLED,
    busy_edition,
    coverage,
    edition,
    hit,
    open_hit,
    quotes,
    subscription,
)
from hypothesis import given
from hypothesis import strategies as st

from monitor.digest.edition import as_json
from monitor.digest.entries import SOURCES
from monitor.digest.excerpt import EXCERPT_CHARS
from monitor.digest.names import Names
from monitor.digest.news import arrange
from monitor.model import (
    Alteration,
    Evidence,
    FeedEvent,
    FeedFigures,
    FeedState,
    FeedTrouble,
    Kind,
    NearMissToTell,
    Role,
    Schedule,
    Step,
    Undelivered,
)


def entries(made):
    return [*made.high, *(entry for section in made.sections for entry in section.entries)]


def entry(*hits, **changes):
    [one] = entries(edition(*hits, **changes))
    return one


def plain(pieces):
    return "".join(piece.text for piece in pieces)


def marks(pieces):
    return [piece.text for piece in pieces if piece.marked]


# --- order and grouping ------------------------------------------------------------------------


def test_one_entry_per_story():
    """Three articles about one thing are one entry: the earliest heads it, the rest are sources."""
    late, early, middle = (
        hit(n, story_id=7, publisher=f"P{n}", published_at=SLOT - timedelta(hours=age))
        for n, age in ((1, 1), (2, 9), (3, 5))
    )

    one = entry(late, early, middle)

    assert (plain(one.headline), one.hit) == (early.title, 2)
    assert [source.publisher for source in one.others] == ["P3", "P1"]
    assert (one.hits, one.sources) == ((1, 2, 3), 3)


def test_a_wire_story_in_many_feeds():
    """A story that 30 publishers carry is one entry of 30 sources; those not listed are counted."""
    one = entry(*(hit(n, story_id=7, publisher=f"P{n:02}") for n in range(30)))

    assert one.sources == 30
    assert (len(one.others), one.unlisted) == (SOURCES, 29 - SOURCES)


def test_opinion_heads_no_story():
    """A round-up or an opinion heads an entry only where there is nothing else, and is marked."""
    opinion = hit(1, story_id=7, title="Opinion: what the Alibaba fine means", publisher="A")
    report = hit(2, story_id=7, publisher="B", published_at=SLOT - timedelta(hours=1))

    assert entry(opinion, report).publisher == "B"
    assert entry(opinion).badges == ("opinion",)


def test_the_authority_heads_the_story():
    """An authority's own page heads the entry, however late it comes, and is marked."""
    one = entry(
        hit(1, story_id=7, publisher="Wire", published_at=SLOT - timedelta(hours=9)),
        hit(2, story_id=7, publisher="SAMR", url="https://www.samr.gov.cn/1.html"),
    )

    assert (one.publisher, one.badges) == ("SAMR", ("official",))


def test_facts_of_any_article_of_the_story():
    """A stage, regulator or amount that only a later article gives is not lost."""
    head = hit(1, story_id=7, stage=None, regulator=None, published_at=SLOT - timedelta(hours=9))
    other = hit(2, story_id=7, stage="fine", regulator="samr", amount_text="182亿元")

    one = entry(head, other)

    assert (one.stage, one.regulator, one.amount) == ("Fine", "SAMR", "182亿元")


def test_order():
    """What is of a high stage stands first, then companies as on the watch-list and topics."""
    made = edition(
        hit(1, company="zeta", stage="probe"),
        hit(2, company="tencent", stage="probe"),
        hit(3, company="alibaba", topic="listing", stage="filing"),
        hit(4, company="alibaba", stage="probe", found_at=SLOT - timedelta(hours=5)),
        hit(5, company="alibaba", stage="probe", found_at=SLOT - timedelta(hours=2)),
        hit(6, company="baidu", stage="suspension"),
        hit(7, company="tencent", stage="fine"),
        hit(8, company="tencent", stage=None),
    )

    assert [one.story for one in made.high] == [7, 6]
    assert [section.company for section in made.sections] == ["Alibaba", "Tencent", "zeta"]
    assert [one.story for one in entries(made)] == [7, 6, 5, 4, 3, 2, 8, 1]


def test_authorities_before_press_before_search():
    """Of two stories at one stage, that of an authority stands before that of a search engine."""
    stories = [hit(n, stage="probe") for n in (1, 2, 3)]
    due = [open_hit(it, "probe") for it in stories]
    due[0] = replace(due[0], searched=True)
    due[2] = replace(due[2], official=True)

    news, _ = arrange(subscription(), due, {}, NAMES)

    assert [it.story_id for it in news] == [3, 2, 1]


def test_order_of_the_subscription():
    """A subscription that lists its companies reads them in its own order."""
    made = edition(
        hit(1, company="alibaba", stage=None),
        hit(2, company="baidu", stage=None),
        companies=("baidu", "alibaba"),
    )

    assert [section.company for section in made.sections] == ["Baidu", "Alibaba"]


@given(st.lists(st.integers(0, 5), max_size=30), st.randoms())
def test_every_hit_is_reported_once(stories, random):
    """Whatever the grouping and whatever the order they come in, each hit is in one entry."""
    hits = [
        hit(n, story_id=story, company=["alibaba", "ant", "zeta"][story % 3])
        for n, story in enumerate(stories)
    ]
    shuffled = list(hits)
    random.shuffle(shuffled)

    made = edition(*shuffled)

    assert sorted(n for one in entries(made) for n in one.hits) == [one.id for one in hits]
    assert made == edition(*hits)


# --- fields ------------------------------------------------------------------------------------


def test_times_are_the_readers():
    """Times are in the subscription's zone, to the minute, the year only if it is another."""
    one = entry(
        hit(
            published_at=datetime(2026, 11, 23, 16, 5, tzinfo=UTC),
            found_at=datetime(2026, 11, 23, 16, 20, tzinfo=UTC),
        )
    )

    assert (one.published, one.found, one.late) == ("24 Nov 00:05", "24 Nov 00:20", None)


@pytest.mark.parametrize(
    ("published_at", "late"),
    [
        (datetime(2026, 11, 20, 22, 0, tzinfo=UTC), "published 3 days ago"),
        (datetime(2026, 11, 22, 20, 0, tzinfo=UTC), "published yesterday"),
        (datetime(2019, 11, 23, 0, 0, tzinfo=UTC), "published 2,558 days ago"),
        (datetime(2027, 6, 1, 0, 0, tzinfo=UTC), "dated ahead"),
        (SLOT - timedelta(hours=25), None),
        (None, None),
    ],
)
def test_late_articles_say_so(published_at, late):
    """An article found a day or more after its own date still appears, and says how old it is."""
    assert entry(hit(published_at=published_at)).late == late


@pytest.mark.parametrize("year", [1, 9999])
def test_impossible_dates(year):
    """A date at either end of the calendar is shown, not stumbled over, in any zone."""
    at = datetime(year, 1 if year == 1 else 12, 1 if year == 1 else 31, 23, 59, tzinfo=UTC)
    schedules = [
        Schedule(ZoneInfo(zone), at=(time(7),)) for zone in ("Pacific/Apia", "America/Lima")
    ]

    for schedule in schedules:
        assert str(year) in entry(hit(published_at=at), schedule=schedule).published


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        "data:text/html,x",
        "file:///etc/passwd",
        "//news.example/1",
        "https:///nohost",
        "https://[bad",
        "https://news.example/a b",
        "https://news.example/\r\nBcc: x",
        "https://news.example/\u202egpj.exe",
        " https://news.example/",
        "",
        None,
    ],
)
def test_only_web_links(url):
    """A link is http or https with a host and no odd characters, or there is no link."""
    one = entry(hit(1, story_id=7, url=url), hit(2, story_id=7, url=url, publisher="B"))

    assert one.url is None
    assert one.others[0].url is None


@pytest.mark.parametrize(
    ("code", "kept"),
    [("zh-Hans", "zh-Hans"), ("en", "en"), ('en" onload="x', None), ("", None), (None, None)],
)
def test_language(code, kept):
    """A language that is none by its letters is left out."""
    assert entry(hit(language=code)).language == kept


def test_names_fall_back_to_keys():
    """A company, topic, stage or regulator without a name shows as its key."""
    made = edition(hit(company="zeta", topic="merger", stage="phase2", regulator="cma"))

    [one] = entries(made)
    assert made.sections[0].company == one.company == "zeta"
    assert (one.topic, one.stage, one.regulator) == ("merger", "phase2", "cma")


def test_publisher_falls_back_to_the_feed():
    """An article that names no publisher is known by its feed."""
    assert entry(hit(publisher=None)).publisher == "example-wire"


# --- excerpts ----------------------------------------------------------------------------------

LONG = (
    "Opening words that nobody needs. " * 12
    + "On Friday the agency told Alibaba that its antitrust file stays open. "
    + "Closing words that nobody needs. " * 12
)


def test_excerpt_is_cut_round_the_evidence():
    """A long summary is cut to the matched sentence, at words, and says so at both ends."""
    sentence = "On Friday the agency told Alibaba that its antitrust file stays open."

    shown = entry(hit(1, "Alibaba", "antitrust", summary=LONG, sentence=sentence)).excerpt

    text = plain(shown)
    assert text.startswith("…On Friday the agency told Alibaba")
    assert text.endswith("…")
    assert text.strip("…").split()[-1] in {"Closing", "words", "that", "nobody", "needs."}
    assert marks(shown) == ["Alibaba", "antitrust"]
    assert len(text) <= EXCERPT_CHARS


def test_chinese_excerpt():
    """Chinese is cut between characters; spans count code points of the stored summary."""
    text = (
        "开头的话没有人需要。" * 30
        + "市场监管总局对阿里巴巴立案调查。"
        + "结尾的话没有人需要。" * 30
    )
    one = hit(1, "阿里巴巴", summary=text, sentence="市场监管总局对阿里巴巴立案调查。")

    shown = entry(one).excerpt

    assert plain(shown).startswith("…市场监管总局对阿里巴巴立案调查。")
    assert marks(shown) == ["阿里巴巴"]
    assert len(plain(shown)) <= EXCERPT_CHARS


def test_evidence_in_the_title():
    """Matched words of the title are marked there, and the summary's beginning is the excerpt."""
    one = entry(hit(1, "Alibaba", "fined", summary="Something else happened. " * 20))

    assert marks(one.headline) == ["Alibaba", "fined"]
    assert marks(one.excerpt) == []
    assert plain(one.excerpt).startswith("Something else happened.")


def test_summary_that_repeats_the_title():
    """A summary that only says the title again is not shown twice."""
    assert entry(hit(title="Alibaba fined", summary="Alibaba  fined")).excerpt == ()


def test_stale_evidence_marks_nothing():
    """Evidence that no longer quotes the text, since it was revised, marks no wrong words."""
    stale = (
        *quotes("title", "Alibaba is fined", "fined"),
        Evidence(Role.TOPIC, "title", 90, 99, "x", "t"),
    )

    one = entry(hit(title="A revised headline!", evidence=stale))

    assert marks(one.headline) == []
    assert plain(one.headline) == "A revised headline!"


def test_overlapping_evidence():
    """Overlapping quotes give one mark and no letter twice."""
    title = "Ant Group IPO halted"
    evidence = quotes("title", title, "Ant Group", "Group IPO", "Ant")

    one = entry(hit(title=title, evidence=evidence))

    assert plain(one.headline) == title
    assert marks(one.headline) == ["Ant Group IPO"]


@given(data=st.data(), summary=st.text(alphabet="ab 阿里。\n\u202e\x1b", max_size=600))
def test_excerpts_hold(data, summary):
    """Any summary, any evidence: short enough, one line, and marks are words of the evidence."""
    ends = st.lists(st.integers(0, len(summary)), min_size=2, max_size=2, unique=True)
    spans = data.draw(st.lists(ends.map(sorted), max_size=5)) if summary else []
    evidence = tuple(
        Evidence(Role.TOPIC, "summary", start, end, summary[start:end], "t") for start, end in spans
    )
    sentence = data.draw(st.sampled_from(["", summary[len(summary) // 3 :], "absent"]))

    shown = entry(hit(summary=summary, evidence=evidence, sentence=sentence)).excerpt

    text = plain(shown)
    assert len(text) <= EXCERPT_CHARS
    assert text.isprintable()
    quoted = {char for quote in evidence for char in quote.text} | {" "}
    assert all(set(mark) <= quoted for mark in marks(shown))


# --- coverage ----------------------------------------------------------------------------------


def test_coverage():
    """The figures of what was watched are always said, in words."""
    made = edition(hit(1), hit(2), covered=coverage(TROUBLED))

    assert made.coverage == (
        "45 of 46 feeds answer: 1,284 polls, 3,912 entries read, 61 new articles, 2 matched."
    )
    assert made.period == "23 Nov 07:30 to 24 Nov 07:30, Hong Kong time"


@pytest.mark.parametrize(
    ("trouble", "said"),
    [
        (TROUBLED, "Harbour Business Post failing since 22 Nov 14:05 (HTTP 403)."),
        (
            FeedTrouble("Gazette", FeedState.DEAD, None, "410 Gone"),
            "Gazette dead, has never answered (410 Gone).",
        ),
        (
            FeedTrouble("New", FeedState.PROBATION, None, None),
            "New has not answered with a feed yet.",
        ),
        (FeedTrouble("Old", FeedState.OFF, None, None), "Old is switched off."),
        (
            FeedTrouble("Odd\r\nBcc: x\x1b[2J", FeedState.FAILING, None, "e" * 500),
            "Odd Bcc: x [2J failing, has never answered (" + "e" * 159 + "…).",
        ),
    ],
)
def test_trouble(trouble, said):
    """Each troubled feed is named, with since when and why, on one line."""
    assert edition(covered=coverage(trouble)).troubles == (said,)


def test_nothing_polled_is_no_good_news():
    """An edition made while nothing was polled says so, rather than "nothing new"."""
    [said] = edition(covered=coverage(polls=0, entries=0, new_articles=0)).troubles
    assert said.startswith("No feed was polled in this time")

    [said] = edition(covered=coverage(feeds=0, feeds_ok=0, polls=0)).troubles
    assert said.startswith("No feed is switched on")


def test_an_earlier_digest_that_did_not_arrive():
    """That an earlier digest has not reached all its recipients is told on top, without names."""
    slot = datetime(2026, 11, 22, 23, 30, tzinfo=UTC)
    [said] = edition(covered=coverage(undelivered=(Undelivered(slot, 1, 3),))).troubles
    assert said.startswith("The digest of ")
    assert said.endswith(" has not reached 1 of 3 recipients.")


def test_first_digest():
    """The first digest says that it is."""
    made = edition(covered=coverage(since=None))

    assert made.period == "First digest, up to 24 Nov 07:30, Hong Kong time"


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("America/Argentina/Buenos_Aires", "Buenos Aires time"),
        ("UTC", "UTC"),
        ("Etc/UTC", "Etc/UTC"),
    ],
)
def test_zone_name(key, name):
    """The zone of all times is named as people call it."""
    schedule = Schedule(ZoneInfo(key), at=(time(7, 30),))

    assert edition(schedule=schedule).period.endswith(f", {name}")


# --- the edition -------------------------------------------------------------------------------


def test_leads_name_the_gravest_story():
    """The subject's story is the gravest by stage, in wordings from full to short."""
    made = edition(
        hit(1, stage="probe"),
        hit(2, company="ant", topic="ipo", stage="suspension"),
        hit(3, stage=None),
    )

    assert made.leads == ("Ant Group suspension (SAMR)", "Ant Group suspension", "Ant Group")


def test_empty_edition():
    """Without hits there is still an edition with its date and its coverage."""
    made = edition()

    assert (made.stories, made.articles, made.sections, made.leads) == (0, 0, (), ())
    assert (made.day, made.date) == ("Tue 24 Nov", "Tuesday 24 November 2026")
    assert made.coverage.startswith("46 of 46 feeds answer")


def test_several_editions_a_day_are_told_apart():
    """Where a day has several slots, the edition's day carries its time."""
    zone = ZoneInfo("Asia/Hong_Kong")

    assert edition(schedule=Schedule(zone, at=(time(7, 30), time(18)))).day == "Tue 24 Nov 07:30"
    assert edition(schedule=Schedule(zone, every=timedelta(hours=1))).day == "Tue 24 Nov 07:30"


def test_json():
    """What is stored with a digest is plain JSON, Chinese included, and the same every time."""
    stored = json.loads(json.dumps(as_json(busy_edition())))

    assert stored == json.loads(json.dumps(as_json(busy_edition())))
    assert stored["high"][1]["headline"][0] == {"text": "蚂蚁集团IPO", "marked": True}
    assert stored["changed"][0]["what"] == "Probe 2 Mar → Fine"
    assert stored["slot"] == "2026-11-23T23:30+00:00"


def test_without_names():
    """An edition needs no names at all."""
    made = edition(hit(), names=Names())

    assert made.leads[0] == "alibaba fine (samr)"


def test_hits_are_not_changed_by_their_order():
    """Two articles of one instant are told apart by their ids, so an edition is the same twice."""
    one, other = hit(1, story_id=7), hit(2, story_id=7)

    assert edition(one, other) == edition(replace(other), replace(one))


# --- what changed ------------------------------------------------------------------------------


def test_a_step_of_a_proceeding():
    """A story that follows an earlier step says which, on top and in its entry."""
    before = Step(9, "probe", datetime(2025, 12, 24, tzinfo=UTC), "Inquiry opened")

    made = edition(hit(1), steps={1: [before]})

    assert [(it.kind, it.what) for it in made.changed] == [("stage", "Probe 24 Dec 2025 → Fine")]
    assert [(it.stage, it.day) for it in made.high[0].steps] == [("Probe", "24 Dec 2025")]


def test_more_sources_are_no_news():
    """More articles of a story told before are a line, not an entry, and not in the subject."""
    made = edition(
        hit(1, story_id=7, publisher="A"), hit(2, story_id=7, publisher="B"), told={7: {"fine"}}
    )

    assert (made.stories, entries(made), made.leads) == (0, [], ())
    assert [(it.kind, it.what) for it in made.changed] == [("sources", "2 more articles: A, B")]
    assert made.hits == 2


def test_a_graver_stage_is_news():
    """A story told before at a lesser stage is news again, and is marked as updated."""
    made = edition(hit(1, story_id=7), told={7: {"probe", None}})

    assert [it.badges for it in made.high] == [("updated",)]


def test_what_became_of_reported_articles():
    """A title that changed and a hit that is none any more are told, with the former title."""
    altered = [
        Alteration(1, "alibaba", "antitrust", SLOT, "New", "Old", "https://x.example/1", "en"),
        Alteration(2, "ant", "ipo", SLOT, "Gone", None, "javascript:x", "en"),
    ]

    made = edition(alterations=altered)

    assert [(it.kind, it.title, it.before, it.url) for it in made.changed] == [
        ("retitled", "New", "Old", "https://x.example/1"),
        ("withdrawn", "Gone", None, None),
    ]


def test_what_is_not_shown_is_counted():
    """Stories that do not fit are the least consequential ones, and are counted with their hits."""
    made = edition(hit(1, stage=None), hit(2, story_id=2), hit(3, story_id=1, stage=None), shown=1)

    assert [it.story for it in entries(made)] == [2]
    assert (made.stories, made.hidden, made.hidden_hits, made.hits) == (2, 1, 2, 3)


def test_possible_matches():
    """Ten near-misses are named, the others counted."""
    near = [
        NearMissToTell(n, "f", Kind("ant", "ipo", None, "en", 0.4), SLOT, f"t{n}", "u", "P", "en")
        for n in range(13)
    ]

    made = edition(near_misses=near)

    assert [it.title for it in made.possible] == [f"t{n}" for n in range(10)]
    assert (made.possible_more, made.possible[0].url) == (3, None)


def test_chart():
    """There is a bar for each of the last thirty days, and none at all where nothing was found."""
    made = edition(counted={date(2026, 11, 24): (4, 1), date(2026, 10, 26): (2, 0)})

    assert (len(made.chart), made.chart[0].day, made.chart[0].hits) == (30, "26 Oct", 2)
    assert (made.chart[-1].day, made.chart[-1].hits, made.chart[-1].high) == ("24 Nov", 4, 1)
    assert edition().chart == ()


def test_what_is_watched_in_another_way():
    """Gaps, feeds that were removed and changed rules are told, each once."""
    event = FeedEvent("Gazette", SLOT - timedelta(hours=3))
    made = edition(covered=coverage(gaps=(event,), removed=(event,), lexicon="0" * 20))

    assert made.troubles == (
        "Gazette had a gap before 24 Nov 04:30: entries may have come and gone unseen.",
    )
    assert made.notes == (
        "Gazette is not polled any more since 24 Nov 04:30.",
        "The rules have changed since the last digest: 000000000000 became 1f3a5b7c9d0e.",
    )
    assert made.rules == "Rules 1f3a5b7c9d0e, changed since the last digest."


def test_coverage_table():
    """Feeds that are not well or brought something have a line, the others one together."""
    figures = [FeedFigures(f"f{n}", f"F{n:02}", FeedState.OK, 2, 9, 0) for n in range(20)]
    figures[3] = replace(figures[3], state=FeedState.FAILING)
    figures[5] = replace(figures[5], new=4)

    lines = edition(hit(1, feed="f7"), covered=coverage(figures=tuple(figures))).table

    assert [(it.feed, it.state, it.new, it.matched) for it in lines] == [
        ("F03", "failing", 0, 0),
        ("F07", "ok", 0, 1),
        ("F05", "ok", 4, 0),
        ("17 other feeds", "ok", 0, 0),
    ]
