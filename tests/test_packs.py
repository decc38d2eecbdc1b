"""The topics that are off until a line switches them on."""

from pathlib import Path

import pytest
import yaml

from monitor.config import load
from monitor.config.entries import bundled_keys
from monitor.config.settings import TOPICS
from monitor.config.watchlist import bundled_lexicon
from monitor.detect.associate import Detector

DATA = yaml.safe_load(Path(__file__).with_name("data").joinpath("packs.yaml").read_text("utf-8"))
PACKS = [key for key in bundled_keys("topics") if key not in TOPICS]


@pytest.fixture(scope="module")
def detector():
    return Detector(bundled_lexicon(topics=bundled_keys("topics")))


def reported(detector, title):
    return {(it.company, it.topic) for it in detector.find(title, "") if it.rejected is None}


def cases(name):
    return [(topic, text) for topic, texts in DATA.items() for text in texts[name]]


@pytest.mark.parametrize(("topic", "text"), cases("hits"))
def test_what_belongs_to_a_pack_is_found(detector, topic, text):
    """A title of the pack's matter is a hit of the company it is about."""
    company, _, title = text.partition(": ")

    assert (company, topic) in reported(detector, title)


@pytest.mark.parametrize(("topic", "title"), cases("traps"))
def test_what_only_looks_like_it_is_not(detector, topic, title):
    """The same words, meaning something else, are no hit of the pack."""
    assert topic not in {found for _, found in reported(detector, title)}


@pytest.mark.parametrize("topic", PACKS)
def test_every_pack_is_tried(topic):
    """A pack has at least six titles of its matter and six traps, in English and in Chinese."""
    for texts in (DATA[topic]["hits"], DATA[topic]["traps"]):
        chinese = sum(any("一" <= char <= "鿿" for char in text) for text in texts)
        assert len(texts) >= 6
        assert 1 <= chinese < len(texts)


@pytest.mark.parametrize("topic", PACKS)
def test_one_line_switches_a_pack_on(topic, tmp_path):
    """Off by default; its name among the topics is all it takes."""
    path = tmp_path / "config.yaml"
    path.write_text(f"topics: [antitrust, ipo, listing, {topic}]\n", "utf-8")

    assert topic not in {it.key for it in bundled_lexicon().topics}
    assert topic in {it.key for it in load(path, {}).lexicon.topics}


def test_stages_of_a_case_stand_by_any_topic_but_offerings(detector):
    """A fine is told with a pack's hit, and with that of a topic of one's own."""
    found = detector.find("微信因违规收集个人信息被罚款50万元", "")

    assert {it.stage for it in found if it.topic == "data-privacy"} == {"fine"}
