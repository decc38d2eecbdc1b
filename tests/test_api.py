"""The HTTP API over real HTTP: what it gives, page by page, and what it changes."""

import json
from datetime import datetime, timedelta
from urllib.parse import urlencode

import pytest
from stored import put
from websites import put_digest, put_token, put_user, website

from monitor.model import LeftBy
from monitor.pipeline.group import group_new
from monitor.store import few, queries, suppressions
from monitor.store import pages as answered
from monitor.web.api import shapes
from monitor.web.api.endpoints import CALLS, ROOT

TITLES = [
    "China's market regulator fines Alibaba $2.8 billion in antitrust case",
    "市场监管总局对腾讯控股作出反垄断行政处罚，罚款50万元",
    "Ant Group IPO suspended by Shanghai exchange",
    "Alibaba fined again in antitrust case, regulator says",
    "Weather in Hangzhou is fine",
]


@pytest.fixture
def site(tmp_path, empty_database, clock):
    with website(tmp_path, empty_database, clock) as served:
        app = served.app
        for title in TITLES:
            put(app.store, [title], lexicon=app.lexicon, now=clock.now())
            clock.at += timedelta(minutes=1)
        group_new(app.store)
        put_digest(app, "desk@example.com")
        put_user(app, "ann")
        served.reader = f"Bearer {put_token(app, 'robot')}"
        served.reviewer = f"Bearer {put_token(app, 'desk', 'review')}"
        yield served


def get(site, path, **headers):
    answer = site.ask(ROOT + path, authorization=site.reader, **headers)
    assert answer.status == 200, answer.text
    return answer.data


def send(site, method, path, body, token=None, kind="application/json"):
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return site.ask(
        ROOT + path,
        method=method,
        body=raw,
        content_type=kind,
        authorization=token or site.reviewer,
    )


def everything(site, path, limit=1):
    """Return all items of a list, asked for a page at a time, and how many pages there were."""
    items, pages, cursor = [], 0, None
    mark = "&" if "?" in path else "?"
    while pages < 50:
        at = f"{path}{mark}limit={limit}" + (f"&cursor={cursor}" if cursor else "")
        page = get(site, at)
        assert len(page["items"]) <= limit
        items += page["items"]
        pages += 1
        cursor = page["next"]
        if cursor is None:
            break
    return items, pages


LISTS = (
    *("/hits", "/stories", "/articles", "/feeds", "/digests", "/reviews", "/searches"),
    *("/companies", "/subscriptions"),
)


@pytest.mark.parametrize("path", LISTS)
def test_pages_have_everything_once(site, path):
    """Page by page a list gives what it gives at once, in the same order."""
    for hit in (1, 2, 1):
        send(site, "POST", "/reviews", {"hit_id": hit, "verdict": "relevant"})
        send(site, "POST", "/searches", {"name": f"s{hit}", "query": "fine"})
    for number in (2, 3):
        put_digest(site.app, number=number, slot=site.app.clock.now() + timedelta(days=number))

    whole = get(site, f"{path}?limit=200")

    assert whole["next"] is None
    if path != "/feeds":
        assert len(whole["items"]) >= 2
    one_by_one, pages = everything(site, path)
    assert one_by_one == whole["items"]
    assert pages == len(one_by_one)


@pytest.mark.parametrize("kind", ["hits", "stories", "articles"])
@pytest.mark.parametrize(
    "query", ["fine OR 罚款 OR IPO", "alibaba", "company:tencent", "NOT weather", "amount>1bn"]
)
def test_answers_come_in_pages_too(site, kind, query):
    """A query's answers are those the command gives, once each, however small the page."""
    path = f"/{kind}?{urlencode({'q': query})}"
    whole = get(site, f"{path}&limit=200")
    assert whole["items"] != []
    assert whole["next"] is None
    one_by_one, _ = everything(site, path)
    assert one_by_one == whole["items"]


@pytest.mark.parametrize("kind", ["hits", "stories", "articles"])
@pytest.mark.parametrize("query", ["alibaba", "fine NOT company:ant", "NOT weather"])
def test_a_page_looks_at_so_many_articles(site, monkeypatch, kind, query):
    """A page that has looked at enough ends with a cursor, whatever it found; nothing is lost."""
    path = f"/{kind}?{urlencode({'q': query})}"
    whole = get(site, f"{path}&limit=200")["items"]
    monkeypatch.setattr(answered, "LOOKED_AT", 1)
    in_parts, pages = everything(site, path, limit=200)
    assert in_parts == whole
    assert pages > 1
    assert get(site, f"{path}&company=ant&topic=antitrust&stage=fine")["items"] == []


@pytest.mark.parametrize("path", ["/articles?topic=antitrust", "/articles?company=ant&stage=fine"])
@pytest.mark.parametrize("more", ["", "&min_score=0.1", "&q=alibaba"])
def test_few_and_many_of_a_kind(site, monkeypatch, path, more):
    """A list is the same whether hits of the kind are looked up or met on the way."""
    looked_up = get(site, path + more)["items"]
    monkeypatch.setattr(few, "FEW", 0)
    assert get(site, path + more)["items"] == looked_up


