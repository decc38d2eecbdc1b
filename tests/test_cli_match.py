"""The commands match, group and eval, run as a user runs them, in an empty folder."""

import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest


@pytest.fixture
def monitor(tmp_path):
    """Return a function that runs the command on lines of input and gives its outcome."""

    def run(*arguments, lines=()):
        texts = [text if isinstance(text, str) else json.dumps(text) for text in lines]
        return subprocess.run(
            [sys.executable, "-m", "monitor", *arguments],
            input="".join(f"{text}\n" for text in texts),
            cwd=tmp_path,
            env={"PATH": "", "PYTHONUTF8": "1", "PYTHONPATH": os.environ.get("PYTHONPATH", "")},
            capture_output=True,
            encoding="utf-8",
            timeout=120,
            check=False,
        )

    return run


def answers(done):
    return [json.loads(text) for text in done.stdout.splitlines()]


FINED = {"id": "a", "title": "Alibaba fined $2.8bn in antitrust case", "lang": "en"}
HTML = {"id": 2, "title": "A&amp;B <b>Baidu</b> IPO", "summary": None}
NOTHING = {"id": "c", "title": "A quiet day"}


def test_match_answers_line_by_line(monitor):
    """Each line has one answer, in order, with spans that quote the text of the field."""
    done = monitor("match", lines=[FINED, NOTHING, HTML])

    fined, nothing, html = answers(done)
    assert done.returncode == 0
    assert nothing == {"id": "c", "matches": []}
    [match] = fined["matches"]
    assert (match["company"], match["topic"], match["stage"]) == ("alibaba", "antitrust", "fine")
    assert match["amounts"] == [{"value": "2800000000", "currency": "USD", "text": "$2.8bn"}]
    assert set(match) == {
        "company", "topic", "score", "stage", "regulator", "amounts", "date",
        "sentence", "evidence",
    }  # fmt: skip
    for quote in match["evidence"]:
        assert FINED[quote["field"]][quote["start"] : quote["end"]] == quote["text"]
    assert match["evidence"][0]["term"] == "alibaba.en.name"
    [match] = html["matches"]
    assert (html["id"], match["sentence"]) == (2, "A&B Baidu IPO")
    assert match["evidence"][0]["start"] == 4


def test_match_leaves_plain_text_as_it_is(monitor):
    """Spans count the field as given when it holds no HTML, blanks and half characters and all."""
    title = "  \ud800 Alibaba\u00a0 hit:  antitrust\u200b "

    [answer] = answers(monitor("match", lines=[json.dumps({"id": 1, "title": title})]))

    for quote in answer["matches"][0]["evidence"]:
        assert title[quote["start"] : quote["end"]] == quote["text"]


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("{", {"id": None, "error": "not valid JSON"}),
        ("[" * 100_000, {"id": None, "error": "not valid JSON"}),
        ("[]", {"id": None, "error": "not a JSON object"}),
        ('{"title": "x"}', {"id": None, "error": 'lacks an "id"'}),
        ('{"id": "x"}', {"id": "x", "error": 'lacks a "title"'}),
        ('{"id": "x", "title": 5}', {"id": "x", "error": 'lacks a "title"'}),
        ('{"id": "x", "title": "t", "summary": []}', {"id": "x", "error": '"summary" must be'}),
    ],
)
def test_match_goes_on_after_a_useless_line(monitor, text, answer):
    """A line that cannot be used gets an error line; the next ones are read, and it exits 1."""
    done = monitor("match", lines=[text, FINED])

    wrong, right = answers(done)
    assert done.returncode == 1
    assert wrong["id"] == answer["id"]
    assert wrong["error"].startswith(answer["error"])
    assert right["matches"]


def test_match_all_says_why_not(monitor):
    """With --all, what was found and not reported is printed with the reason."""
    lines = [{"id": 1, "title": "Tencent-backed grocer plans IPO"}]

    [quiet] = answers(monitor("match", lines=lines))
    [told] = answers(monitor("match", "--all", lines=lines))

    assert quiet["matches"] == []
    assert [match["rejected"] for match in told["matches"]] == [
        "named only as an owner, backer or rival"
    ]
    assert all({"rule", "value"} == set(part) for part in told["matches"][0]["parts"])


def test_match_uses_the_configuration(monitor, tmp_path):
    """A company defined in place is found; a feed of one company binds it."""
    tmp_path.joinpath("desk.yaml").write_text(
        "companies: [{id: acme, name: Acme, aliases: [Acme Corp, 艾克米]}]\n"
        "topics: [antitrust]\n"
        "feeds: [{id: filings, url: 'https://feeds.example.com/acme', company: acme}]\n",
        "utf-8",
    )
    lines = [
        {"id": 1, "title": "艾克米遭反垄断调查"},
        {"id": 2, "title": "Antitrust notice", "feed": "filings"},
        {"id": 3, "title": "Antitrust notice", "feed": "other"},
    ]

    done = monitor("match", "--config", "desk.yaml", lines=lines)

    found = [[match["company"] for match in answer["matches"]] for answer in answers(done)]
    assert found == [["acme"], ["acme"], []]


