"""Every fenced block of the documentation is run, loaded or compared: none is only looked at.

What is typed runs in a shell, page by page and in order, in a folder as a reader has it: a
configuration, feeds that answer, a database with stories, deliveries and a digest. Configurations
and queries have their tests in test_docs.py and test_config_docs.py.
"""

import base64
import json
import os
import re
import shutil
import stat
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote

import pytest
import standardwebhooks
from briefs import briefed, hit
from conftest import needs
from feedserver import FeedServer, answer
from mails import ignore, mail
from receiver import Receiver
from websites import put_token, website

from monitor.deliver.webhook import Webhook, WebhookSettings
from monitor.feeds.guard import Guard

TOP = Path(__file__).parents[1]
PAGES = sorted([*TOP.glob("*.md"), *TOP.glob("docs/**/*.md"), *TOP.glob(".github/*.md")])
FENCE = re.compile(r"^```([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
KEY = b"a secret of at least twenty-four octets"
MAKEFILE = (TOP / "Makefile").read_text("utf-8")

# Blocks that are drawn, not typed: language -> how many there are, and what holds them.
DRAWN = {
    "ini": (1, "a unit in short; test_deploy.py has systemd read the whole one"),
    "text": (6, "drawings, subjects of mails, and settings of other programs"),
}
# Programs that a test cannot run: first word -> in how many lines, and what runs the like.
ELSEWHERE = {
    "docker": (31, "needs an engine; .ci/container/check, compose and cluster run the like"),
    "kubectl": (4, "needs a cluster; test_deploy.py holds the objects against the program"),
    "systemctl": (2, "needs systemd as the first process; test_deploy.py reads the unit"),
    "systemd-run": (1, "the same"),
    "journalctl": (1, "the same"),
    "install": (2, "writes into the system; the files it names are there"),
    "python3": (1, "writes into /opt; `make dist` installs the wheel like this"),
    "pip": (4, "asks a registry for a release; `make dist` installs the wheel like this"),
    "make": (6, "makes an environment; .ci/run calls the targets"),
    "createuser": (1, "needs rights on a server; postgres.py makes databases like this"),
    "createdb": (1, "the same"),
    "psql": (1, "needs a server under that name; the views are asked in test_schema.py"),
    "sqlite3": (1, "not on every machine; the views are asked in test_schema.py"),
    "curl": (1, "needs the pages to be served; test_api.py asks this call"),
}
CONFIG = """
companies: [alibaba, ant, tencent, xiaomi, huawei, baidu]
topics: [antitrust, ipo, listing]
feeds:
  - {{id: sec-press, url: "{server}/sec-press"}}
  - {{id: ustr, url: "{server}/ustr"}}
subscriptions:
  - {{name: daily, to: [desk@example.com], at: "07:30", timezone: Asia/Hong_Kong}}
network:
  allow_private: [127.0.0.0/8]
"""
TITLES = {
    "sec-press": [
        "China's market regulator fines Alibaba 18.2 billion yuan in antitrust case",
        "Antitrust: market regulator fines Alibaba 18.2 billion yuan",
        "Alibaba fined 18.2 billion yuan by market regulator in antitrust case",
    ],
    "ustr": ["蚂蚁集团IPO被暂缓，上交所公布决定", "Harbour ferries add a late crossing"],
}


def name_of(page):
    return str(page.relative_to(TOP))


def blocks(page):
    return FENCE.findall(page.read_text("utf-8"))


def typed(info, body):
    """Return the lines a reader types of a block, each whole; none if it is of another kind."""
    if info not in {"sh", "console"}:
        return []
    lines = body.replace("\\\n", " ").splitlines()
    if info == "console":
        lines = [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
    return [line for line in lines if line.strip()]


def program(line):
    """Return what a line calls, without the settings before it."""
    words = [word for word in line.split() if not re.match(r"[A-Z_]+=", word)]
    return words[0].removeprefix(".venv/bin/").removeprefix("/opt/monitor/bin/")


ALL = [(page, info, body) for page in PAGES for info, body in blocks(page)]
LINES = [(page, line) for page, info, body in ALL for line in typed(info, body)]


def test_every_block_says_what_it_is():
    """No block is without a language, and none has one that no test knows how to hold."""
    kinds = {"sh", "console", "yaml", "sql", "sql sqlite", "sql postgresql", "json", "python"}
    odd = [(name_of(page), info) for page, info, _ in ALL if info not in kinds | set(DRAWN)]

    assert odd == []
    drawn = {kind: sum(info == kind for _, info, _ in ALL) for kind in DRAWN}
    assert drawn == {kind: many for kind, (many, _) in DRAWN.items()}
    assert len(LINES) > 60


def test_what_cannot_run_here_is_counted():
    """A line that is left out calls a program that is named above, and no more lines."""
    called = [program(line) for _, line in LINES]

    assert {it: called.count(it) for it in ELSEWHERE} == {
        it: many for it, (many, _) in ELSEWHERE.items()
    }
    for _, line in LINES:
        if program(line) == "make":
            assert re.search(rf"^{line.split()[1]}:.*## ", MAKEFILE, re.MULTILINE), line


@pytest.fixture(scope="module")
def server():
    with FeedServer() as server:
        for path, titles in TITLES.items():
            items = "".join(
                f"<item><title>{title}</title><guid>{path}-{number}</guid>"
                f"<link>https://{path}.example/{number}</link></item>"
                for number, title in enumerate(titles)
            )
            feed = f'<rss version="2.0"><channel><title>{path}</title>{items}</channel></rss>'
            server.put(f"/{path}", answer(feed.encode(), content_type="application/rss+xml"))
        page = b'<html><head><link rel="alternate" type="application/rss+xml" href="/ustr"></head>'
        server.put("/", answer(page, content_type="text/html"))
        yield server


@pytest.fixture(scope="module")
def programs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bin")
    script = folder / "monitor"
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -P -m monitor "$@"\n', "utf-8")
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    return folder


def shell(folder, programs, script):
    """Run *script* as a reader's shell does, and stop at its first failure."""
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=folder,
        env={
            **os.environ,
            "PATH": f"{programs}:{os.environ['PATH']}",
            "PYTHONPATH": str(TOP),
            "COLUMNS": "200",
        },
        input="a password that is long enough\n" * 2,  # what is asked for at a terminal
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )


@pytest.fixture(scope="module")
def prepared(tmp_path_factory, server, programs):
    """A folder as a reader has it after some days; its stories and hits begin with 1."""
    folder = tmp_path_factory.mktemp("reader")
    config = CONFIG.format(server=server.url("").rstrip("/"))
    (folder / "config.yaml").write_text(config, "utf-8")
    (folder / "new.yaml").write_text(config.replace("alibaba, ", ""), "utf-8")
    (folder / "fines.sql").write_text("SELECT * FROM v_hits WHERE stage = 'fine'", "utf-8")
    (folder / "password.txt").write_text("another that is long enough\n", "utf-8")
    opml = f'<opml version="2.0"><body><outline xmlUrl="{server.url("/")}other" /></body></opml>'
    (folder / "subscriptions.opml").write_text(opml, "utf-8")
    (folder / ".venv").mkdir()
    (folder / ".venv" / "bin").symlink_to(programs)
    done = shell(folder, programs, "monitor poll && monitor digest --send")
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def reader(prepared, tmp_path):
    folder = tmp_path / "reader"
    shutil.copytree(prepared, folder, symlinks=True)
    return folder


RUN = {page for page, line in LINES if program(line) not in ELSEWHERE}


@pytest.mark.parametrize("page", sorted(RUN), ids=name_of)
def test_what_is_typed_works(page, reader, programs, server):
    """Whoever types a page's commands, in their order, gets no error."""
    for info, body in blocks(page):
        lines = [line for line in typed(info, body) if program(line) not in ELSEWHERE]
        if any(program(line) == "openssl" for line in lines) and not shutil.which("openssl"):
            needs("openssl")
        given = re.findall(r"^\$ cat (\S+)\n((?:[^$].*\n)+)", body, re.MULTILINE)
        for name, content in given:  # what a page shows of a file is what the file holds
            (reader / name).write_text(content, "utf-8")
        script = "\n".join(lines).replace("https://regulator.example/", server.url("/"))
        done = shell(reader, programs, script)

        assert done.returncode == 0, f"{script}\n{done.stdout}\n{done.stderr}"


# --- what is shown as an answer -------------------------------------------------------------------


def shape(value):
    """Return *value* with the names of its keys alone, at every depth."""
    if isinstance(value, dict):
        return {key: shape(inner) for key, inner in value.items()}
    return [shape(value[0])] if isinstance(value, list) and value else None


def shown(page, language):
    """Return the blocks of a page in one language."""
    return [body for info, body in blocks(TOP / page) if info == language]


def test_a_poll_answers_as_shown(reader, programs):
    """The object that `monitor poll --json` prints has the fields that the reference shows."""
    first = shown("docs/guide/commands.md", "console")[0].splitlines()
    done = shell(reader, programs, first[0].removeprefix("$ "))

    assert list(json.loads(done.stdout)) == list(json.loads(first[1]))


def test_a_match_answers_as_shown(reader, programs):
    """The reference shows the very answer to the line it shows, to the last score and place."""
    [line] = [it for it in shown("docs/guide/commands.md", "console") if "echo" in it]
    [wanted] = shown("docs/guide/commands.md", "json")
    done = shell(reader, programs, line.removeprefix("$ "))

    assert json.loads(done.stdout) == json.loads(wanted)


def test_a_mistake_is_told_as_shown(reader, programs):
    """The guide to searching shows the very words for a mistake in a query."""
    [said] = shown("docs/guide/search.md", "text")
    query = said.splitlines()[1].strip()
    done = shell(reader, programs, f"monitor articles --search '{query}'")

    assert done.returncode == 2
    assert done.stderr == said


@pytest.mark.parametrize("page", ["docs/corpus.md", "docs/guide/rules.md"])
def test_labelled_texts_are_read_as_shown(page, reader, programs):
    """Labelled texts, as shown, are what `monitor eval` takes, and they are found."""
    [lines] = shown(page, "json")
    (reader / "items.jsonl").write_text(lines, "utf-8")
    if page.endswith("rules.md"):
        (reader / "config.yaml").write_text(shown(page, "yaml")[0], "utf-8")
    done = shell(reader, programs, "monitor eval items.jsonl --format json")

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["f1"] == 1


def test_a_problem_is_told_as_shown(tmp_path, empty_database, clock):
    """The API answers the query with a mistake in the very words that its guide shows."""
    [told] = map(json.loads, shown("docs/guide/api.md", "json"))
    query = told["shown"].splitlines()[1].strip()
    with website(tmp_path, empty_database, clock) as site:
        token = put_token(site.app, "robot")
        path = f"/api/v1/hits?q={quote(query)}"
        answered = site.ask(path, authorization=f"Bearer {token}")

    assert answered.data == told


def test_a_webhook_is_sent_and_verified_as_shown():
    """What arrives has the fields that the guide shows, and its three lines of Python verify it."""
    [told], [code] = (
        shown("docs/guide/delivery.md", "json"),
        shown("docs/guide/delivery.md", "python"),
    )
    with Receiver() as receiver:
        settings = WebhookSettings(
            f"http://127.0.0.1:{receiver.port}/", (KEY,), timedelta(seconds=9)
        )
        Webhook(settings, Guard(("127.0.0.0/8",)).check_address).send(
            mail(recipient="ops", brief=briefed(hit())), ignore
        )
    [taken] = receiver.taken
    secret = "whsec_" + base64.b64encode(KEY).decode()
    names = {"body": taken.body, "headers": taken.headers}
    exec(code.replace("whsec_...", secret), names)  # noqa: S102 - the guide's own lines

    assert shape(json.loads(told)) == shape(json.loads(taken.body)) == shape(names["told"])
    with pytest.raises(standardwebhooks.WebhookVerificationError):
        exec(code.replace("whsec_...", secret), names | {"body": taken.body + b" "})  # noqa: S102
