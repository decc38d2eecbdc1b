"""Detection held against the project's own labelled texts, in data/corpus/; add yours there.

The floors in data/corpus/floors.yaml lie close below what is measured. A change may raise them;
one that falls below prints the texts it gets wrong, by kind.
"""

from collections import Counter, defaultdict
from pathlib import Path

import pytest
import yaml

from monitor.cli.match import read_items
from monitor.config import bundled_lexicon
from monitor.detect.associate import Detector
from monitor.detect.evaluate import Judged, score_by, without_context

FOLDER = Path(__file__).with_name("data") / "corpus"
FILES = sorted(FOLDER.glob("*.jsonl"))
FLOORS = yaml.safe_load((FOLDER / "floors.yaml").read_text("utf-8"))
ITEMS = [item for file in FILES for item in read_items(str(file))]
KEYS = {"id", "kind", "lang", "title", "labels"}, {"summary", "optional", "note"}
FACTS = {"company", "topic", "stage", "regulator", "amounts", "needs_context"}
LEXICON = bundled_lexicon()
KNOWN = {
    "company": [company.key for company in LEXICON.companies],
    "topic": [topic.key for topic in LEXICON.topics],
    "stage": [stage.key for stage in LEXICON.stages],
    "regulator": [regulator.key for regulator in LEXICON.regulators],
}
FOUND = {
    item.id: [hit for hit in Detector(LEXICON).find(item.title, item.summary) if not hit.rejected]
    for item in ITEMS
    if item.error is None
}


def pairs(entries):
    return frozenset((entry["company"], entry["topic"]) for entry in entries)


def judged(item):
    """Return the item with what was found in it, its language `en`, `zh` or `other`."""
    language = item.data["lang"].partition("-")[0]
    wanted = pairs(item.data["labels"])
    return Judged(
        id=f"{item.data['kind']}: {item.id}",
        title=f"{item.title} / {item.summary}" if item.summary else item.title,
        lang=language if language in {"en", "zh"} else "other",
        wanted=wanted,
        optional=pairs(item.data.get("optional", ())) - wanted,
        found=pairs({"company": hit.company, "topic": hit.topic} for hit in FOUND[item.id]),
        context=pairs(label for label in item.data["labels"] if label.get("needs_context")),
    )


def told(items):
    """Return the wrong pairs of *items*, by kind, each with its text: + found, - missed."""
    lines = [
        f"{item.id} {sign}{company}/{topic}  {item.title!r}"
        for item in items
        for sign, wrong in (("+", item.extra), ("-", item.missed))
        for company, topic in sorted(wrong)
    ]
    return "\n".join(["", *sorted(lines)])


def facts(name, label, hit):
    """Return the sets of facts wanted and told of one field, comparable."""
    if name == "amounts":
        wanted = {(amount["value"], amount["currency"]) for amount in label[name]}
        return wanted, {(f"{amount.value:f}", amount.currency) for amount in hit.amounts}
    return {label[name]} - {None}, {getattr(hit, name)} - {None}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_form(file):
    """Every line can be judged: known keys only, and companies, topics and facts that exist."""
    needed, allowed = KEYS
    for item in read_items(str(file)):
        assert item.error is None, item
        assert needed <= set(item.data) <= needed | allowed, item.id
        for label in item.data["labels"] + item.data.get("optional", []):
            assert {"company", "topic"} <= set(label) <= FACTS, item.id
            for name, known in KNOWN.items():
                assert label.get(name) in {None, *known}, item.id


def test_size_and_balance():
    """No id and no text comes twice; English and Chinese have their share of events and traps."""
    shares = Counter((judged(item).lang, bool(item.data["labels"])) for item in ITEMS)

    assert len({item.id for item in ITEMS}) == len(ITEMS)
    assert len({(item.title, item.summary) for item in ITEMS}) == len(ITEMS)
    assert len(ITEMS) >= 220
    for language in ("en", "zh"):
        assert min(shares[language, True], shares[language, False]) >= 60


@pytest.mark.parametrize("language", sorted(FLOORS["pairs"]))
def test_pairs(language):
    """Precision and recall of pairs told by the text itself do not fall below their floors."""
    items = [item for item in without_context(map(judged, ITEMS)) if item.lang == language]
    scores = score_by(items, "lang")[language]

    for name, floor in FLOORS["pairs"][language].items():
        assert getattr(scores, name) >= floor, told(items)


def test_traps():
    """Texts without an event give no more hits than the floors allow, by kind of trap."""
    extra = defaultdict(list)
    for item in ITEMS:
        if not item.data["labels"] and (wrong := judged(item)).extra:
            extra[item.data["kind"]].append(wrong)

    too_many = [
        one
        for kind, wrong in extra.items()
        for one in wrong
        if len(wrong) > FLOORS["traps"].get(kind, 0)
    ]
    assert not too_many, told(too_many)


@pytest.mark.parametrize("name", sorted(FLOORS["facts"]))
def test_facts(name):
    """Facts told with right pairs are right, and those there are told, as the floors say."""
    counts = Counter()
    wrong = []
    for item in ITEMS:
        hits = {(hit.company, hit.topic): hit for hit in FOUND[item.id]}
        for label in item.data["labels"]:
            hit = hits.get((label["company"], label["topic"]))
            if hit is None or name not in label:
                continue
            wanted, said = facts(name, label, hit)
            counts.update(right=len(wanted & said), told=len(said), wanted=len(wanted))
            if wanted != said:
                wrong.append(f"{item.id} wants {wanted}, told {said}  {item.title!r}")

    measured = {
        "precision": counts["right"] / counts["told"],
        "recall": counts["right"] / counts["wanted"],
    }
    for kind, floor in FLOORS["facts"][name].items():
        assert measured[kind] >= floor, "\n".join([f"{measured}", *wrong])


def test_quotes():
    """Every hit has evidence, and every piece of it quotes its field."""
    for item in ITEMS:
        for hit in FOUND[item.id]:
            assert hit.evidence, item
            for quote in hit.evidence:
                assert getattr(item, quote.field)[quote.start : quote.end] == quote.text, item