def test_match_names_a_missing_file(monitor):
    """A file that is not there is a failure of the work, said in one line."""
    done = monitor("match", "nowhere.ndjson")

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "monitor: nowhere.ndjson: No such file or directory\n"


def test_group_survives_odd_dates(monitor):
    """A date at either end of the calendar is none, and the items are grouped all the same."""
    dates = ("0001-01-01", "9999-12-31", "Fri, 31 Dec 9999 23:59:59 -2359")
    items = [{"id": at, "title": FINED["title"], "published": at} for at in dates]
    assert {told["story"] for told in answers(monitor("group", lines=items))} == {"s1"}


def test_group_names_stories(monitor):
    """Items about one thing share a story; an item without a hit has none."""
    again = {"id": "b", "title": "Alibaba is fined $2.8bn in antitrust case | Courier"}
    done = monitor("group", lines=[FINED, NOTHING, again, "oops"])

    first, none, second, wrong = answers(done)
    assert done.returncode == 1
    assert first == {"id": "a", "story": "s1"}
    assert none == {"id": "c", "story": None}
    assert second == {"id": "b", "story": "s1"}
    assert wrong["error"].startswith("not valid JSON")


@pytest.mark.parametrize(
    ("one", "two", "same"),
    [
        ("2026-11-01", "2026-11-02T10:00:00Z", True),
        ("2026-11-01", "2026-11-20", False),
        ("2026-11", "Mon, 02 Nov 2026 10:00:00 GMT", True),
        ("2026", "2026-11-02", True),
        ("2025", "2026-11-02", False),
        ("soon", None, True),
    ],
)
def test_group_reads_dates(monitor, one, two, same):
    """Stories are of one time; dates come as feeds and archives write them."""
    retold = FINED | {"title": "Watchdog hits Alibaba with antitrust fine", "published": two}
    lines = [FINED | {"published": one}, retold]

    first, second = answers(monitor("group", lines=lines))

    assert (first["story"] == second["story"]) is same


LABELLED = [
    FINED | {"labels": [{"company": "alibaba", "topic": "antitrust"}], "story": "x"},
    {"id": "d", "title": "Baidu IPO", "lang": "en", "labels": [], "story": "y"},
    HTML | {"labels": [], "optional": [{"company": "baidu", "event": "ipo"}]},
    NOTHING
    | {
        "labels": [{"company": "xiaomi", "event": "ipo"}],
        "needs_context": True,
        "lang": "zh",
        "story": "x",
    },
]


def test_eval_scores(monitor):
    """Detection is scored over all, without context and by group; grouping where stories are."""
    done = monitor("eval", "-", "--format", "json", "--by", "lang", lines=LABELLED)

    report = json.loads(done.stdout)
    assert done.returncode == 0
    assert {name: report[name] for name in ("precision", "recall", "f1", "items")} == {
        "precision": 0.5, "recall": 0.5, "f1": 0.5, "items": 4,
    }  # fmt: skip
    counts = ("true_positives", "false_positives", "false_negatives")
    assert [report[name] for name in counts] == [1, 1, 1]
    assert report["without_context"]["recall"] == 1
    assert {key: group["items"] for key, group in report["groups"].items()} == {
        "en": 2, "unknown": 1, "zh": 1,
    }  # fmt: skip
    assert report["grouping"]["items"] == 3
    assert report["grouping"]["precision"] == 1


def test_eval_table_and_errors(monitor):
    """The table is for people; --errors names every wrong pair with its item."""
    done = monitor("eval", "-", "--errors", "--by", "topic", lines=LABELLED)

    assert "without context" in done.stdout
    assert "grouping (B-cubed)" in done.stdout
    assert "d  false positive  baidu/ipo  Baidu IPO" in done.stdout
    assert "c  false negative  xiaomi/ipo  A quiet day" in done.stdout


TOLD = {
    "id": "t",
    "title": "Alibaba fined $2.8 billion in antitrust case on 10 April 2021",
    "labels": [
        {
            "company": "alibaba",
            "topic": "antitrust",
            "stage": ["decision", "fine"],
            "regulator": "samr",
            "amounts": [{"value": "2.8e9", "currency": "USD"}, {"value": 1, "currency": "EUR"}],
        }
    ],
}


def test_eval_scores_fields(monitor):
    """Where a label names the fields of a pair they are scored too, each by itself."""
    done = monitor("eval", "-", "--format", "json", lines=[TOLD, *LABELLED])

    fields = json.loads(done.stdout)["fields"]
    assert list(fields) == ["stage", "regulator", "amounts"]
    assert (fields["stage"]["precision"], fields["stage"]["recall"]) == (1, 1)
    assert (fields["regulator"]["told"], fields["regulator"]["needed"]) == (0, 1)
    assert (fields["amounts"]["precision"], fields["amounts"]["recall"]) == (1, 0.5)


