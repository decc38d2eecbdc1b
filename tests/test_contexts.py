"""Contexts: what rejected hits share is found by counting, the same way each time."""

import random

import pytest
import yaml

from monitor.config import load
from monitor.config.proposed import Proposer
from monitor.config.trial import read_rules
from monitor.detect.associate import Detector
from monitor.detect.contexts import ContextKind, JudgedHit, Key, Quote, shared_contexts
from monitor.model import Role

PLACES = (
    *("Leeds", "York", "Hull", "Derby", "Truro", "Exeter", "Ripon", "Wells", "Perth", "Stirling"),
    *("Oban", "Ayr"),
)


def hit(number, sentence, *, rejected=True, company="jd", said="JD", word="fined", **more):
    quotes = (
        Quote(Role.COMPANY, said, f"{company}.en.{said.lower()}"),
        Quote(Role.TOPIC, word, f"antitrust.en.{word}"),
    )
    usual = {"topic": "antitrust", "feed": f"feed-{number % 4}"}
    return JudgedHit(number, rejected, company, sentence=sentence, quotes=quotes, **usual | more)


def sports(count=10):
    """Return rejected hits about a shop of another firm, each in other words."""
    said = "JD Sports shop of {0} fined" if count % 2 else "{0}: JD Sports fined by {1}"
    return [hit(at, said.format(PLACES[at], PLACES[-at])) for at in range(count)]


def kept(count=10, start=100):
    said = "JD fined for {0} in {0} {0}"
    return [hit(start + at, said.format(PLACES[at % 12]), rejected=False) for at in range(count)]


def test_ten_share_a_longer_name():
    """Ten rejected hits of a longer name that holds the spelling: that phrase, and nothing else."""
    found = shared_contexts([*kept(), *sports()])
    assert [it.key for it in found] == [Key(ContextKind.UNLESS, Role.COMPANY, "jd", "jd sports")]
    assert found[0].rejected == tuple(range(9, -1, -1))
    assert (found[0].kept, found[0].share) == ((), 1.0)


def test_nine_are_too_few():
    """Under the least nothing is proposed; a lower least finds it."""
    assert shared_contexts([*kept(), *sports(9)]) == []
    assert len(shared_contexts([*kept(), *sports(9)], 9)) == 1


def test_kept_hits_speak_against_it():
    """A context that kept hits have too is none, but for one in twenty."""
    alike = [hit(50, "JD Sports fined", rejected=False)]
    assert shared_contexts([*kept(), *sports(), *alike]) == []
    many = [hit(at, f"{PLACES[at % 12]}{at}: JD Sports fined") for at in range(19)]
    found = shared_contexts([*kept(), *many, *alike])
    assert [(it.key.phrase, it.kept, it.share) for it in found] == [("jd sports", (50,), 0.95)]


def test_the_order_of_verdicts_does_not_matter():
    """Shuffled verdicts give the same answer."""
    judged = [*kept(), *sports(), *(hit(at + 30, "JD 体育用品 罚款 fined") for at in range(12))]
    first = shared_contexts(judged)
    assert len(first) == 2
    for seed in range(5):
        random.Random(seed).shuffle(judged)  # noqa: S311 - the same each time
        assert shared_contexts(judged) == first


def test_words_in_the_sentence():
    """A word elsewhere in the sentence is of the spelling, or of the topic if companies differ."""
    one = [hit(at, f"JD fined, {PLACES[at]} says in its horoscope") for at in range(10)]
    several = [
        hit(at, f"{name} fined, {PLACES[at]} says: horoscope", company=name.lower(), said=name)
        for at, name in enumerate(["JD", "Acme", "Brook", "Crane", "Dove"] * 2)
    ]
    assert shared_contexts([*kept(), *one])[0].key == Key(
        ContextKind.SPELLING, Role.COMPANY, "jd.en.jd", "horoscope"
    )
    found = shared_contexts([*kept(), *several])
    assert found[0].key.phrase == "horoscope"
    assert found[0].key.of in {"antitrust", "antitrust.en.fined"}


