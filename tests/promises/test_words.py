"""Hostile words in titles, from the feed to the mail, the table and the file: nothing but words."""

import csv
import email
import email.policy
import io
import json
import os
import pty
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from xml.sax.saxutils import escape

import pytest
import yaml
from feedserver import FeedServer, answer

WORDS = yaml.safe_load(
    Path(__file__).parents[1].joinpath("data", "hostile_words.yaml").read_text("utf-8")
)
HEADLINES = (
    "{} Alibaba fined {} million yuan in antitrust probe",
    "Tencent antitrust {} fine of {} million yuan",
    "Baidu IPO filed {}",
)  # each fine is one of its own by its sum
# What may stand in a digest: no script, no form, nothing that loads or runs.
ELEMENTS = re.compile(
    "html|head|meta|title|style|body|div|table|thead|tbody|tr|td|th|p|h1|h2|h3|h4|ul|"
    "ol|li|a|span|b|strong|em|i|br|hr|small|mark|img|svg|rect|path|line|circle|text|g"
    "|section|header|footer|main|details|summary|sub|sup|abbr|time|wbr|caption|colgro"
    "up|col|blockquote|center|bdi"
)
CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u2028\u2029]")
FORMULA = re.compile(r"\s*[=+\-@\uff1d\uff0b\uff0d\uff20]")
ONCE = (
    *("Date", "From", "To", "Subject", "Message-ID", "List-ID", "Auto-Submitted"),
    *("MIME-Version", "Content-Type"),
)


class Inert(HTMLParser):
    """Reads a page as a browser would begin to, and notes whatever is not inert."""

    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.flaws = []

    def handle_starttag(self, tag, attrs):
        if not ELEMENTS.fullmatch(tag):
            self.flaws.append(f"<{tag}>")
        self.flaws += [
            f"{tag} {name}={value}" for name, value in attrs if _lives(name, value or "")
        ]

    def handle_data(self, data):
        if self.lasttag == "style" and re.search(r"url\(|@import", data):
            self.flaws.append(data)


def _lives(name, value):
    """Return whether an attribute runs, loads, or leads where no reader should go."""
    if name == "href":
        return not re.match(r"\s*(https?|mailto):", value)
    if name == "style":
        return re.search(r"url\(|expression|@import", value)
    loads = {"src", "srcset", "background", "action", "data"}
    return name.startswith("on") or name in loads or (name, value) == ("http-equiv", "refresh")


def feed():
    items = "".join(
        f"<item><guid>{number}-{at}</guid><link>https://odd.example/{number}?x={at}</link>"
        f"<title>{escape(escape(headline.format(_for_xml(word), number + 2)))}</title>"
        f"<description>{escape(_for_xml(word))}</description><author>{escape(_for_xml(word))}"
        f"</author><source url='javascript:x'>{escape(_for_xml(word))}</source></item>"
        for number, word in enumerate(WORDS)
        for at, headline in enumerate(HEADLINES)
    )
    links = "".join(
        f"<item><guid>l{number}</guid><link>{escape(_for_xml(word))}</link>"
        f"<title>Xiaomi antitrust fine, report {number}</title></item>"
        for number, word in enumerate(WORDS)
    )
    return f"<rss version='2.0'><channel><title>Odd</title>{items}{links}</channel></rss>".encode()


def _for_xml(word):
    """Leave bare what XML allows; hand the rest over as references, which some publishers do."""
    return re.sub(r"[\x00-\x1f]", lambda found: f"&#{ord(found[0])};", word)


def monitor(folder, *args, terminal=False):
    command = [sys.executable, "-m", "monitor", *args]
    if not terminal:
        done = subprocess.run(command, cwd=folder, capture_output=True, check=False)
        assert b"Traceback" not in done.stderr
        return done.stdout.decode("utf-8")
    ours, theirs = pty.openpty()
    with subprocess.Popen(command, cwd=folder, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        shown = b""
        while True:
            try:
                shown += os.read(ours, 65536)
            except OSError:  # the other end is closed: all is shown
                break
        assert process.wait() == 0
    os.close(ours)
    return shown.decode("utf-8")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder in which the feed was polled and the digest was made, into its outbox."""
    where = tmp_path_factory.mktemp("words")
    with FeedServer() as server:
        server.put("/", answer(feed(), content_type="application/rss+xml"))
        configuration = {
            "feeds": [{"id": "odd", "url": server.url("/")}],
            "network": {"allow_private": ["127.0.0.0/8"]},
            "subscriptions": [{"name": "desk", "to": ["a@example.com"], "at": "07:30"}],
        }
        (where / "config.yaml").write_text(json.dumps(configuration), encoding="utf-8")
        polled = json.loads(monitor(where, "poll", "--json"))
        assert polled["new_articles"] == len(WORDS) * (len(HEADLINES) + 1)
        assert polled["hits"] >= 50 * len(HEADLINES)
        monitor(where, "digest", "--send")
    return where


def test_mail(folder):
    """The mail is standard, one header of each kind, and nothing in it is alive."""
    [raw] = [path.read_bytes() for path in folder.glob("outbox/**/*.eml")]
    message = email.message_from_bytes(raw, policy=email.policy.SMTP)
    plain, html = message.get_body(("plain",)), message.get_body(("html",))
    page = Inert()
    page.feed(html.get_content())

    assert [part.defects for part in message.walk() if part.defects] == []
    assert {name: len(message.get_all(name, ())) for name in ONCE} == dict.fromkeys(ONCE, 1)
    assert not {"Bcc", "Cc", "Reply-To", "Sender"} & set(message.keys())
    assert [one.addr_spec for one in message["To"].addresses] == ["a@example.com"]
    assert message["Auto-Submitted"] == "auto-generated"
    assert max(map(len, raw.split(b"\r\n"))) <= 998
    assert b"\n" not in raw.replace(b"\r\n", b"")
    assert len(html.get_content().encode()) <= 95_000
    assert page.flaws == []
    for text in (plain.get_content(), html.get_content(), str(message["Subject"])):
        assert CONTROLS.findall(text.replace("\r\n", "\n")) == []
        assert "{{7*7}}" in text or text == str(message["Subject"])


def test_attachment(folder):
    """The file that comes with a mail has no formula either."""
    [raw] = [path.read_bytes() for path in folder.glob("outbox/**/*.eml")]
    message = email.message_from_bytes(raw, policy=email.policy.SMTP)
    [sheet] = message.iter_attachments()

    rows = list(csv.reader(io.StringIO(sheet.get_content())))
    assert len(rows) > 30
    assert formulas(rows) == []


def formulas(rows):
    """Return the cells that a spreadsheet would calculate."""
    return [cell for row in rows for cell in row if FORMULA.match(cell)]


@pytest.mark.parametrize("listing", ["hits", "articles", "stories"])
def test_csv(folder, listing):
    """No cell of a CSV file is a formula to a spreadsheet, and each row has all its cells."""
    rows = list(csv.reader(io.StringIO(monitor(folder, listing, "--format", "csv"))))

    assert len(rows) > 30
    assert {len(row) for row in rows} == {len(rows[0])}
    assert formulas(rows) == []


@pytest.mark.parametrize("listing", ["hits", "articles", "stories", "feeds"])
def test_terminal(folder, listing):
    """A table on a terminal holds no escape but the colours of the table itself."""
    shown = monitor(folder, listing, terminal=True)

    bare = re.sub(r"\x1b\[[0-9;]*m", "", shown).replace("\r\n", "\n")
    assert CONTROLS.findall(bare) == []
    assert "\x1b[31mred" not in shown