def test_what_comes_in_meanwhile_shifts_nothing(site, clock):
    """A page begins behind the row before it, whatever is new."""
    first = get(site, "/hits?limit=2")
    put(
        site.app.store,
        ["Baidu fined", "Alibaba fined in antitrust probe by SAMR"],
        lexicon=site.app.lexicon,
        now=clock.now(),
    )
    second = get(site, f"/hits?limit=200&cursor={first['next']}")
    numbers = [it["hit_id"] for it in first["items"] + second["items"]]
    assert numbers == sorted(numbers, reverse=True)
    assert len(set(numbers)) == len(numbers) == 4


def test_filters(site):
    """A list is limited as the pages are."""
    assert {it["company"] for it in get(site, "/hits?company=alibaba")["items"]} == {"alibaba"}
    assert get(site, "/stories?stage=suspension")["items"][0]["company"] == "ant"
    assert len(get(site, "/articles?topic=antitrust")["items"]) == 3
    assert get(site, "/articles?feed=nowhere")["items"] == []
    assert get(site, "/hits?since=2027-01-01")["items"] == []
    assert len(get(site, "/hits?until=2027-01-01&since=2026-11-23T08:00:00Z")["items"]) == 4
    story = get(site, "/stories")["items"][0]
    of_it = get(site, f"/hits?story={story['story_id']}")["items"]
    assert len(of_it) == story["hits"]
    assert get(site, "/digests?subscription=weekly")["items"] == []


def test_one_of_each(site):
    """A thing is given in full: evidence in its place, a digest as it was sent."""
    hit = get(site, "/hits/1")
    for quote in hit["evidence"]:
        if quote["field"] == "title":
            assert hit["title"][quote["start"] : quote["end"]] == quote["text"]
    assert hit["evidence"] != []
    story = get(site, f"/stories/{hit['story_id']}")
    assert story["headline"]
    assert story["told_in"] == []
    assert get(site, "/articles/1")["title"] == TITLES[0]
    feed = get(site, "/feeds")["items"][0]["feed_id"]
    in_full = get(site, f"/feeds/{feed}")
    assert in_full.pop("polls") == []
    assert in_full == get(site, "/feeds")["items"][0]
    its = everything(site, "/articles")[0], everything(site, "/hits")[0]
    assert (in_full["articles"], in_full["hits"]) == tuple(
        sum(it["feed"] == feed for it in found) for found in its
    )
    assert in_full["hits"] > 0
    digest = get(site, "/digests/1")
    assert "<p>阿里巴巴</p>" in digest["html"]
    assert digest["deliveries"][0]["recipient"] == "desk@example.com"
    assert "token" not in digest
    for path in ("/hits/99", "/stories/99", "/articles/0", "/feeds/none", "/digests/99"):
        answer = site.ask(ROOT + path, authorization=site.reader)
        assert answer.status == 404, path
        assert answer.headers["Content-Type"] == "application/problem+json"


def test_companies_in_figures(site):
    """Each company has what its page shows of it: stories by topic and week, and the newest."""
    alibaba, ant, tencent = get(site, "/companies")["items"]
    assert (alibaba["company"], alibaba["name"], alibaba["watched"]) == ("alibaba", "Alibaba", True)
    assert (alibaba["topics"], alibaba["stories"]) == ({"antitrust": 1}, 1)
    assert (ant["weeks"], ant["topics"]) == ([0] * 25 + [1], {"ipo": 1})
    newest = get(site, f"/stories/{tencent['newest_story_id']}")
    assert newest["headline"] == TITLES[1]


def test_who_is_sent_what(site, clock):
    """Subscriptions tell who gets them, who has left, and when the next is due."""
    with site.app.store.begin() as connection:
        suppressions.leave(
            connection, "daily", "DESK@example.com", by=LeftBy.OPERATOR, now=clock.now()
        )
    daily, morning = get(site, "/subscriptions")["items"]
    assert (daily["subscription"], morning["subscription"]) == ("daily", "morning")
    assert daily["recipients"] == ["desk@example.com", "李明@example.com"]
    assert (daily["left"], morning["left"]) == (["desk@example.com"], [])
    assert datetime.fromisoformat(daily["next_slot"]) > clock.now()


def test_a_kept_answer_is_not_sent_again(site):
    """With the ETag of what it has, a program is told that it has it."""
    for path in ("/hits", "/stories/1", "/openapi.json"):
        answer = site.ask(ROOT + path, authorization=site.reader)
        tag = answer.headers["ETag"]
        for known in (tag, f'"x", W/{tag}', "*"):
            again = site.ask(ROOT + path, authorization=site.reader, if_none_match=known)
            assert (again.status, again.body) == (304, b""), known
            assert again.headers["ETag"] == tag
    first = site.ask(f"{ROOT}/hits", authorization=site.reader).headers["ETag"]
    send(site, "POST", "/reviews", {"hit_id": 1, "verdict": "relevant"})
    again = site.ask(f"{ROOT}/hits", authorization=site.reader, if_none_match=first)
    assert again.status == 200


