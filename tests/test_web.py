"""The site over real HTTP: who may see what, and that nothing on a page can do harm."""

import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest
from websites import Website, put_digest, website

from monitor.config.web import ProxySettings, WebSettings
from monitor.errors import ConfigError
from monitor.store import workers
from monitor.store.engine import open_engine
from monitor.web.server import serving
from monitor.web.site import THREADS

ONE_CLICK = b"List-Unsubscribe=One-Click"
MULTIPART = (
    b'--x\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--x--\r\n'
)


@pytest.fixture
def site(tmp_path, empty_database, clock):
    with website(tmp_path, empty_database, clock) as served:
        yield served


@pytest.fixture
def closed(tmp_path, empty_database, clock):
    """A site whose address leads elsewhere: a proxy in front hands on what strangers ask for."""
    with website(tmp_path, empty_database, clock, "url: https://monitor.example.com") as served:
        yield served


def test_pages_are_safe(site):
    """Each answer forbids scripts, frames, sniffing and telling its address, errors included."""
    put_digest(site.app, "desk@example.com")
    token = site.app.links.leaving_token("daily", "desk@example.com")
    paths = (
        "/livez",
        "/readyz",
        "/digests/",
        "/digests/1",
        "/digests/2",
        "/nowhere",
        "/static/x",
        "/static/style.css",
        f"/unsubscribe/{token}",
        "/unsubscribe/x",
        "/d/x",
    )
    for path in paths:
        headers = site.ask(path).headers
        policy = headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy, path
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert "script" not in policy
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["X-Robots-Tag"] == "noindex, nofollow"
        assert "Server" not in headers


def test_a_frame_is_inert(site):
    """A digest's HTML may do nothing but look like it did in the mail, and open links outside."""
    put_digest(site.app)

    shown = site.ask("/digests/1/html")

    policy = shown.headers["Content-Security-Policy"]
    directives = dict(part.strip().partition(" ")[::2] for part in policy.split(";"))
    assert directives["sandbox"] == "allow-popups allow-popups-to-escape-sandbox"
    assert directives["default-src"] == "'none'"
    assert directives["frame-ancestors"] == "'self'"
    assert "<p>阿里巴巴</p>" in shown.text
    assert '<base target="_blank">' in shown.text


def test_pages_inside_stay_inside(closed):
    """Where strangers may ask, only what mails link to is shown."""
    put_digest(closed.app, "desk@example.com", token="T" * 43)

    for path in ("/", "/digests/", "/digests/1", "/digests/1/html", "/deliveries/100.eml"):
        assert closed.ask(path).status == 403, path
        assert "阿里巴巴" not in closed.ask(path).text
    assert closed.ask("/d/" + "T" * 43).status == 200
    assert closed.ask("/livez").status == 200
    assert closed.ask("/readyz").data == {"ready": False}


