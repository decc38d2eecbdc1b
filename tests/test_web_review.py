"""The review queue over real HTTP: who may give verdicts, what is kept, and what they say."""

import json
import subprocess
import sys
from datetime import timedelta

import pytest
from sqlalchemy import select
from stored import put
from websites import PASSWORD, cookies_of, form_value, put_user, website

from monitor.model import Review, Verdict
from monitor.pipeline.group import group_new
from monitor.store import reviews
from monitor.store import schema as t
from monitor.store.audit import verify
from monitor.store.engine import reading
from monitor.store.precision import BY, precision

TITLES = (
    "Alibaba fined $2.8bn in antitrust probe",
    "市场监管总局对腾讯作出反垄断行政处罚，罚款50万元",
    "Ant Group IPO suspended",
)


@pytest.fixture
def site(tmp_path, empty_database, clock):
    with website(tmp_path, empty_database, clock) as served:
        app = served.app
        put(app.store, TITLES, lexicon=app.lexicon, now=clock.now())
        group_new(app.store)
        for role in ("reader", "reviewer"):
            put_user(app, role, role)
        yield served


def given(site):
    with reading(site.app.store) as connection:
        its = t.reviews.c
        query = select(its.hit_id, its.verdict, its.who, its.note).order_by(its.id)
        return [tuple(row) for row in connection.execute(query)]


def judge(site, hit, cookie, **fields):
    """Give a verdict as the form of the queue does."""
    page = site.ask("/review/", cookie=cookie)
    form = {"form": form_value(page), "here": "", **fields}
    return site.post_form(f"/review/{hit}", form, cookie=cookie)


def test_a_verdict_is_kept_with_its_name(site):
    """A reviewer's verdict is kept with who and when, and the hit waits no more; none is lost."""
    cookie = site.log_in("reviewer", PASSWORD)
    assert site.ask("/review/", cookie=cookie).text.count('class="review"') == 3

    answer = judge(site, 2, cookie, verdict="relevant", note="  a fine ", next="1")

    assert answer.status == 303
    assert answer.headers["Location"] == "/review/?done=2#hit-1"
    page = site.ask("/review/?done=2", cookie=cookie).text
    assert page.count('class="review"') == 2
    assert "Hit 2: relevant, says reviewer." in page
    judge(site, 2, cookie, verdict="duplicate")
    assert given(site) == [
        (2, "relevant", "reviewer", "a fine"),
        (2, "duplicate", "reviewer", None),
    ]
    history = site.ask("/review/2", cookie=cookie).text
    assert history.index("duplicate <span") < history.index("a fine")
    with reading(site.app.store) as connection:
        assert verify(connection).flaws == ()


def test_only_reviewers_judge(site):
    """A reader, a stranger and a form of another browser change nothing."""
    reader, reviewer = (site.log_in(name, PASSWORD) for name in ("reader", "reviewer"))
    page = site.ask("/review/", cookie=reviewer)
    form = {"form": form_value(page), "verdict": "relevant"}

    assert site.ask("/review/", cookie=reader).status == 403
    assert site.post_form("/review/1", form, cookie=reader).status == 403
    assert site.post_form("/review/1", form).status == 403
    assert site.post_form("/review/1", {"verdict": "relevant"}, cookie=reviewer).status == 403
    other = site.log_in("reviewer", PASSWORD)
    assert site.post_form("/review/1", form, cookie=other).status == 403
    assert site.ask("/review/", cookie=cookies_of(page)).status == 303
    assert given(site) == []
    assert 'href="/review/"' not in site.ask("/", cookie=reader).text


@pytest.mark.parametrize(
    ("hit", "fields", "status"),
    [
        (1, {"verdict": "splendid"}, 400),
        (1, {}, 400),
        (1, {"verdict": "relevant", "note": "x" * 2001}, 400),
        (99, {"verdict": "relevant"}, 404),
        (2**70, {"verdict": "relevant"}, 404),
    ],
)
def test_odd_verdicts(site, hit, fields, status):
    """What is no verdict, or on no hit, is turned away and leaves nothing."""
    cookie = site.log_in("reviewer", PASSWORD)
    assert judge(site, hit, cookie, **fields).status == status
    assert given(site) == []
    assert site.ask("/review/99", cookie=cookie).status == 404


def test_the_way_back_leads_nowhere_else(site):
    """Whatever a form says of where it came from, the answer leads to the queue."""
    cookie = site.log_in("reviewer", PASSWORD)
    here = "company=ant&evil=//x.example&before=9"
    answer = judge(site, 3, cookie, verdict="relevant", here=here, next="//x.example")
    assert answer.headers["Location"] == "/review/?company=ant&before=9&done=3"


def test_the_queue_is_narrowed(site):
    """The filters of lists hold for the queue as well."""
    cookie = site.log_in("reviewer", PASSWORD)
    page = site.ask("/review/?topic=ipo", cookie=cookie).text
    assert page.count('class="review"') == 1
    assert 'name="here" value="topic=ipo"' in page


def test_only_its_own_script(site):
    """The pages of the queue may run the one script of ours, and nothing else anywhere."""
    cookie = site.log_in("reviewer", PASSWORD)
    policy = site.ask("/review/", cookie=cookie).headers["Content-Security-Policy"]
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    assert "script" not in site.ask("/", cookie=cookie).headers["Content-Security-Policy"]
    assert site.ask("/static/review.js").headers["Content-Type"].startswith("text/javascript")


def test_precision(site, clock):
    """Verdicts tell how often hits were right, by each kind; the latest of a hit counts alone."""
    verdicts = ((1, Verdict.IRRELEVANT), (1, Verdict.RELEVANT), (2, Verdict.DUPLICATE))
    with site.app.store.begin() as connection:
        for hit, verdict in (*verdicts, (3, Verdict.IRRELEVANT)):
            reviews.add(connection, Review(hit, verdict, "ana", clock.now()))
    with reading(site.app.store) as connection:
        found = {by: precision(connection, by) for by in BY}
        later = precision(connection, "topic", since=clock.now() + timedelta(days=1))
    figures = {it.key: (it.relevant, it.irrelevant, it.duplicate) for it in found["topic"]}
    assert figures == {"ipo": (0, 1, 0), "antitrust": (1, 0, 1)}
    assert found["topic"][0].key == "ipo", "the worst comes first"
    assert [it.precision for it in found["topic"]] == [0.0, 1.0]
    assert [(it.key, it.verdicts) for it in found["feed"]] == [("a", 3)]
    spellings = {it.key: it.verdicts for it in found["spelling"]}
    assert set(spellings.values()) == {1} or 2 in spellings.values()
    assert any(key.startswith("alibaba.") for key in spellings)
    assert later == []

    cookie = site.log_in("reader", PASSWORD)
    page = site.ask("/review/precision?by=topic&days=30", cookie=cookie).text
    assert "0 %" in page
    assert "100 %" in page
    for odd in ("by=x'", "days=-1", "by=feed&days=9999"):
        assert site.ask(f"/review/precision?{odd}", cookie=cookie).status == 200


def test_the_command(tmp_path):
    """`monitor review precision` prints the same, and takes no verdict."""
    (tmp_path / "config.yaml").write_text("feeds: []\n", "utf-8")

    def run(*words):
        command = [sys.executable, "-m", "monitor", *words]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout, done.stderr

    assert run("db", "upgrade")[0] == 0
    code, out, _ = run("review", "precision", "--by", "feed", "--format", "json")
    assert (code, json.loads(out)) == (0, [])
    assert run("review", "precision", "relevant")[0] == 2
    code, _, err = run("review", "17")
    assert code == 2
    assert "is given a verdict" in err
