"""Tries to read or change without right, to forge, to inject, to traverse: all of them refused.

Each try is made against a site with users, by somebody without a login, by a reader or by a
reader's token. A try is refused if its answer is none of success, nothing that is kept inside is
in it, and the database is afterwards what it was.
"""

import base64
import json
from urllib.parse import quote

import pytest
from itsdangerous import Signer, URLSafeSerializer
from sqlalchemy import select
from stored import put
from websites import PASSWORD, form_value, put_digest, put_token, put_user, website

from monitor.pipeline.group import group_new
from monitor.store import schema as t
from monitor.store.schema import logins, searches, tokens, users
from monitor.web.site import INSIDE

TITLE = "SAMR fines Alibaba in antitrust case"
INNER = ("Alibaba", "阿里巴巴", "desk@example.com", "argon2")
API = "/api/v1"
SQL = (
    "' OR 1=1 --",
    "1; DROP TABLE hits",
    "' UNION SELECT password FROM users --",
    '") OR ("1"="1',
    "1 AND SLEEP(9)",
)
TRAVERSALS = (
    "/static/../../config.yaml",
    "/static/..%2f..%2fconfig.yaml",
    "/static/%2e%2e/%2e%2e/config.yaml",
    "/static/....//config.yaml",
    "/static/%5c..%5cconfig.yaml",
    "/static//etc/passwd",
    "//static/../config.yaml",
    "/d/..%2f..%2fmonitor.db",
    "/deliveries/..%2f1.eml",
    "/feeds/..%2f..%2fmonitor.db",
)


@pytest.fixture
def site(tmp_path, clock):
    with website(tmp_path, f"sqlite:///{tmp_path}/monitor.db", clock) as served:
        app = served.app
        put(app.store, [TITLE], lexicon=app.lexicon, now=clock.now())
        group_new(app.store)
        put_digest(app, "desk@example.com", token="T" * 43)
        put_user(app, "rita")
        put_user(app, "adam", "admin")
        served.reader = put_token(app, "robot")
        served.expired = put_token(app, "old", "review", expires_at=clock.now())
        served.reviewer = put_token(app, "desk", "review")
        yield served


def kept(site):
    """Return everything that a try might change."""
    tables = (t.reviews, t.audit, t.suppressions, users, searches)
    with site.app.store.begin() as connection:
        rows = [connection.execute(select(it)).all() for it in (*tables, tokens)]
        return str(rows)


def refused(site, answer, before):
    """Whether a try came to nothing."""
    led_away = answer.status == 303 and answer.headers["Location"].startswith("/login")
    shown = answer.body.decode("utf-8", "replace")
    assert answer.status >= 400 or led_away, (answer.status, shown[:300])
    assert answer.status < 500
    assert not any(word in shown for word in INNER), shown[:300]
    assert kept(site) == before
    return True


def bearer(token):
    return {"authorization": f"Bearer {token}"}


def filled(path):
    """Return a path of the table with values that are there."""
    for name in ("story", "digest", "delivery", "hit_id", "story_id", "article_id", "digest_id"):
        path = path.replace(f"{{{name}:int}}", "100" if name == "delivery" else "1")
    return path.replace("{search_id:int}", "1").replace("{feed}", "a").replace("{feed_id}", "a")


CLOSED = [(path, method) for path, _, needs in INSIDE for method, need in needs.items() if need]


@pytest.mark.parametrize(("path", "method"), CLOSED)
def test_strangers_are_refused_everywhere(site, path, method):
    """Whoever has not logged in gets nothing of any page or call of the table."""
    before = kept(site)
    for headers in ({}, {"cookie": "login=x"}, {"x_forwarded_user": "adam"}):
        answer = site.ask(filled(path), method=method, body=b"{}" * (method != "GET"), **headers)
        assert refused(site, answer, before), headers


@pytest.mark.parametrize(("path", "method"), [it for it in CLOSED if it[1] != "GET"])
def test_readers_change_nothing(site, path, method):
    """A reader's token, and a login without a form of ours, change nothing."""
    before = kept(site)
    body = json.dumps({"hit_id": 1, "verdict": "irrelevant"}).encode()
    cookie = site.log_in("rita", PASSWORD)
    for headers in (bearer(site.reader), {"cookie": cookie}):
        answer = site.ask(
            filled(path), method=method, body=body, content_type="application/json", **headers
        )
        assert refused(site, answer, before), headers


