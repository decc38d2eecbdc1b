"""What new matches mean for the hits an article has, as a table of cases."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from monitor.detect.changes import KnownHit, changes, differences
from monitor.model import Amount, Evidence, Match, Role, ScorePart

QUOTE = Evidence(Role.COMPANY, "title", 0, 4, "Acme", "acme.name")


def match(stage=None, rejected=None, **values):
    made = Match("acme", "ipo", 0.8, "Acme plans IPO", (QUOTE,), stage=stage, rejected=rejected)
    return replace(made, **values)


def hit(number=1, revision=1, stage=None, *, withdrawn=False, **values):
    made = KnownHit(
        id=number,
        article=7,
        revision=revision,
        company="acme",
        topic="ipo",
        score=0.8,
        stage=stage,
        regulator=None,
        amount=None,
        event_date=None,
        sentence="Acme plans IPO",
        evidence=(QUOTE,),
        parts=(),
        lexicon="old",
        withdrawn=withdrawn,
    )
    return replace(made, **values)


NO = match(rejected="far apart")
CASES = {
    "a first match is a hit": ({1: [match()]}, 1, [], "found"),
    "a rejected match is a near-miss": ({1: [NO]}, 1, [], "near"),
    "the same text again changes nothing": ({1: [match()]}, 1, [hit()], "kept 1"),
    "a hit that is not found is withdrawn": ({1: []}, 1, [hit()], "lost 1"),
    "and its rejected match is a near-miss": ({1: [NO]}, 1, [hit()], "lost 1, near"),
    "a withdrawn hit stays withdrawn": ({1: []}, 1, [hit(withdrawn=True)], ""),
    "a withdrawn hit comes back": (
        {1: [match()]},
        1,
        [hit(withdrawn=True)],
        "kept 1, corrected 1",
    ),
    "other details correct a hit": (
        {1: [match("filing")]},
        1,
        [hit()],
        "kept 1, corrected 1",
    ),
    "a retouched title is no news": ({2: [match()]}, 2, [hit()], ""),
    "a title retouched at the same stage is no news": (
        {2: [match("filing")]},
        2,
        [hit(stage="filing")],
        "",
    ),
    "a new stage in a new text is one more hit": (
        {2: [match("withdrawal")]},
        2,
        [hit(stage="filing")],
        "found",
    ),
    "a stage that was told before is no news": (
        {3: [match("filing")]},
        3,
        [hit(stage="filing"), hit(2, 2, "withdrawal")],
        "",
    ),
    "a new text without the pair leaves the old hit": ({2: []}, 2, [hit()], ""),
    "nor is it a near-miss then": ({2: [NO]}, 2, [hit()], ""),
    "each hit is judged by its own text": (
        {1: [match("filing")], 2: []},
        2,
        [hit(stage="filing"), hit(2, 2, "withdrawal")],
        "kept 1, lost 2",
    ),
    "a pair lost in the old text may be found in the new one": (
        {1: [], 2: [match()]},
        2,
        [hit()],
        "found, lost 1",
    ),
}


def told(found):
    """Return what became of the hits in a line: what is found, whose numbers are kept and lost."""
    parts = ["found"] * len(found.found)
    for name in ("kept", "corrected", "lost"):
        parts += [f"{name} {it.id}" for it, _ in getattr(found, name)]
    return ", ".join([*parts, *["near"] * len(found.near)])


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_changes(case):
    """The matches mean exactly what the table says."""
    matches, present, hits, wanted = case

    assert told(changes(matches, present, hits)) == wanted


def test_doing_it_twice_changes_nothing():
    """What was found is kept when the same texts are judged once more."""
    first = changes({1: [match("filing")]}, 1, [])
    assert [it.stage for it in first.found] == ["filing"]
    again = changes({1: [match("filing")]}, 1, [hit(stage="filing")])
    assert (again.found, again.corrected, again.lost, again.near) == ((), (), (), ())


@pytest.mark.parametrize(
    ("values", "name"),
    [
        ({"score": 0.7}, "score"),
        ({"stage": "filing"}, "stage"),
        ({"regulator": "csrc"}, "regulator"),
        ({"amounts": (Amount(Decimal(5), "USD", "$5"),)}, "amount"),
        ({"event_date": date(2026, 11, 3)}, "date"),
        ({"sentence": "Acme"}, "sentence"),
        ({"evidence": ()}, "evidence"),
    ],
)
def test_differences_are_named(values, name):
    """Each detail that a match tells otherwise is named, with both values."""
    [difference] = differences(hit(), match(**values))

    assert difference.startswith(f"{name}: stored ")


def test_parts_that_were_never_stored_do_not_differ():
    """A hit of a version that kept no parts of scores agrees with one that does."""
    parts = (ScorePart("in the title", 0.1),)

    assert differences(hit(), match(parts=parts)) == ()
    assert differences(hit(parts=parts), match()) == ("parts: stored in the title +0.10, now ",)
