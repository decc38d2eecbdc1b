"""Feeds added to a configuration: nothing else in it changes, or it is left as it was."""

import stat
from pathlib import Path
from xml.sax.saxutils import quoteattr

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from monitor.config import load, marks
from monitor.config.additions import Addition, add_to_file, as_yaml, find_new
from monitor.errors import InputError
from monitor.feeds.opml import Outline, read
from monitor.model import Feed

CASES = yaml.safe_load(
    Path(__file__).with_name("data").joinpath("feeds", "additions.yaml").read_text("utf-8")
)
NEW = Addition("https://new.example/rss", None, 'New: "one" #1 ${x}', (), enabled=True)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_addition(case, tmp_path):
    """A feed is put under `feeds:` and is read there; what cannot be done so changes nothing."""
    path = tmp_path / "config.yaml"
    path.write_bytes(case["before"].encode())
    path.chmod(0o640)
    if "refused" in case:
        with pytest.raises(InputError, match=case["refused"]):
            add_to_file(str(path), [NEW], {})
        assert path.read_bytes() == case["before"].encode()
    else:
        before = load(path, {}).model_feeds()

        add_to_file(str(path), [NEW], {})

        assert path.read_bytes() == case["after"].encode()
        first, *others = load(path, {}).model_feeds()
        assert (first.url, first.name, first.enabled) == (NEW.url, NEW.name, True)
        assert tuple(others) == before
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_to_the_file_stays(tmp_path):
    """A configuration that is a link to a file elsewhere stays one."""
    real, link = tmp_path / "real.yaml", tmp_path / "config.yaml"
    real.write_bytes(b"\xef\xbb\xbftopics: [ipo]\n")
    link.symlink_to(real)

    add_to_file(str(link), [NEW], {})

    assert link.is_symlink()
    assert real.read_bytes().startswith(b"\xef\xbb\xbftopics: [ipo]\n\nfeeds:\n  - url: ")


def test_a_variable_in_place_of_the_list(tmp_path):
    """Where a variable sets the feeds, adding some to the file would do nothing: it is refused."""
    path = tmp_path / "config.yaml"
    path.write_text("topics: [ipo]\n", "utf-8")

    with pytest.raises(InputError, match="was left as it is"):
        add_to_file(str(path), [NEW], {"MONITOR_FEEDS": "[https://a.example/]"})

    assert path.read_text("utf-8") == "topics: [ipo]\n"


def outline(url, line=1, name=None, folders=()):
    return Outline(line, url, name, folders, enabled=True)


def test_what_is_new():
    """A feed is new unless its address is known or came before; two never share an id."""
    feeds = [Feed("ours", "https://a.example/rss", "Ours"), Feed("b-example-x", "https://z/", "Z")]
    found = find_new(
        [
            outline("https://A.example:443/rss#top"),
            outline("https://b.example/x"),
            outline("https://b.example/x/", name="Slash"),
            outline("https://b.example/x"),
            outline("ftp://c.example/", 7, "C"),
            outline("https://user:secret@d.example/", 8, "D"),
        ],
        feeds,
    )

    assert [(it.url, it.id) for it in found.new] == [
        ("https://b.example/x", "b-example-x-2"),
        ("https://b.example/x/", "b-example-x-3"),
    ]
    assert found.known == 2
    assert found.mistakes == [
        (7, 'the address of "C" must start with http:// or https://, not ftp://'),
        (8, 'the address of "D" holds a user name or password, which logs and mails would show'),
    ]


def test_folders_are_comments():
    """Feeds of one folder stand under its name; those outside any, under none."""
    additions = [
        Addition("https://a.example/", None, None, ("China", "Courts"), enabled=True),
        Addition("https://b.example/", "b-2", None, ("China", "Courts"), enabled=False),
        Addition("https://c.example/?a: b", None, None, (), enabled=True),
    ]

    assert as_yaml(additions) == (
        "  # --- China / Courts\n"
        "  - url: https://a.example/\n"
        "  - url: https://b.example/\n"
        "    id: b-2\n"
        "    enabled: false\n"
        "  #\n"
        '  - url: "https://c.example/?a: b"\n'
    )


@given(name=st.text(max_size=40), folder=st.text(max_size=40))
def test_no_name_breaks_the_file(name, folder):
    """Whatever words an OPML file brings, the configuration says exactly those, and no key more."""
    words = (quoteattr(folder), quoteattr(name))
    listed = (
        "<opml><outline text={}><outline text={} xmlUrl='https://a.example/'/></outline></opml>"
    )
    [outline] = read(listed.format(*words).encode("utf-8", "replace")).feeds

    marked = marks.read(f"feeds:\n{as_yaml(find_new([outline], []).new)}".encode())

    wanted = {"url": "https://a.example/"}
    if outline.name:
        wanted["name"] = outline.name.replace("${", "$${")
    assert (marked.mistakes, marked.data) == ([], {"feeds": [wanted]})
