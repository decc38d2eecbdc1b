"""The shipped example, the catalogue of feeds and the guide, held against the program."""

import re
from pathlib import Path

import pytest
import yaml

from monitor.config import load
from monitor.config.entries import bundled_keys
from monitor.config.marks import read
from monitor.config.schema import key_paths
from monitor.config.settings import TOPICS
from monitor.detect.associate import Detector

TOP = Path(__file__).parents[1]
EXAMPLE = TOP / "config.yaml"
CATALOGUE = (TOP / "docs" / "feeds.md").read_text("utf-8")
RULES = (TOP / "docs" / "guide" / "rules.md").read_text("utf-8")
GUIDE = (TOP / "docs" / "guide" / "configuration.md").read_text("utf-8")


def yaml_blocks(text):
    return re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)


def test_the_example_works_as_it_stands():
    """Whoever copies `config.yaml` has a service that polls, matches and writes digests."""
    config = load(EXAMPLE, {})

    assert len(config.lexicon.companies) == 6
    assert len(config.lexicon.topics) == 3
    [daily] = config.model_subscriptions()
    assert daily.recipients == ("desk@example.com",)
    assert config.delivery.smtp is None
    assert all(
        feed.enabled and feed.language and feed.interval and feed.terms and feed.name != feed.key
        for feed in config.model_feeds()
    )
    assert len(config.feeds) > 20


def test_what_the_example_leaves_out_works_when_put_in(tmp_path):
    """Every commented line of `config.yaml` is a setting that loads once the mark is taken off."""
    commented = re.compile(r"^(\s*)# ((  )*[a-z_]+: ?.*|  - id: jd.*)$", re.MULTILINE)
    text = EXAMPLE.read_text("utf-8")
    keys = [found[2] for found in commented.finditer(text)]
    assert len(keys) >= 12
    companies = text[text.index("#   - id: jd") : text.index("companies: [")].replace("#   ", "  ")
    rest = commented.sub(r"\1\2", text[text.index("subscriptions:") :])
    path = tmp_path / "config.yaml"
    path.write_text(f"companies:\n  - alibaba\n  - ant\n{companies}{rest}", "utf-8")

    config = load(path, {"SMTP_PASSWORD": "x", "SLACK_URL": "slack://a/b/c"})

    assert list(config.channels) == ["ops"]
    assert config.delivery.smtp.username == "monitor"
    assert [it.name for it in config.lexicon.companies][-2:] == ["JD.com", "Tencent"]
    assert config.network.allow_private


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory):
    path = tmp_path_factory.mktemp("catalogue") / "config.yaml"
    lines = [
        "feeds:",
        *("  " + line for block in yaml_blocks(CATALOGUE) for line in block.split("\n")),
    ]
    path.write_text("\n".join(lines), "utf-8")
    return load(path, {"RSSHUB": "http://rsshub:1200"}).model_feeds()


def test_every_block_of_the_catalogue_is_a_feed(catalogue):
    """Each block can be pasted as it stands: one feed, with a name, a language and terms."""
    assert len(catalogue) == len(yaml_blocks(CATALOGUE)) > 60
    assert all(feed.language and feed.interval and feed.terms for feed in catalogue)


def test_the_catalogue_holds_only_what_the_example_does_not(catalogue):
    """No feed is in both: neither by id nor by address."""
    example = load(EXAMPLE, {}).model_feeds()

    assert not {feed.key for feed in catalogue} & {feed.key for feed in example}
    assert not {feed.url for feed in catalogue} & {feed.url for feed in example}


def test_every_feed_of_the_catalogue_states_its_evidence(catalogue):
    """Nobody has to guess whether an address was ever seen to work."""
    stated = re.findall(r"^Evidence: (\w+)\.", CATALOGUE, re.MULTILINE)
    known = set(re.findall(r"^\| (\w+) \| [a-z]", CATALOGUE, re.MULTILINE)) - {"evidence"}

    assert len(stated) == len(catalogue)
    assert set(stated) <= known


def test_every_key_is_in_the_guide_and_no_other():
    """The guide documents exactly the keys there are."""
    documented = re.findall(r"^\| `([a-z_.*\[\]]+)` \|", GUIDE, re.MULTILINE)

    assert sorted(documented) == sorted(key_paths())


def test_every_variable_in_the_guide_sets_a_key():
    """The overrides the guide names are keys that exist."""
    named = re.findall(r"^\| `MONITOR_([A-Z_]+)` \|", GUIDE, re.MULTILINE)

    assert named
    assert {name.lower().replace("__", ".") for name in named} <= set(key_paths())


@pytest.mark.parametrize("block", yaml_blocks(GUIDE))
def test_every_example_of_the_guide_loads(block, tmp_path):
    """An example can be copied as it stands."""
    path = tmp_path / "config.yaml"
    path.write_text(block, "utf-8")

    load(path, {"SMTP_PASSWORD": "x"})


def test_the_guide_tells_defaults_as_they_are(tmp_path):
    """A default in the guide, written into a file, changes nothing."""
    rows = re.findall(r"^\| `([a-z_.]+)` \| `([^`]+)` \|", GUIDE, re.MULTILINE)
    tree: dict = {}
    for key, default in rows:
        *parents, last = key.split(".")
        part = tree
        for parent in parents:
            part = part.setdefault(parent, {})
        part[last] = read(default.encode()).data
    tree["delivery"].pop("smtp")
    tree["backup"]["folder"] = "copies"  # there is none unless one is named
    written, empty = tmp_path / "written.yaml", tmp_path / "empty.yaml"
    written.write_text(yaml.safe_dump(tree), "utf-8")
    empty.write_text("backup: {folder: copies}\n", "utf-8")

    assert len(rows) > 12
    assert load(written, {}) == load(empty, {})


def test_a_company_and_a_topic_take_less_than_ten_lines(tmp_path):
    """The first lines of the rules are all an analyst needs: every spelling and keyword finds."""
    block = yaml_blocks(RULES)[0]
    [company], [topic] = yaml.safe_load(block).values()
    path = tmp_path / "config.yaml"
    path.write_text(block, "utf-8")
    detector = Detector(load(path, {}).lexicon)

    assert len(block.splitlines()) < 10
    assert (len(company["aliases"]), len(topic["keywords"])) == (3, 5)
    for name in (company["name"], *company["aliases"]):
        for keyword in topic["keywords"]:
            title = f"{name}: {keyword.replace('*', '').replace(' ...', '')}"
            [found] = detector.find(title, "")
            assert (found.company, found.topic, found.rejected) == ("jd-com", "privacy", None)


def test_the_rules_tell_which_topics_there_are():
    """Every bundled topic is in the guide, and whether it is on by default."""
    told = re.findall(r"^\| `([a-z-]+)` \| .+ \| (yes|no) \|$", RULES, re.MULTILINE)

    assert sorted(told) == [
        (key, "yes" if key in TOPICS else "no") for key in bundled_keys("topics")
    ]