def test_chinese_words():
    """Han has no blanks: the longest run that all share, traditional or not, beside the name."""
    other = [
        hit(at, f"{'京東方' if at % 2 else '京东方'}{PLACES[at]}被罚款", said="京东", word="罚款")
        for at in range(10)
    ]
    right = [
        hit(at, f"京东{PLACES[at % 12]}被罚款", said="京东", word="罚款", rejected=False)
        for at in range(50, 60)
    ]
    found = shared_contexts([*other, *right])
    assert found[0].key == Key(ContextKind.UNLESS, Role.COMPANY, "jd", "京东方")


def test_what_cannot_be_written_stands_before_nothing():
    """Where no rule can be written against one context, another of the same hits is told."""
    judged = [hit(at, f"JD Sports fined in {PLACES[at]}") for at in range(10)]
    found = shared_contexts([*kept(), *judged], writable=lambda key: key.kind is ContextKind.TOPIC)
    assert [(it.key.of, it.key.phrase) for it in found] == [("antitrust", "sports")]


def test_a_feed():
    """A feed nearly all of whose hits were rejected, which have no words in common."""
    bad = [
        hit(at, f"{PLACES[at]} JD {PLACES[-at]}", feed="bad", company=f"c{at}", word=f"w{at}a")
        for at in range(10)
    ]
    found = shared_contexts([*kept(), *bad])
    assert [it.key for it in found] == [Key(ContextKind.FEED, None, "bad", "")]


def test_every_rejected_hit_is_told_once():
    """What only has hits of a context above is left out, so that the list is short."""
    judged = [hit(at, f"JD Sports shop fined, {PLACES[at]} horoscope") for at in range(12)]
    found = shared_contexts([*kept(), *judged])
    assert len(found) == 1
    assert len(found[0].rejected) == 12


@pytest.mark.parametrize(
    "sentence", ["", "x" * 50_000, "罚" * 50_000, "\ud800 JD", "JD JD JD fined"]
)
def test_odd_sentences(sentence):
    """Whatever stands in a sentence, counting ends and fails on nothing."""
    shared_contexts([hit(at, sentence) for at in range(12)])


CONFIG = """
companies:
  - alibaba
  - {extends: tencent, aliases: [{text: Tengxun, needs: [game]}]}
  - name: JD
    aliases: [{text: Jingdong, needs: [court]}, 京东]
    units: {logistics: [{text: JD Express, needs: [parcel]}]}
  - ./desk.yaml
topics: [antitrust, {id: rain, name: Rain, keywords: [rain fine]}]
feeds: [{url: "https://news.example/feed", id: wire}]
database: sqlite:///monitor.db
"""
DESK = """
- {name: Acme, aliases: [{text: Works Acme, needs: [factory]}], identifiers: {cik: "0000320193"}}
- {extends: baidu, aliases: [Bidu]}
- xiaomi
"""


@pytest.fixture
def config(tmp_path):
    (tmp_path / "desk.yaml").write_text(DESK, "utf-8")
    path = tmp_path / "config.yaml"
    path.write_text(CONFIG, "utf-8")
    return load(path, {})


def finds(lexicon, text):
    return {(it.company, it.topic) for it in Detector(lexicon).find(text, "") if not it.rejected}


