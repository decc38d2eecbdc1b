"""Detection and grouping together, on the project's own items in data/stories/; add yours there.

The floors lie close below what is measured. Whoever falls below is shown what was put together
wrongly, and what was left apart.
"""

from collections import defaultdict
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from random import Random

import pytest

from monitor.cli.group import stories_of, to_group
from monitor.cli.match import Reading, read_items
from monitor.cli.published import during
from monitor.config.watchlist import bundled_lexicon
from monitor.detect.associate import Detector
from monitor.detect.evaluate import b_cubed, pairs_across
from monitor.model import OpenStory
from monitor.stories.group import group

FILE = Path(__file__).with_name("data") / "stories" / "cases.jsonl"
ITEMS = list(read_items(str(FILE)))
READING = Reading(Detector(bundled_lexicon()), {})
FOUND = [READING.find(item) for item in ITEMS]
PRECISION, RECALL, ACROSS = 1.0, 0.97, 0.9
KEYS = {"id", "kind", "story", "lang", "published", "title", "summary"}


def told(stories):
    """Return what differs from the truth, by story."""
    true, made = defaultdict(set), defaultdict(set)
    for item, story in zip(ITEMS, stories, strict=True):
        true[item.data["story"]].add(item.id)
        made[story if story is not None else item.id].add(item.id)
    wrong = [ids for ids in made.values() if ids not in true.values()]
    return "\n" + "\n".join(" ".join(sorted(ids)) for ids in wrong)


def test_form():
    """Every item has the known keys, an id and a text of its own."""
    assert all(set(item.data) == KEYS for item in ITEMS)
    assert len({item.id for item in ITEMS}) == len({item.title for item in ITEMS}) == len(ITEMS)


def test_floors():
    """Stories are told apart and brought together, across languages too, as the floors say."""
    stories = stories_of(ITEMS, FOUND)
    true = [item.data["story"] for item in ITEMS]
    scores = b_cubed(list(zip(true, stories, strict=True)))
    languages = [item.data["lang"] for item in ITEMS]
    pairs, joined = pairs_across(list(zip(true, stories, languages, strict=True)))

    assert scores.precision >= PRECISION, told(stories)
    assert scores.recall >= RECALL, told(stories)
    assert joined >= ACROSS * pairs, told(stories)


def hits():
    """Return the surest hit of each item that has one, numbered in order of the file."""
    best = []
    for item, matches in zip(ITEMS, FOUND, strict=True):
        reported = [match for match in matches if match.rejected is None]
        if reported:
            match = max(reported, key=lambda it: it.score)
            at, until = during(item.data["published"])
            best.append(to_group(len(best), match, item, at, until))
    return best


@pytest.mark.parametrize("seed", range(12))
def test_the_order_of_arrival_decides_nothing(seed):
    """Hits that come hours late, in batches, end in the same stories as all of them at once."""
    given = hits()
    wanted = {frozenset(ids) for ids in group(given, ()).new}
    random = Random(seed)  # noqa: S311 - no secret
    given.sort(key=lambda hit: hit.at + timedelta(hours=random.uniform(0, 12)), reverse=True)
    held = {}
    while given:
        batch = [given.pop() for _ in range(min(len(given), random.randint(1, 9)))]
        stories = [OpenStory(it, *about(told), tuple(told)) for it, told in held.items()]
        made = group(batch, stories)
        by_id = {hit.id: hit for hit in batch}
        for hit, story in made.joined.items():
            held[story].append(by_id[hit])
        for ids in made.new:
            held[len(held) + 1] = [by_id[it] for it in ids]

    assert {frozenset(hit.id for hit in told) for told in held.values()} == wanted


def about(told):
    return told[0].company, told[0].topic


def test_twelve_feeds_are_one_story():
    """A wire story that twelve feeds carry, a little reworded, is one story of twelve reports."""
    [first] = [hit for hit in hits() if hit.title == ITEMS[0].title]
    endings = ["", " - The Courier", " | Daily", " (update)", ", regulator says", " on Tuesday"]
    copies = [
        to_copy(first, number, first.title + ending, hours)
        for number, (ending, hours) in enumerate(
            (ending, hours) for ending in endings for hours in (0, 40)
        )
    ]

    assert group(copies, ()).new == (tuple(sorted(range(12), key=lambda at: (at % 2, at))),)


def to_copy(hit, number, title, hours):
    return replace(hit, id=number, title=title, at=hit.at + timedelta(hours=hours))