FORGED = {
    "nothing": lambda _: {"authorization": ""},
    "no token": lambda _: bearer(""),
    "a wrong token": lambda site: bearer(site.reader[:-1] + "x"),
    "its hash": lambda site: bearer(hashed_of(site, "robot")),
    "an old token": lambda site: bearer(site.expired),
    "another scheme": lambda site: {"authorization": f"Token {site.reviewer}"},
    "two tokens": lambda site: {"authorization": f"Bearer {site.reader} {site.reviewer}"},
    "SQL": lambda _: bearer("' OR 1=1 --"),
    "a login as a token": lambda site: bearer(site.log_in("adam", PASSWORD).split("login=")[1]),
    "a password": lambda _: {"authorization": basic("adam", PASSWORD)},
    "odd basic": lambda _: {"authorization": "Basic AAA"},
    "a token as a login": lambda site: {"cookie": f"login={site.reviewer}"},
    "the hash of a login": lambda site: {"cookie": f"login={login_hash(site)}"},
    "a name as a login": lambda _: {"cookie": "login=adam"},
    "SQL as a login": lambda _: {"cookie": "login=' OR 1=1 --"},
    "a signed guess": lambda _: {"cookie": f"login={Signer('guess').sign('adam').decode()}"},
    "a proxy's header": lambda _: {"remote_user": "adam", "x_remote_user": "adam"},
    "being on this machine": lambda _: {"x_forwarded_for": "127.0.0.1", "x_real_ip": "127.0.0.1"},
}


def basic(name, password):
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


def hashed_of(site, name):
    with site.app.store.begin() as connection:
        return connection.scalar(select(tokens.c.token).where(tokens.c.name == name))


def login_hash(site):
    site.log_in("adam", PASSWORD)
    with site.app.store.begin() as connection:
        return connection.scalar(select(logins.c.token))


@pytest.mark.parametrize("name", FORGED)
def test_what_is_forged_is_worth_nothing(site, name):
    """No made-up or borrowed proof of who comes opens a page or a call."""
    headers = FORGED[name](site)
    before = kept(site)
    for path in ("/hits/", f"{API}/hits"):
        assert refused(site, site.ask(path, **headers), before)


@pytest.mark.parametrize(
    "cursor",
    [
        "x",
        "W1sxXSxbZmFsc2VdXQ",
        URLSafeSerializer("guess", salt="cursor of v_hits").dumps([["2026", 1], [True, False]]),
        "../" * 9,
        "' OR 1=1 --",
        "\u0000".encode().hex(),
    ],
)
def test_cursors_cannot_be_made_up(site, cursor):
    """A cursor that no list gave leads nowhere, and neither does one of another list."""
    before = kept(site)
    answer = site.ask(f"{API}/hits?cursor={quote(cursor)}", **bearer(site.reader))
    assert refused(site, answer, before)


def test_a_cursor_is_of_one_list(site, clock):
    """What one list gave is no place in another."""
    put(site.app.store, ["腾讯遭反垄断调查"], lexicon=site.app.lexicon, now=clock.now())
    cursor = site.ask(f"{API}/articles?limit=1", **bearer(site.reader)).data["next"]
    before = kept(site)
    for path in ("hits", "stories", "digests", "feeds", "searches", "articles?q=alibaba"):
        mark = "&" if "?" in path else "?"
        answer = site.ask(f"{API}/{path}{mark}cursor={cursor}", **bearer(site.reader))
        assert refused(site, answer, before), path


@pytest.mark.parametrize("text", SQL)
def test_sql_stays_text(site, text):
    """What looks like SQL is a value that nothing has, or no value at all."""
    before = kept(site)
    for name in ("company", "limit", "cursor", "since", "min_score", "story"):
        path = f"{API}/hits?{name}={quote(text)}"
        assert refused(site, site.ask(path, **bearer(site.reader)), before), name
    for path in (f"{API}/feeds/{quote(text)}", f"{API}/hits/{quote(text)}", f"/d/{quote(text)}"):
        assert refused(site, site.ask(path, **bearer(site.reader)), before), path
    for path in (f"{API}/articles?feed={quote(text)}", f"{API}/digests?subscription={quote(text)}"):
        assert site.ask(path, **bearer(site.reader)).data == {"items": [], "next": None}
    assert kept(site) == before