def test_a_verdict_is_signed(site):
    """A review is kept under the name of the token that gave it, and holds until the next."""
    answer = send(site, "POST", "/reviews", {"hit_id": 1, "verdict": "irrelevant", "note": "旧闻"})
    assert answer.status == 201
    assert answer.data["who"] == "desk (token)"
    assert answer.data["holds"] is True
    send(site, "POST", "/reviews", {"hit_id": 1, "verdict": "relevant"})
    reviews = get(site, "/reviews?hit=1")["items"]
    assert [(it["verdict"], it["holds"]) for it in reviews] == [
        ("relevant", True),
        ("irrelevant", False),
    ]
    assert get(site, "/hits/1")["verdict"] == "relevant"
    assert send(site, "POST", "/reviews", {"hit_id": 99, "verdict": "relevant"}).status == 404


def test_saved_searches(site):
    """A search is saved, changed and forgotten; names are not given twice."""
    wanted = {"name": "罚款", "query": "罚款 OR fine", "kind": "hits"}
    made = send(site, "POST", "/searches", wanted)
    assert made.status == 201
    path = made.headers["Location"].removeprefix(ROOT)
    assert get(site, path)["query"] == "罚款 OR fine"
    assert get(site, "/searches")["items"] == [made.data]
    assert send(site, "POST", "/searches", wanted).status == 409
    other = send(site, "POST", "/searches", {**wanted, "name": "other"}).headers["Location"]
    assert send(site, "PUT", other.removeprefix(ROOT), wanted).status == 409
    changed = send(site, "PUT", path, {**wanted, "query": "fine"})
    assert (changed.status, changed.data["query"]) == (200, "fine")
    assert send(site, "POST", "/searches", {"name": "x", "query": "(a"}).status == 400
    assert send(site, "DELETE", path, b"").status == 204
    for method in ("PUT", "DELETE"):
        assert send(site, method, path, wanted).status == 404


def test_a_query_that_cannot_be_read(site):
    """A slip in a query is shown with a caret, as the command shows it."""
    answer = site.ask(f"{ROOT}/hits?q=fine%20AND%20(alibaba", authorization=site.reader)
    assert answer.status == 400
    problem = answer.data
    assert problem["type"] == "urn:monitor:problem:query"
    assert problem["shown"].splitlines()[-1].strip("^ \t") != problem["shown"]
    assert "^" in problem["shown"]
    assert "fine AND (alibaba"[problem["start"] : problem["end"]] != ""


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("limit=201", "limit: Input should be less than or equal to 200"),
        ("limit=0", "limit"),
        ("limit=1_0", "limit: must be a whole number"),
        ("limit=1&limit=2", "limit: is there twice"),
        ("cursor=x", "The cursor is not one that this list gave."),
        ("since=yesterday", "since: is neither a time ago (30d) nor a date"),
        ("compnay=ant", "compnay: Extra inputs are not permitted"),
        ("company=%27--", "company"),
        ("min_score=2", "min_score"),
        ("min_score=nan", "min_score: must be a number"),
    ],
)
def test_mistakes_in_parameters(site, query, said):
    """A parameter that is not one is named, with what is wrong."""
    answer = site.ask(f"{ROOT}/hits?{query}", authorization=site.reader)
    assert answer.status == 400
    assert said in answer.data["detail"]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"{", "Invalid JSON"),
        (b"[]", "object"),
        (b"\xff", "Invalid JSON"),
        (b'{"hit_id": "1", "verdict": "relevant"}', "hit_id"),
        (b'{"hit_id": 1, "verdict": "fine"}', "verdict"),
        (b'{"hit_id": 1, "verdict": "relevant", "who": "boss"}', "who"),
        (b'{"hit_id": 9223372036854775808, "verdict": "relevant"}', "hit_id"),
        (b'{"hit_id": 1, "verdict": "relevant", "note": "a\\u0000"}', "note"),
    ],
)
def test_mistakes_in_bodies(site, body, said):
    """A body that cannot be used is told why."""
    answer = send(site, "POST", "/reviews", body)
    assert answer.status == 400, answer.text
    assert said in answer.data["detail"]
    assert send(site, "POST", "/reviews", body, kind="text/plain").status == 415


def test_lists_have_the_columns_of_the_views():
    """What the API calls things is what SQL calls them."""
    for shape, listing in (
        (shapes.Hit, queries.HITS),
        (shapes.Story, queries.STORIES),
        (shapes.Article, queries.ARTICLES),
        (shapes.Review, queries.REVIEWS),
    ):
        assert list(shape.model_fields) == list(listing.columns)


def test_changes_need_more_than_reading():
    """Every call that changes something needs a reviewer, every other one a reader."""
    assert {(it.method == "GET", str(it.needs)) for it in CALLS} == {
        (True, "reader"),
        (False, "reviewer"),
    }
