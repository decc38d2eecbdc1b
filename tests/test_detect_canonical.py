"""Lexicons in full: what `canonical` holds is enough to have the same lexicon again."""

import json

import pytest

from monitor.config.entries import bundled_keys
from monitor.config.watchlist import bundled_lexicon
from monitor.detect.canonical import read_canonical
from monitor.detect.definitions import read_company, read_label, read_topic
from monitor.detect.lexicon import fingerprint_of, make_lexicon

COMPANY = {
    "name": "Acme",
    "names": {"zh-Hans": "艾克米"},
    "aliases": [
        {
            "text": "AC",
            "case": True,
            "strength": "context",
            "needs": ["anvil*"],
            "unless": ["AC DC"],
        }
    ],
    "people": {"boss": ["Jo Doe"]},
}


def small():
    return make_lexicon(
        [read_company("acme", COMPANY)],
        [read_topic("tax", {"name": "Tax", "keywords": ["tax", "levy ... profit*"]})],
        [read_label("fine", {"name": "Fine", "terms": ["fine"], "rank": 3, "topics": ["tax"]})],
        [read_label("office", {"name": "Office", "terms": ["Tax Office"]})],
    )


@pytest.mark.parametrize(
    "lexicon",
    [small(), bundled_lexicon(bundled_keys("companies"), bundled_keys("topics"))],
    ids=["small", "bundled"],
)
def test_a_lexicon_survives_its_text(lexicon):
    """Read back from its canonical text a lexicon is equal, down to the fingerprint."""
    again = read_canonical(lexicon.canonical)

    assert again == read_canonical(lexicon.canonical, lexicon.fingerprint) == lexicon
    assert again.fingerprint == lexicon.fingerprint


def test_what_a_field_added_later_means_is_its_default():
    """A text from before a field existed can be read; its fingerprint is not claimed for it."""
    lexicon = small()
    data = json.loads(lexicon.canonical)
    del data["companies"][0]["terms"][0]["unless"]

    again = read_canonical(json.dumps(data))

    assert again == lexicon
    older = json.dumps(data, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    assert again.canonical != older
    assert read_canonical(older, fingerprint_of(older)) == again  # as stored by that version


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"companies": 5}',
        '{"planets": []}',
        '{"companies": [], "topics": [{"key": "tax", "name": "Tax", "terms": [], "moons": 2}]}',
        '{"companies": [], "topics": [{"key": "tax", "name": "Tax", "names": {}}]}',
    ],
)
def test_anything_else_is_refused(text):
    """What is no lexicon, or one with fields of a later version, is never half read."""
    with pytest.raises(ValueError, match="no lexicon that this version can read"):
        read_canonical(text)
