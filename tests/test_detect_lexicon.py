"""The lexicon: what an analyst may write, what is refused and where, what identifies it."""

import json
from pathlib import Path

import pytest
import yaml

from monitor.detect.definitions import read_company, read_label, read_topic
from monitor.detect.lexicon import make_lexicon
from monitor.detect.spellings import LexiconError
from monitor.model import Strength
from monitor.resources import lexicon_folder

DATA = Path(__file__).with_name("data")
MISTAKES = yaml.safe_load(DATA.joinpath("lexicon_mistakes.yaml").read_text("utf-8"))
READERS = {"company": read_company, "topic": read_topic, "label": read_label}

ACME = {"name": "Acme", "aliases": ["Ajax Corp"]}
ZETA = {"name": "Zeta"}
TAX = {"name": "Tax", "keywords": ["tax"]}


@pytest.mark.parametrize("case", MISTAKES, ids=lambda case: case["message"])
def test_mistakes(case):
    """A mistake is refused with the path to it and a sentence that says what it is."""
    with pytest.raises(LexiconError) as caught:
        READERS[case["read"]]("acme", case["data"])

    assert caught.value.path == tuple(case["path"])
    assert case["message"] in caught.value.message


def test_ids_are_stable():
    """A term's id is made of its text, so that it survives changes around it."""
    data = {
        "name": "Acme",
        "names": {"zh-Hans": "艾克米"},
        "aliases": ["Ajax Corp"],
        "legal_names": ["Acme, Inc."],
        "tickers": ["ACM.N"],
        "identifiers": {"isin": "US0567521085"},
        "units": {"shop": ["Acme Shop"]},
        "people": {"boss": ["Jo Doe"]},
    }

    found = {term.id: term.text for term in read_company("acme", data).terms}

    assert found == {
        "acme.en.name": "Acme",
        "acme.zh-Hans.name": "艾克米",
        "acme.en.ajax-corp": "Ajax Corp",
        "acme.en.acme-inc": "Acme, Inc.",
        "acme.ticker.acm-n": "ACM.N",
        "acme.isin.us0567521085": "US0567521085",
        "acme.shop.en.acme-shop": "Acme Shop",
        "acme.boss.en.jo-doe": "Jo Doe",
    }


def test_an_alias_may_restate_the_name():
    """A name that is also an ordinary word can be made to need context."""
    data = {"name": "Apple", "aliases": [{"text": "apple", "strength": "context"}]}

    [term] = read_company("apple", data).terms

    assert (term.text, term.strength) == ("apple", Strength.CONTEXT)


def test_needs_say_that_a_spelling_counts_in_context():
    """Who writes `needs` need not say `strength: context` as well."""
    data = {"name": "Acme", "aliases": [{"text": "AC", "needs": ["anvil*"], "near": 30}]}

    term = read_company("acme", data).terms[1]

    assert (term.strength, term.needs, term.near) == (Strength.CONTEXT, ("anvil*",), 30)


def test_a_unit_may_have_tickers_and_identifiers():
    """A unit or person is a list of spellings or a mapping; either reports as the company."""
    data = {
        "name": "Acme",
        "identifiers": {"lei": "5493001NTNQJDH60PM02"},
        "units": {
            "shop": {"aliases": ["Acme Shop"], "tickers": ["SHP.N"], "identifiers": {"cik": "42"}}
        },
        "people": {"boss": {"aliases": ["Jo Doe"], "identifiers": {"wikidata": "Q42"}}},
    }

    company = read_company("acme", data)
    texts = {term.text: term for term in company.terms}

    assert {"Acme Shop", "SHP.N", "(0000000042)", "5493001NTNQJDH60PM02"} <= set(texts)
    assert texts["Jo Doe"].person
    assert "Q42" not in texts
    assert company.identifiers == {
        "lei": ("5493001NTNQJDH60PM02",),
        "shop.cik": ("0000000042",),
        "boss.wikidata": ("Q42",),
    }


def test_what_a_topic_rules_out_holds_for_every_keyword():
    """`not` of a topic is in force for each of its keywords, beside the keyword's own."""
    data = {
        "name": "Tax",
        "keywords": ["tax", {"text": "duty", "not": ["customs duty"]}],
        "not": ["tariff*"],
    }

    assert [term.without for term in read_topic("tax", data).terms] == [
        ("tariff*",),
        ("customs duty", "tariff*"),
    ]


def test_one_spelling_one_company():
    """A spelling that two companies claim is refused, whatever its capitals."""
    companies = [
        read_company("acme", ACME),
        read_company("zeta", ZETA | {"aliases": ["AJAX corp"]}),
    ]

    with pytest.raises(LexiconError, match='spelling of "acme" too') as caught:
        make_lexicon(companies, [])

    assert caught.value.path == ("companies", "zeta", "AJAX corp")


def test_keys_come_once():
    """A topic defined twice is refused."""
    with pytest.raises(LexiconError, match="defined twice") as caught:
        make_lexicon([], [read_topic("tax", TAX), read_topic("tax", TAX)])

    assert caught.value.path == ("topics", "tax")


@pytest.mark.parametrize("key", ["", "Acme", "a b", "-acme", "a/../b"])
def test_keys_are_plain(key):
    """An id is lower-case letters, digits, dashes and underscores, fit for files and tables."""
    with pytest.raises(LexiconError, match="must be lower-case"):
        read_company(key, ACME)


def test_fingerprint_stands_for_the_whole():
    """The same lexicon has the same fingerprint; any change to it has another."""
    base = make_lexicon([read_company("acme", ACME)], [read_topic("tax", TAX)])
    same = make_lexicon([read_company("acme", dict(ACME))], [read_topic("tax", dict(TAX))])
    other = make_lexicon(
        [read_company("acme", ACME | {"unless": ["Acme Street"]})], [read_topic("tax", TAX)]
    )

    assert base == same
    assert base.fingerprint != other.fingerprint
    assert len(base.fingerprint) == 64
    assert json.loads(base.canonical)["companies"][0]["terms"][0]["text"] == "Acme"


def test_bundled_files_can_be_read():
    """Every bundled company, topic, stage and regulator is in order, and all fit together."""
    folder = lexicon_folder()
    members = {
        kind: {file.stem: yaml.safe_load(file.read_text("utf-8")) for file in sorted(files)}
        for kind, files in (
            ("companies", folder.glob("companies/*.yaml")),
            ("topics", folder.glob("topics/*.yaml")),
        )
    }
    labels = {
        kind: yaml.safe_load(folder.joinpath(f"{kind}.yaml").read_text("utf-8"))
        for kind in ("stages", "regulators")
    }

    lexicon = make_lexicon(
        [read_company(*member) for member in members["companies"].items()],
        [read_topic(*member) for member in members["topics"].items()],
        [read_label(*label) for label in labels["stages"].items()],
        [read_label(*label) for label in labels["regulators"].items()],
    )

    assert {company.key for company in lexicon.companies} >= {
        "alibaba", "ant", "tencent", "xiaomi", "huawei", "baidu",
    }  # fmt: skip
    topics = {topic.key for topic in lexicon.topics}
    assert topics >= {"antitrust", "ipo", "listing", "supervision"}
    for label in (*lexicon.stages, *lexicon.regulators):
        assert {*label.topics, *label.not_topics} <= topics
    ranks = [stage.rank for stage in lexicon.stages]
    assert len(set(ranks)) == len(ranks)
