"""The rule bench and previews over real HTTP: what is tried changes nothing and reads no file."""

import os
import re
import signal
import time

import pytest
from stored import contents, put
from test_aside import gone
from test_behind import started
from websites import PASSWORD, form_value, put_user, website

from monitor.pipeline.group import group_new
from monitor.web import backtests, rules

RULES = """
companies:
  - id: acme
    name: Acme
topics:
  - id: rain
    name: Rain
    keywords: [rain fine]
"""


@pytest.fixture
def site(tmp_path, empty_database, clock):
    with website(tmp_path, empty_database, clock) as served:
        app = served.app
        titles = ["Alibaba fined $2.8bn in antitrust probe", "Acme gets a rain fine"]
        put(app.store, titles, lexicon=app.lexicon, now=clock.now())
        group_new(app.store)
        put_user(app, "ann", "reviewer")
        put_user(app, "rob", "reader")
        served.cookie = served.log_in("ann", PASSWORD)
        yield served


def bench(site, do="try", **fields):
    """Send the form of the bench as a browser does."""
    page = site.ask("/rules/", cookie=site.cookie)
    form = {"form": form_value(page), "do": do, "rules": RULES, "title": "", "text": ""}
    return site.post_form("/rules/", form | fields, cookie=site.cookie)


def test_a_text_under_the_present_rules(site):
    """The bench starts with the rules in force; a text shows what matches, marked, and why."""
    page = site.ask("/rules/", cookie=site.cookie)
    assert "- alibaba" in page.text
    rules = "companies: [alibaba]\ntopics: [antitrust]\n"

    shown = bench(site, title="阿里巴巴因垄断行为被罚款 <b>", text="", rules=rules)

    assert shown.status == 200
    assert "<mark>阿里巴巴</mark>" in shown.text
    assert "alibaba." in shown.text
    assert "&lt;b&gt;" in shown.text
    assert "a hit" in shown.text


def test_changed_rules(site):
    """Rules that are written here find what they say, and what matches nothing is told."""
    shown = bench(site, title="Acme gets a rain fine").text
    assert "<mark>Acme</mark>" in shown
    assert "rain.en.rain-fine" in shown or "rain fine" in shown
    silent = bench(site, title="Nobody did anything").text
    assert "no spelling of a company that is watched" in silent


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        ("companies: [alibaba", "expected"),
        ("[]", "must be a mapping"),
        ("feeds: [x]", "only `companies` and `topics` can be tried"),
        ("companies: []", "must be a list"),
        ("companies: [/etc/passwd.yaml]", "files cannot be read here"),
        ("companies: [../../secret.yaml]", "files cannot be read here"),
        ("companies: [nobody-has-this]", "nobody-has-this"),
        ("topics: ['${HOME}']", "${HOME}"),
        ("a: &a [x,x]\nb: &b [*a,*a]\n", "only `companies`"),
    ],
)
def test_rules_that_cannot_be_used(site, rules, said):
    """A mistake is told with its line; no file and no variable of the machine is read."""
    shown = bench(site, rules=rules, title="x")
    assert shown.status == 400
    assert said in shown.text
    assert "root:" not in shown.text


def test_a_topic_by_a_query(site):
    """A query's words are marked, those of one that is not answered told; a mistake has carets."""
    rules = "companies: [ant]\ntopics: [{name: Halted, queries: [IPO NEAR/8 (suspend* OR 暂缓)]}]\n"

    shown = bench(site, title="螞蟻集團IPO被暫緩", rules=rules).text
    assert "<mark>螞蟻集團</mark><mark>IPO</mark>被<mark>暫緩</mark>" in shown
    assert "a hit" in shown
    silent = bench(site, title="Ant Group has an IPO", rules=rules).text
    assert "the rest of its query is not answered" in silent
    wrong = bench(site, title="x", rules=rules.replace("暂缓)", "暂缓"))
    assert wrong.status == 400
    assert "this bracket is never closed" in wrong.text
    assert "\n             ^</pre>" in wrong.text


def test_it_is_bounded(site):
    """Too much text is turned away."""
    assert bench(site, title="x" * 20_001).status == 413
    assert bench(site, rules="#" * 40_001).status == 413


def ended(site, begun):
    """Return the page of a backtest once it is over."""
    assert begun.status == 303
    until = time.monotonic() + 60
    while (shown := site.ask(begun.headers["Location"], cookie=site.cookie)).headers["Refresh"]:
        assert time.monotonic() < until
        time.sleep(0.05)
    return shown.text


