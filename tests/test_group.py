"""Grouping, as a table: the cases live in data/group.yaml; add yours there."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from monitor.model import HitToGroup, OpenStory
from monitor.stories.group import Grouping, comparable, group
from monitor.stories.report import read
from monitor.stories.tale import Tale

CASES = yaml.safe_load(Path(__file__).with_name("data").joinpath("group.yaml").read_text("utf-8"))
START = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)


def hit(number, pair="acme/ipo", stage=None, hours=0, title="Acme plans IPO"):
    return HitToGroup(number, *pair.split("/"), stage, title, START + timedelta(hours=hours))


def story(number, stage=None, hours=0, titles=("Acme plans IPO",)):
    hits = [hit(900 + n, stage=stage, hours=hours, title=title) for n, title in enumerate(titles)]
    return OpenStory(number, "acme", "ipo", tuple(hits))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_cases(case):
    """The hits make exactly the stories the table says."""
    hits = [hit(number, *given) for number, given in enumerate(case["hits"], start=1)]

    grouping = group(hits, ())

    assert [list(ids) for ids in grouping.new] == case["stories"]
    assert grouping.joined == {}


def test_a_hit_joins_an_open_story():
    """A hit joins the story it belongs to; the next one finds it there too."""
    grouping = group(
        [hit(1), hit(2, hours=1), hit(3, title="Something else altogether")], [story(7)]
    )

    assert grouping == Grouping(joined={1: 7, 2: 7}, new=((3,),))


def test_of_two_stories_the_older_takes_it():
    """On a tie the story that began first takes the hit, whatever the order they are given in."""
    stories = [story(5), story(4, hours=-1)]

    assert group([hit(1)], stories).joined == group([hit(1)], stories[::-1]).joined == {1: 4}


def test_a_story_reaches_back_too():
    """A late article of before the story began still joins, while it is about the same days."""
    assert group([hit(1, hours=-72)], [story(7)]).joined == {1: 7}
    assert group([hit(1, hours=-200)], [story(7)]).new == ((1,),)


def test_comparable_headlines():
    """What is compared has no publisher's name, capitals or signs, and Han by pairs."""
    assert comparable("Acme IPO: “on hold” - The Courier") == ("acme", "hold", "ipo", "on")
    assert sorted(comparable("艾克米被罚 | 晨报")) == sorted(["艾克", "克米", "米被", "被罚"])
    assert comparable("Update - Acme") == ("update",)
    assert comparable("- - -") == ()


@pytest.mark.parametrize(
    ("title", "names", "telling"),
    [
        ("Acme Holdings sues Acme", {"Acme", "Acme Holdings"}, {"sues"}),
        ("Anti-monopoly case: Acme IPOs, acmebid listing", set(), {"case", "bid"}),
        ("Antitrust officials trust Acme", {"trust"}, {"officials"}),
        ("Monopolistic Acme competition competitions", {"Mono"}, {"polistic", "competitions"}),
        ("艾克米反垄断案开庭", {"艾克米", "断案"}, {"案开", "开庭"}),
        ("Acmeipo", set(), {"ipo"}),
    ],
)
def test_telling_words(title, names, telling):
    """Names and what every report on a topic says tell nothing: the first goes, then the longer."""
    assert {*read(replace(hit(1, title=title), names=tuple(names))).title} == telling


def test_likeness_of_headlines():
    """How alike two are is told by the words that only one has, one told twice among them."""
    one, two, three = (
        Tale(read(hit(1, title=title)))
        for title in ("Acme, Acme plan IPO", "IPO plan: Acme", "Something else")
    )

    assert one.alike(two, 1.0) == two.alike(one, 1.0) == 1 - 1 / 7
    assert one.alike(one, 1.0) == 1.0
    assert one.alike(three, 1.0) == 0.0


def test_headlines_without_words_never_join():
    """Two headlines that say nothing do not say the same."""
    assert group([hit(1, title="..."), hit(2, title="!!!")], ()).new == ((1,), (2,))


HITS = st.lists(
    st.tuples(
        st.sampled_from(["acme/ipo", "acme/antitrust", "zeta/ipo"]),
        st.sampled_from([None, "filing", "approval"]),
        st.integers(-200, 200),
        st.sampled_from(["Acme plans IPO", "Acme plans an IPO", "艾克米上市", "", "Other news"]),
    ),
    max_size=12,
)


@given(HITS, st.integers())
def test_every_hit_has_one_place_whatever_the_order(given_hits, seed):
    """Each hit is once in `joined` or once in `new`, and shuffling changes nothing."""
    hits = [hit(number, *given) for number, given in enumerate(given_hits)]
    stories = [story(100), story(101, stage="filing", hours=30)]
    shuffled = Random(seed).sample(hits, len(hits))  # noqa: S311 - no secret

    grouping = group(hits, stories)

    placed = [*grouping.joined, *(number for ids in grouping.new for number in ids)]
    assert sorted(placed) == sorted(one.id for one in hits)
    assert group(shuffled, stories[::-1]) == grouping
    assert all(len({(hits[n].company, hits[n].topic) for n in ids}) == 1 for ids in grouping.new)