def test_eval_names_wrong_fields(monitor):
    """--errors says what was told of a field and what should have been."""
    done = monitor("eval", "-", "--errors", "--format", "table", lines=[TOLD])

    assert "t  missed regulator: -, not samr  alibaba/antitrust" in done.stdout
    assert "t  missed amounts: 2800000000 USD, not 2800000000 USD, 1 EUR" in done.stdout


@pytest.mark.parametrize(
    "labels",
    [
        {},
        {"labels": "x"},
        {"labels": [{"company": "acme"}]},
        {"labels": [{"company": "acme", "topic": "ipo", "stage": 1}]},
        {"labels": [{"company": "acme", "topic": "ipo", "amounts": ["$5"]}]},
        {"labels": [{"company": "acme", "topic": "ipo", "amounts": [{"value": "x"}]}]},
    ],
)
def test_eval_names_a_useless_line(monitor, labels):
    """A line without proper labels is named on stderr and left out, and the run exits 1."""
    done = monitor("eval", "-", "--format", "json", lines=[*LABELLED, FINED | labels])

    assert done.returncode == 1
    assert json.loads(done.stdout)["items"] == 4
    assert done.stderr.startswith("-:5: ")
    assert any(name in done.stderr for name in ("labels", "stage", "amounts"))


MANY = [
    FINED | {"id": at} if at % 3 else {"id": at, "title": "Tencent-backed grocer plans IPO"}
    for at in range(900)
]


def test_match_jobs_give_the_same_lines(monitor):
    """Several processes answer as one does, in the same order, useless lines included."""
    lines = [*MANY, "oops", "", *MANY]

    alone = monitor("match", "--all", lines=lines)
    together = monitor("match", "--all", "--jobs", "3", lines=lines)

    assert together.stdout == alone.stdout
    assert len(answers(together)) == 2 * len(MANY) + 1
    assert (together.returncode, together.stderr) == (1, "")


def test_match_jobs_on_every_core(monitor):
    """0 stands for as many processes as there are cores; nothing in, nothing out."""
    done = monitor("match", "--jobs", "0", lines=[FINED])

    assert (done.returncode, len(answers(done)), done.stderr) == (0, 1, "")
    assert monitor("match", "--jobs", "2").stdout == ""
    assert monitor("match", "--jobs", "-1").returncode == 2


QUIET = [{"id": at, "title": "A quiet day"} for at in range(2200)]  # answers that fill no pipe
MORE = 500  # so many that both processes are asked again


@pytest.fixture
def at_work():
    """Return a run of two processes that has answered the first items and waits for more."""
    # Tests that were started in the background ignore Ctrl-C, and would hand that on.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    with subprocess.Popen(
        [sys.executable, "-m", "monitor", "match", "--jobs", "2"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        signal.signal(signal.SIGINT, before)
        try:
            process.stdin.write("".join(f"{json.dumps(item)}\n" for item in QUIET).encode())
            process.stdin.flush()
            assert json.loads(process.stdout.readline())["id"] == 0
            yield process
        finally:
            process.kill()


def children(process):
    """Return the numbers of the processes that share the work, not those that Python adds."""
    listed = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    commands = {int(number): Path(f"/proc/{number}/cmdline").read_bytes() for number in listed}
    return [number for number, command in commands.items() if b"spawn_main" in command]


def test_match_reports_a_killed_child(at_work):
    """A child that is killed ends the run with a sentence, and no answer is out of order."""
    one, _ = children(at_work)
    os.kill(one, signal.SIGKILL)

    with suppress(BrokenPipeError):  # it may have ended already
        more = "".join(f"{json.dumps(item)}\n" for item in QUIET[:MORE])
        os.write(at_work.stdin.fileno(), more.encode())
    at_work.stdin.close()
    told = [0, *(json.loads(text)["id"] for text in at_work.stdout)]

    assert at_work.wait() == 1
    assert told == [item["id"] for item in (QUIET + QUIET[:MORE])[: len(told)]]
    assert at_work.stderr.read().decode() == (
        "monitor: a process was killed (SIGKILL); "
        f"the items after the first {len(told)} have no answer\n"
    )


def test_match_ends_with_ctrl_c(at_work):
    """Ctrl-C, which a terminal sends to all of them, ends all of them without a word."""
    two = children(at_work)
    os.killpg(at_work.pid, signal.SIGINT)

    _, errors = at_work.communicate()

    assert (at_work.returncode, errors) == (130, b"")
    assert not any(Path(f"/proc/{number}").exists() for number in two)


def test_match_children_do_not_outlive_their_parent(at_work):
    """Where the parent is killed its children end by themselves: they hold its output open."""
    at_work.kill()

    assert at_work.stdout.read() is not None
    assert at_work.wait() == -signal.SIGKILL