CASES = """
- key: [unless, company, alibaba, alibaba cave]
  loses: "Alibaba cave fined in antitrust probe"
  finds: "Alibaba fined in antitrust probe"
  says: "extends: alibaba"
- key: [unless, company, tencent, tencent street]
  loses: "Tencent Street fined in antitrust probe"
  finds: "Game of Tengxun fined in antitrust probe"
  says: "extends: tencent"
- key: [unless, company, jd, jd sports]
  loses: "JD Sports fined in antitrust probe"
  finds: "JD fined in antitrust probe"
  says: "id: jd"
- key: [unless, company, acme, acme cave]
  loses: "Acme cave fined in antitrust probe"
  finds: "Acme fined in antitrust probe"
  says: "id: acme"
- key: [unless, company, baidu, baidu cave]
  loses: "Baidu cave fined in antitrust probe"
  finds: "Bidu fined in antitrust probe"
  says: "extends: baidu"
- key: [unless, company, xiaomi, xiaomi cave]
  loses: "Xiaomi cave fined in antitrust probe"
  finds: "Xiaomi fined in antitrust probe"
  says: "extends: xiaomi"
- key: [topic, topic, antitrust, horoscope]
  loses: "Horoscope: Alibaba fined in antitrust probe"
  finds: "Alibaba fined in antitrust probe"
  says: "not:"
- key: [topic, topic, rain, horoscope]
  loses: "Horoscope: JD gets a rain fine"
  finds: "JD gets a rain fine"
  says: "id: rain"
- key: [spelling, company, jd.en.jingdong, horoscope]
  loses: "Horoscope: court and Jingdong, antitrust"
  finds: "Court and Jingdong, antitrust"
  says: "needs:"
- key: [spelling, company, jd.logistics.en.jd-express, horoscope]
  loses: "Horoscope: Parcel of JD Express in antitrust probe"
  finds: "Parcel of JD Express in antitrust probe"
  says: "logistics:"
- key: [spelling, company, acme.en.works-acme, horoscope]
  loses: "Horoscope: factory of Works Acme in antitrust probe"
  finds: "factory of Works Acme in antitrust probe"
  says: "id: acme"
- key: [spelling, company, tencent.en.tengxun, horoscope]
  loses: "Horoscope: Game of Tengxun in antitrust probe"
  finds: "Game of Tengxun in antitrust probe"
  says: "extends: tencent"
- key: [spelling, topic, rain.en.rain-fine, horoscope]
  loses: "Horoscope: JD gets a rain fine"
  finds: "JD gets a rain fine"
  says: "keywords:"
"""


@pytest.mark.parametrize("case", yaml.safe_load(CASES), ids=lambda it: " ".join(it["key"]))
def test_what_to_write(config, case):
    """The rules with the addition no longer find the context, and what they found else they find.

    Nothing of the configuration in force changes.
    """
    kind, role, of, phrase = case["key"]
    key = Key(ContextKind(kind), Role(role), of, phrase)
    before = config.lexicon.fingerprint
    proposed = Proposer(config).propose(key)

    assert case["says"] in proposed.addition
    lexicon = read_rules(proposed.rules, config)
    assert finds(config.lexicon, case["loses"])
    assert not finds(lexicon, case["loses"])
    assert finds(config.lexicon, case["finds"])
    assert finds(lexicon, case["finds"]) == finds(config.lexicon, case["finds"])
    assert config.lexicon.fingerprint == before
    assert Proposer(config).propose(key) == proposed


@pytest.mark.parametrize(
    ("kind", "role", "of", "phrase"),
    [
        ("unless", "company", "nobody", "jd sports"),
        ("unless", "company", "jd", ""),
        ("unless", "company", "jd", "x" * 300),
        ("unless", "company", "jd", "(a|b)"),
        ("topic", "topic", "nothing", "horoscope"),
        ("spelling", "company", "nobody.en.name", "horoscope"),
        ("spelling", "topic", "jd.en.name", "horoscope"),
        ("spelling", "company", "jd.en.name", "horoscope"),
        ("spelling", "company", "jd.zh.京东", "彩票"),
        ("spelling", "company", "alibaba.zh-Hans.name", "彩票"),
        ("spelling", "company", "alibaba.ticker.baba-n", "horoscope"),
        ("feed", None, "nobody", ""),
    ],
)
def test_what_cannot_be_written(config, kind, role, of, phrase):
    """A context of what the rules lack, or that is no phrase, gives no proposal."""
    assert Proposer(config).propose(Key(ContextKind(kind), role and Role(role), of, phrase)) is None


def test_a_feed_is_switched_off_by_hand(config):
    """Against a feed the configuration is changed; the rules stay."""
    proposed = Proposer(config).propose(Key(ContextKind.FEED, None, "wire", ""))
    assert proposed.rules is None
    assert proposed.addition == "feeds:\n- id: wire\n  enabled: false\n"


def test_what_the_rules_have_already(tmp_path):
    """A rule that was written is not proposed again."""
    key = Key(ContextKind.TOPIC, Role.TOPIC, "antitrust", "horoscope")
    (tmp_path / "desk.yaml").write_text(DESK, "utf-8")
    written = CONFIG.replace("[antitrust,", "[{extends: antitrust, not: [Horoscope]},")
    (tmp_path / "config.yaml").write_text(written, "utf-8")
    assert Proposer(load(tmp_path / "config.yaml", {})).propose(key) is None
