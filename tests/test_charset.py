"""Charsets: exact or flagged, never silently wrong. The cases live in data/feeds/charsets.yaml."""

import codecs
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from monitor.feeds.charset import decode

CASES = yaml.safe_load(
    Path(__file__).with_name("data").joinpath("feeds", "charsets.yaml").read_text("utf-8")
)
MARKS = {
    "utf-8": codecs.BOM_UTF8,
    "utf-16-le": codecs.BOM_UTF16_LE,
    "utf-16-be": codecs.BOM_UTF16_BE,
}


def written(case):
    """Return the bytes of a feed as *case* describes it."""
    label = f' encoding="{case["declared"]}"' if "declared" in case else ""
    before, after = f'<?xml version="1.0"{label}?><rss><title>', "</title></rss>"
    title, spoilt = case["title"], case.get("spoil")
    if spoilt is None:
        body = f"{before}{title}{after}".encode(case["written"])
    else:
        left, right = before + title[:spoilt], title[spoilt + 1 :] + after
        body = left.encode(case["written"]) + b"\xff" + right.encode(case["written"])
    return MARKS[case["written"]] + body if case.get("bom") else body


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_case(case):
    """The title comes back exactly, and whatever is not certain is flagged."""
    text, charset, flaws = decode(written(case), case.get("header"))

    title = case["title"]
    if (spoilt := case.get("spoil")) is not None:
        title = title[:spoilt] + "\ufffd" + title[spoilt + 1 :]
    assert text == f"<rss><title>{title}</title></rss>"
    assert charset == case["read"]
    assert bool(flaws) == case.get("flagged", False)


@given(st.binary(max_size=300), st.none() | st.text(max_size=60))
def test_any_bytes(body, content_type):
    """Any bytes under any header give text that can be stored, and an honest charset."""
    text, charset, _ = decode(body, content_type)

    text.encode("utf-8")
    assert codecs.lookup(charset)
    assert "\0" not in text


def test_forbidden_characters():
    """A character that XML forbids would cost the whole document: it goes, and is counted."""
    text, _, flaws = decode(b"<rss>\x0b\x00a\x1fb\x7f</rss>", None)

    assert text == "<rss>ab\x7f</rss>"
    assert flaws == ["3 characters dropped that XML forbids"]


def test_declaration_after_blanks():
    """Blanks before the XML declaration, which XML forbids, do no harm."""
    assert decode(b"\n  <?xml version='1.0'?>\n<rss/>", None)[0] == "<rss/>"
