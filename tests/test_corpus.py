"""Detection held against the project's own labelled texts, in data/corpus/; add yours there.

The floors in data/corpus/floors.yaml lie close below what is measured. A change may raise them;
one that falls below prints the texts it gets wrong, by kind.
"""

from collections import Counter, defaultdict
from itertools import chain
from pathlib import Path

import pytest
import yaml

from monitor.cli.labels import cases, read_labels
from monitor.cli.match import read_items
from monitor.config.watchlist import bundled_lexicon
from monitor.detect.associate import Detector
from monitor.detect.evaluate import Judged, score, score_field, without_context

FOLDER = Path(__file__).with_name("data") / "corpus"
FLOORS = yaml.safe_load((FOLDER / "floors.yaml").read_text("utf-8"))
FILES = {file.stem: list(read_items(str(file))) for file in sorted(FOLDER.glob("*.jsonl"))}
ITEMS = list(chain.from_iterable(FILES.values()))
KEYS = {"id", "kind", "lang", "title", "labels"}, {"summary", "optional", "note"}
FACTS = {"company", "topic", "stage", "regulator", "amounts", "date", "needs_context"}
LEXICON = bundled_lexicon()
KNOWN = {
    "company": {company.key for company in LEXICON.companies},
    "topic": {topic.key for topic in LEXICON.topics},
    "stage": {stage.key for stage in LEXICON.stages} | {None},
    "regulator": {regulator.key for regulator in LEXICON.regulators} | {None},
}
DETECTOR = Detector(LEXICON)
FOUND = {
    item.id: {
        (hit.company, hit.topic): hit
        for hit in DETECTOR.find(item.title, item.summary)
        if hit.rejected is None
    }
    for item in ITEMS
}


def labelled(item):
    return read_labels(item.data["labels"])


def judged(item):
    """Return the item with what was found in it, named by its kind and told by its text."""
    wanted = labelled(item).context
    return Judged(
        id=f"{item.data['kind']}: {item.id}",
        title=f"{item.title} / {item.summary}" if item.summary else item.title,
        lang=item.data["lang"],
        wanted=frozenset(wanted),
        optional=frozenset(read_labels(item.data.get("optional", [])).context) - set(wanted),
        found=frozenset(FOUND[item.id]),
        context=frozenset(pair for pair, needed in wanted.items() if needed),
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


def group(name):
    """Return the items of the files whose name starts with *name*."""
    return list(chain.from_iterable(FILES[file] for file in FILES if file.startswith(name)))


@pytest.mark.parametrize("file", FILES)
def test_form(file):
    """Every line can be judged: known keys only, and companies, topics and facts that exist."""
    needed, allowed = KEYS
    for item in FILES[file]:
        assert item.error is None, item
        assert needed <= set(item.data) <= needed | allowed, item.id
        for label in item.data["labels"] + item.data.get("optional", []):
            assert {"company", "topic"} <= set(label) <= FACTS, item.id
            for name in KNOWN.keys() & label.keys():
                values = label[name] if isinstance(label[name], list) else [label[name]]
                assert KNOWN[name].issuperset(values), item.id


def test_size_and_balance():
    """No id and no text comes twice; English and Chinese have their share of events and traps."""
    shares = Counter((item.data["lang"][:2], bool(item.data["labels"])) for item in ITEMS)

    assert len({item.id for item in ITEMS}) == len(ITEMS)
    assert len({(item.title, item.summary) for item in ITEMS}) == len(ITEMS)
    for language in ("en", "zh"):
        assert min(shares[language, True], shares[language, False]) >= 60


@pytest.mark.parametrize("name", FLOORS["pairs"])
def test_pairs(name):
    """Precision and recall of pairs told by the text itself do not fall below their floors."""
    items = without_context(map(judged, group(name)))
    scores = score(items)

    for ratio, floor in FLOORS["pairs"][name].items():
        assert getattr(scores, ratio) >= floor, told(items)


def test_every_file_has_its_floor():
    """No text is left out of the test above."""
    assert all(file.startswith(tuple(FLOORS["pairs"])) for file in FILES)


def test_traps():
    """Texts without an event give no more hits than the floors allow, by kind of trap."""
    extra = defaultdict(list)
    for item in ITEMS:
        if not item.data["labels"] and (wrong := judged(item)).extra:
            extra[item.data["kind"]].append(wrong)
    too_many = [
        wrong
        for kind, all_ in extra.items()
        if len(all_) > FLOORS["traps"].get(kind, 0)
        for wrong in all_
    ]

    assert not too_many, told(too_many)


@pytest.mark.parametrize("name", FLOORS["fields"])
def test_fields(name):
    """A field told with a right pair is right, and one that is there is told, as the floors say."""
    told_of = [
        (item, cases(wanted, FOUND[item.id][pair])[name])
        for item in ITEMS
        for pair, wanted in labelled(item).fields.items()
        if name in wanted and pair in FOUND[item.id]
    ]
    scores = score_field(case for _, case in told_of)
    wrong = [
        f"{item.id} +{sorted(case.wrong)} -{[sorted(one) for one in case.missed]}  {item.title!r}"
        for item, case in told_of
        if case.wrong or case.missed
    ]

    for ratio, floor in FLOORS["fields"][name].items():
        assert getattr(scores, ratio) >= floor, "\n".join(wrong)


def test_quotes():
    """Every hit has evidence, and every piece of it quotes its field."""
    for item in ITEMS:
        for hit in FOUND[item.id].values():
            assert hit.evidence, item
            for quote in hit.evidence:
                assert getattr(item, quote.field)[quote.start : quote.end] == quote.text, item