def test_a_backtest_that_fails_says_so(site):
    """What it meets is logged, its page tells that it failed, and another can be begun."""
    with site.app.store.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE revisions RENAME TO revisions_away")
    try:
        shown = ended(site, bench(site, "backtest", days="30"))
        assert '<span class="state state-failed">failed</span>' in shown
        assert "was ended" not in shown, "nobody ended it"
    finally:
        with site.app.store.begin() as connection:
            connection.exec_driver_sql("ALTER TABLE revisions_away RENAME TO revisions")
    assert "2 of 2 articles" in ended(site, bench(site, "backtest", days="30"))


def under_way(site):
    """Begin a backtest; return its answer and its process, which hangs."""
    begun = bench(site, "backtest", days="30")
    pid = started()
    os.kill(pid, signal.SIGSTOP)
    assert "running" in site.ask(begun.headers["Location"], cookie=site.cookie).text
    return begun, pid


def test_a_backtest_that_is_killed_says_so(site):
    """Killed in the middle, its page says so, and another can be begun."""
    begun, pid = under_way(site)
    os.kill(pid, signal.SIGKILL)
    shown = ended(site, begun)
    assert '<span class="state state-failed">failed</span>' in shown
    assert "was ended or took too long" in shown
    assert "2 of 2 articles" in ended(site, bench(site, "backtest", days="30"))


def test_a_backtest_is_ended_from_its_page(site):
    """Even one that hangs is ended at once, with its process; only one is under way at a time."""
    begun, pid = under_way(site)
    assert bench(site, "backtest", days="30").status == 409
    there = begun.headers["Location"]
    form = {"form": form_value(site.ask(there, cookie=site.cookie))}
    assert site.post_form(there, form, cookie=site.cookie).status == 303
    assert "cancelled" in ended(site, begun)
    assert gone(pid)


def test_a_backtest_that_ends_while_its_page_is_made(site, monkeypatch):
    """A page that says it is running loads itself again, whatever has become of it since."""
    make = rules.page

    def slowly(request, template, **given):
        made = make(request, template, **given)
        if "run" in given:
            given["run"].state = backtests.State.DONE
        return made

    monkeypatch.setattr(rules, "page", slowly)
    there = bench(site, "backtest", days="30").headers["Location"]
    shown = site.ask(there, cookie=site.cookie)

    assert ("running" in shown.text) is bool(shown.headers["Refresh"])


def test_a_backtest(site):
    """A backtest runs beside the pages, tells its progress and its outcome, and changes nothing."""
    before = contents(site.app.store)

    begun = bench(site, "backtest", days="30")

    assert begun.status == 303
    there = begun.headers["Location"]
    until = time.monotonic() + 60
    while (shown := site.ask(there, cookie=site.cookie)).headers["Refresh"]:
        assert "running" in shown.text
        assert time.monotonic() < until
        time.sleep(0.05)
    assert "2 of 2 articles" in shown.text
    assert "Acme gets a rain fine" in shown.text, "it would be added"
    assert "Alibaba fined" in shown.text, "it would be removed"
    assert there in site.ask("/rules/", cookie=site.cookie).text
    after = contents(site.app.store)
    assert before == {**after, "logins": before["logins"]}
    assert site.ask("/rules/backtests/nobody", cookie=site.cookie).status == 404


def test_readers_have_no_bench(site):
    """Rules are tried by reviewers alone."""
    cookie = site.log_in("rob", PASSWORD)
    assert site.ask("/rules/", cookie=cookie).status == 403
    assert site.ask("/rules/backtests/x", cookie=cookie).status == 403


def test_a_preview(site):
    """A subscription shows what it would be sent now, in a frame that can do nothing."""
    before = contents(site.app.store)

    listed = site.ask("/subscriptions/", cookie=site.cookie).text
    shown = site.ask("/subscriptions/daily", cookie=site.cookie).text
    frame = site.ask("/subscriptions/daily/html", cookie=site.cookie)

    assert 'href="/subscriptions/daily"' in listed
    assert "李明@example.com" in shown
    words = re.sub("<[^>]+>", "", frame.text)
    assert "Alibaba fined $2.8bn" in words
    assert "sandbox" in frame.headers["Content-Security-Policy"]
    assert frame.headers["X-Frame-Options"] == "SAMEORIGIN"
    assert site.ask("/subscriptions/nobody", cookie=site.cookie).status == 404
    assert contents(site.app.store) == before


def test_a_site_that_ends_ends_its_backtest(tmp_path, empty_database, clock):
    """A backtest that is under way when the service stops is ended, with its process."""
    with website(tmp_path, empty_database, clock) as site:
        put_user(site.app, "ann", "reviewer")
        site.cookie = site.log_in("ann", PASSWORD)
        _, pid = under_way(site)
    assert gone(pid)