def test_a_foreign_name_sees_nothing(site):
    """A page elsewhere that has its own name point at this machine reads no page inside."""
    put_digest(site.app)
    for host in ("127.0.0.1", "localhost:99", "[::1]:8080"):
        assert site.ask("/digests/", host=host).status == 200
    for host in ("evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "", "["):
        assert site.ask("/digests/", host=host).status in {400, 421}, host


@pytest.mark.parametrize(
    ("listen", "settings", "users", "starts", "local"),
    [
        ("127.0.0.1:1", {}, False, True, True),
        ("[::1]:1", {}, False, True, True),
        ("localhost:1", {"url": "http://localhost:1"}, False, True, True),
        ("127.0.0.1:1", {"url": "https://monitor.example.com"}, False, True, False),
        ("0.0.0.0:1", {"url": "https://monitor.example.com"}, False, True, False),
        ("0.0.0.0:1", {"url": "http://127.0.0.1"}, False, True, False),
        ("0.0.0.0:1", {}, True, True, False),
        ("0.0.0.0:1", {"proxy": {"user_header": "Remote-User"}}, False, True, False),
        ("127.0.0.1:1", {"proxy": {}}, False, True, False),
        ("0.0.0.0:1", {"proxy": {}}, False, False, False),
        ("monitor.example.com:1", {}, False, False, False),
        ("10.0.0.1:1", {}, False, False, False),
        ("0.0.0.0:1", {}, False, False, False),
        ("[::]:1", {}, False, False, False),
    ],
)
def test_nothing_is_open_by_accident(listen, settings, users, starts, local):
    """Pages are open where nobody else can ask; elsewhere there are users, or the start stops."""
    if "proxy" in settings:
        settings["proxy"] = ProxySettings(addresses=["127.0.0.1"], **settings["proxy"])
    web = WebSettings(**settings)
    assert web.is_local(listen) is local
    if starts:
        web.require_closed(listen, users=users)
        return
    with pytest.raises(ValueError, match="there are no users"):
        web.require_closed(listen, users=users)


def test_a_start_that_would_be_open_stops(tmp_path, clock):
    """Where others can reach it and there are no users, the start stops and says what to do."""
    database = f"sqlite:///{tmp_path}/monitor.db"
    opening = website(tmp_path, database, clock, "login: 7d", "0.0.0.0:0")
    with pytest.raises(ConfigError, match="monitor users add NAME --role admin"), opening:
        pass


def test_a_port_in_use_stops_the_start(tmp_path, clock):
    """Two services on one port are told from the start, in a sentence."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        database = f"sqlite:///{tmp_path}/monitor.db"
        opening = website(tmp_path, database, clock, listen=listen)
        with pytest.raises(ConfigError, match=f"cannot listen at {listen}"), opening:
            pass


def test_readiness(site, clock):
    """Ready is what beats; whoever asks inside is told why not."""
    assert site.ask("/readyz").status == 503
    with site.app.store.begin() as connection:
        workers.started(connection, "here", now=clock.now())
    with serving(site.app, "127.0.0.1:0", Event()) as (_, port):
        answer = Website(site.app, port).ask("/readyz")
        assert (answer.status, answer.data) == (200, {"ready": True, "reasons": []})


def test_readiness_without_a_database(site):
    """A database that lost its schema is told as not ready, and the process goes on."""
    engine = open_engine(site.app.database_url)
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0001'")
    engine.dispose()

    answer = site.ask("/readyz")

    assert answer.status == 503
    assert "0001" in answer.data["reasons"][0]
    assert site.ask("/livez").status == 200


def test_too_much_is_refused(site):
    """A request larger than any of ours is turned away, and so is a verb nobody offers."""
    token = site.app.links.leaving_token("daily", "desk@example.com")
    refused = site.post(f"/unsubscribe/{token}", b"x" * 100_000)
    assert refused.status == 413
    assert "Content-Security-Policy" in refused.headers
    assert site.ask("/digests/", method="DELETE").status == 405
    assert site.post(f"/subscribe/{token}", b"x" * 100_000).status in {200, 413}


def test_few_threads_answer(site):
    """However many ask at once, the database sees no more than a few of them at a time."""
    with ThreadPoolExecutor(24) as asking:
        for answer in asking.map(lambda _: site.ask("/stories/"), range(96)):
            assert answer.status == 200
        working = [it for it in threading.enumerate() if it.name == "AnyIO worker thread"]
    assert len(working) == THREADS


@pytest.mark.parametrize("number", ["0", "2", "99999999999999999999", "-1", "1.0", "x"])
def test_numbers_nobody_has(site, number):
    """An address that leads to nothing says so, whatever stands in it."""
    put_digest(site.app)
    for path in ("/digests/{}", "/digests/{}/html", "/deliveries/{}.eml", "/static/{}", "/d/{}"):
        assert site.ask(path.format(number)).status == 404, path
    assert site.ask(f"/digests/?before={number}&subscription='\"").status == 200


def test_what_no_text_can_hold(site):
    """A NUL in an address, which one of the databases knows no text with, is turned away."""
    for path in ("/d/%00", "/digests/?subscription=%00", "/%00"):
        assert site.ask(path).status == 400, path


def test_languages(site):
    """A page speaks the browser's language, or the one that was asked for, from then on."""
    assert 'lang="en"' in site.ask("/digests/").text
    chinese = site.ask("/digests/", accept_language="fr, zh-CN;q=0.9, en;q=0.8")
    assert "简报" in chinese.text
    assert chinese.headers["Content-Language"] == "zh"
    asked = site.ask("/digests/?lang=zh", accept_language="en")
    assert "简报" in asked.text
    cookie = asked.headers["Set-Cookie"]
    assert cookie.startswith("lang=zh;")
    assert "HttpOnly" in cookie
    assert "简报" in site.ask("/digests/", cookie="lang=zh").text
    for odd in ("zh;q=x", ";;;", "en;q=0, zh", "*"):
        assert site.ask("/digests/", accept_language=odd).status == 200


def test_files_are_kept_by_browsers(site):
    """A style sheet is loaded once, and anew when it has changed."""
    page = site.ask("/digests/").text
    address = page.split('rel="stylesheet" href="')[1].split('"')[0]

    assert "immutable" in site.ask(address).headers["Cache-Control"]
    assert "immutable" not in site.ask("/static/style.css?old").headers["Cache-Control"]
    assert site.ask(address).headers["Content-Type"].startswith("text/css")
    assert site.ask("/static/..%2f..%2fconfig.yaml").status == 404