@pytest.mark.parametrize("path", TRAVERSALS)
def test_no_path_leads_out(site, path):
    """No spelling of a path reads a file."""
    before = kept(site)
    for headers in ({}, bearer(site.reader)):
        assert refused(site, site.ask(path, **headers), before)


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        '"><img src=x onerror=alert(1)>',
        "{{ 77777*77777 }}",
        "';alert(1)//",
    ],
)
def test_html_stays_text(site, text):
    """What is asked for, or given as a name, is shown as it is and is never markup."""
    cookie = site.log_in("rita", PASSWORD)
    form = site.ask("/login")
    given = {"name": text, "password": "x", "form": form_value(form), "next": text}
    answers = [
        site.ask(f"/search/?q={quote(text)}", cookie=cookie),
        site.ask(f"/hits/?company={quote(text)}&topic={quote(text)}", cookie=cookie),
        site.ask(f"/digests/?subscription={quote(text)}", cookie=cookie),
        site.ask(f"/login?next={quote(text)}"),
        site.post_form("/login", given, cookie=form.headers["Set-Cookie"].split(";")[0]),
        site.ask(f"/{quote(text)}", cookie=cookie),
    ]
    for answer in answers:
        assert "<script" not in answer.text
        assert "<img" not in answer.text
        assert "6049261729" not in answer.text
        assert "script-src" not in answer.headers["Content-Security-Policy"]


@pytest.mark.parametrize("text", ["a\r\nSet-Cookie: login=x", "a%0d%0aX-Odd: 1", "/\r\n\r\n<b>"])
def test_no_header_is_injected(site, text):
    """Line ends in what is given make no header and no second answer."""
    for path in (f"/login?next={quote(text)}", f"/hits/?company={quote(text)}&lang=en"):
        answer = site.ask(path)
        assert "X-Odd" not in answer.headers
        assert "login=x" not in str(answer.headers.get_all("Set-Cookie"))


def test_no_other_site_may_ask(site):
    """CORS is closed: no answer lets a page elsewhere read it, and no preflight is agreed to."""
    origin = {"origin": "https://evil.example", "access_control_request_method": "POST"}
    for path in ("/hits/", f"{API}/hits", f"{API}/reviews", f"{API}/openapi.json"):
        preflight = site.ask(path, method="OPTIONS", **origin)
        assert preflight.status == 405
        answer = site.ask(path, **origin, **bearer(site.reader))
        for headers in (preflight.headers, answer.headers):
            assert not any(name.lower().startswith("access-control") for name in headers)


def test_a_cookie_is_no_way_into_changes_of_the_api(site):
    """An admin's login reads the API, and changes nothing: another site could have it sent."""
    cookie = site.log_in("adam", PASSWORD)
    assert site.ask(f"{API}/hits", cookie=cookie).status == 200
    before = kept(site)
    body = json.dumps({"hit_id": 1, "verdict": "irrelevant"}).encode()
    for kind in ("application/json", "text/plain", "application/x-www-form-urlencoded"):
        answer = site.post(f"{API}/reviews", body, content_type=kind, cookie=cookie)
        assert refused(site, answer, before)
    answer = site.post(
        f"{API}/reviews",
        body,
        content_type="application/json",
        authorization=basic("x", site.reviewer),
    )
    assert refused(site, answer, before)


def test_what_mails_link_to_stays_open(site):
    """With users there, links in mails and probes need no login, and show nothing more."""
    token = site.app.links.leaving_token("daily", "desk@example.com")
    assert site.ask("/d/" + "T" * 43).status == 200
    assert site.ask(f"/unsubscribe/{token}").status == 200
    assert site.post(f"/unsubscribe/{token}", b"List-Unsubscribe=One-Click").status == 200
    assert site.ask("/livez").status == 200
    assert site.ask("/readyz").data == {"ready": False}
