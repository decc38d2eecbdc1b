"""Saved searches over real HTTP: reviewers save and remove them, readers run them."""

import re
from html import unescape
from urllib.parse import quote

import pytest
from stored import contents, put
from websites import PASSWORD, cookies_of, form_value, put_token, put_user, website

from monitor.pipeline.group import group_new
from monitor.store import searches
from monitor.store.engine import reading

FINE = "Alibaba fined $2.8bn in antitrust probe"
CHINESE = "市场监管总局对腾讯作出反垄断行政处罚，罚款50万元"


@pytest.fixture
def site(tmp_path, empty_database, clock):
    with website(tmp_path, empty_database, clock) as served:
        app = served.app
        put(app.store, [FINE, CHINESE], lexicon=app.lexicon, now=clock.now())
        group_new(app.store)
        put_user(app, "ann", "reviewer")
        put_user(app, "rob", "reader")
        served.cookie = served.log_in("ann", PASSWORD)
        yield served


def kept(site):
    with reading(site.app.store) as connection:
        found = searches.listed(connection, after=0, limit=1000)
    return [(it.name, it.query, it.kind, it.who) for it in found]


def save(site, name, query, kind="articles", path="/search/?q=x"):
    """Save a search as the form of the search page does."""
    form = {"form": form_value(site.ask(path, cookie=site.cookie))}
    fields = form | {"name": name, "q": query, "in": kind}
    return site.post_form("/searches/", fields, cookie=site.cookie)


def test_saved_run_and_removed(site):
    """The present search is saved under a name, runs with one click, and is removed."""
    page = site.ask("/search/?q=" + quote("反垄断 <b>") + "&in=stories", cookie=site.cookie).text
    assert 'name="q" value="反垄断 &lt;b&gt;"' in page
    assert 'name="in" value="stories"' in page

    done = save(site, " 罚款\n<b> ", "罚款 company:tencent", "stories")

    assert (done.status, done.headers["Location"]) == (303, "/searches/?done=1")
    assert kept(site) == [("罚款 <b>", "罚款 company:tencent", "stories", "ann")]
    listed = site.ask("/searches/?done=1", cookie=site.cookie).text
    assert "Saved:" in listed
    assert "<b>" not in listed
    run = unescape(re.search(r'<h2 class="headline"><a href="([^"]+)">', listed)[1])
    assert run.endswith("in=stories")
    assert "市场监管总局" in site.ask(run, cookie=site.cookie).text
    form = {"form": form_value(site.ask("/searches/", cookie=site.cookie))}
    assert site.post_form("/searches/1", form, cookie=site.cookie).status == 303
    assert kept(site) == []
    assert site.post_form("/searches/1", form, cookie=site.cookie).status == 404
    assert site.post_form(f"/searches/{2**70}", form, cookie=site.cookie).status == 404


def test_the_api_has_the_same(site):
    """What a program saved stands on the page, and a search of hits shows hits."""
    token = put_token(site.app, "desk", "review")
    body = '{"name": "fines", "query": "stage:fine", "kind": "hits"}'
    sent = site.post(
        "/api/v1/searches",
        body.encode(),
        content_type="application/json",
        authorization=f"Bearer {token}",
    )
    assert sent.status == 201
    page = site.ask("/searches/", cookie=site.cookie).text
    assert "desk (token)" in page
    run = "/search/?q=stage%3Afine&in=hits"
    assert f'href="{run.replace("&", "&amp;")}"' in page
    shown = site.ask(run, cookie=site.cookie).text
    assert "<mark>Alibaba</mark>" in shown, "what the hit quotes"
    assert "<mark>腾讯</mark>" in shown
    assert '<option value="hits" selected>' in shown
    assert 'name="in" value="hits"' in shown
    assert save(site, "more", "stage:fine", "hits").status == 303
    assert kept(site)[-1] == ("more", "stage:fine", "hits", "ann")


@pytest.mark.parametrize(
    ("name", "query", "status"),
    [
        ("", "fine", 400),
        ("x" * 101, "fine", 400),
        ("taken", "fine", 409),
        ("one", "", 400),
        ("one", "(fine", 400),
        ("one", "fine " * 300, 400),
    ],
)
def test_what_cannot_be_saved(site, name, query, status):
    """A name that is taken or none, and a query that cannot be read, are told; nothing is kept."""
    save(site, "taken", "stage:fine")
    before = kept(site)
    answer = save(site, name, query)
    assert answer.status == status
    assert 'role="alert"' in answer.text
    assert kept(site) == before


def test_readers_only_run(site):
    """A reader, a stranger and a form from elsewhere change nothing; a reader sees no button."""
    save(site, "fines", "stage:fine")
    form = {"form": form_value(site.ask("/searches/", cookie=site.cookie))}
    before = contents(site.app.store)["searches"]
    reader = site.log_in("rob", PASSWORD)

    page = site.ask("/searches/", cookie=reader).text
    assert "fines" in page
    assert 'action="/searches' not in page
    assert 'action="/searches' not in site.ask("/search/?q=x", cookie=reader).text
    more = {"name": "two", "q": "fine"}
    for path, fields in (("/searches/", form | more), ("/searches/1", form)):
        assert site.post_form(path, fields, cookie=reader).status == 403
        assert site.post_form(path, fields).status == 403
        bare = {name: it for name, it in fields.items() if name != "form"}
        assert site.post_form(path, bare, cookie=site.cookie).status == 403
    assert site.ask("/searches/", cookie=cookies_of(site.ask("/login"))).status == 303
    assert contents(site.app.store)["searches"] == before


def test_many(site, clock):
    """More than a page holds are all reached, each once."""
    with site.app.store.begin() as connection:
        for number in range(230):
            searches.add(
                connection,
                name=f"name {number}",
                query="fine",
                kind="articles",
                who="ann",
                now=clock.now(),
            )
    seen, path = [], "/searches/"
    while path:
        page = site.ask(path, cookie=site.cookie).text
        seen += re.findall(r"<bdi>(name \d+)</bdi></a>", page)
        more = re.search(r'<p class="more"><a href="(\?after=\d+)">', page)
        path = more and f"/searches/{more[1]}"
    assert seen == [f"name {number}" for number in range(230)]
