"""Who may see and change what, over real HTTP: logins, roles, forms, proxies."""

from base64 import b64encode
from datetime import timedelta

import pytest
from sqlalchemy import select
from starlette.routing import Route
from websites import PASSWORD, cookies_of, form_value, put_token, put_user, website

from monitor import passwords
from monitor.errors import UsageError
from monitor.model import UserRole
from monitor.store import logins, users
from monitor.store import schema as t
from monitor.web.door import Door
from monitor.web.site import FOR_EVERYBODY, INSIDE, build_site

PROXY = """url: http://127.0.0.1
  proxy: {addresses: [127.0.0.1], user_header: Remote-User%s}"""


@pytest.fixture
def site(tmp_path, empty_database, clock):
    with website(tmp_path, empty_database, clock) as served:
        yield served


@pytest.fixture
def peopled(site):
    """A site with a user of each role."""
    for role in UserRole:
        put_user(site.app, str(role), role)
    return site


# --- the table ---


def test_every_route_has_its_place(site):
    """Each address is for everybody, by a secret of its own, or stands behind the door."""
    app = build_site(site.app, local=False)
    needs = {path: need for path, _, need in INSIDE}
    assert len(needs) == len(INSIDE)
    for route in app.routes:
        assert isinstance(route, Route)
        if route in FOR_EVERYBODY:
            continue
        assert isinstance(route.app, Door), route.path
        assert route.app.needs == needs.pop(route.path)
        assert set(route.methods) - {"HEAD"} == set(route.app.needs)
    assert needs == {}
    strangers = {path for path, _, need in INSIDE if None in need.values()}
    assert strangers == {"/login", "/logout", "/api/v1/openapi.json"}
    assert {route.path for route in FOR_EVERYBODY} == {
        "/livez",
        "/readyz",
        "/static/{name}",
        "/unsubscribe/{token}",
        "/subscribe/{token}",
        "/d/{token}",
        "/websub/{token}",
    }


def test_roles_are_in_order():
    """Who reviews may read, who administers may review, and not the other way round."""
    reader, reviewer, admin = UserRole
    assert [admin.covers(it) for it in UserRole] == [True, True, True]
    assert [reviewer.covers(it) for it in UserRole] == [True, True, False]
    assert [reader.covers(it) for it in UserRole] == [True, False, False]


def test_a_role_that_does_not_suffice(site):
    """A page for reviewers is shown to them and to admins, and to nobody else."""
    nameless = site.ask("/review/")
    assert (nameless.status, "This needs a name." in nameless.text) == (403, True)
    for role, status in (("reader", 403), ("reviewer", 200), ("admin", 200)):
        put_user(site.app, role, role)
        answer = site.ask("/review/", cookie=site.log_in(role, PASSWORD))
        assert answer.status == status, role
        assert ("Your role does not allow this." in answer.text) == (status == 403)


# --- logging in ---


def test_without_users_the_machine_is_open(site):
    """Alone on this machine whoever asks may read; with the first user everybody logs in."""
    assert site.ask("/hits/").status == 200
    assert site.ask("/hits/", x_forwarded_for="203.0.113.9").status == 403  # a proxy we do not know

    put_user(site.app, "ann")

    answer = site.ask("/hits/?company=ant")
    assert answer.status == 303
    assert answer.headers["Location"] == "/login?next=%2Fhits%2F%3Fcompany%3Dant"


def test_logging_in_and_out(site):
    """A login opens the pages until it is ended, and its cookie is worth nothing afterwards."""
    put_user(site.app, "李明", "reviewer")
    form = site.ask("/login?next=/feeds/")
    fields = {"name": "李明", "password": PASSWORD, "form": form_value(form), "next": "/feeds/"}
    done = site.post_form("/login", fields, cookie=cookies_of(form))

    assert (done.status, done.headers["Location"]) == (303, "/feeds/")
    given = done.headers["Set-Cookie"]
    assert "HttpOnly" in given
    assert "SameSite=lax" in given
    cookie = f"{cookies_of(form)}; {cookies_of(done)}"
    shown = site.ask("/", cookie=cookie)
    assert shown.status == 200
    assert "李明" in shown.text
    assert site.ask("/login", cookie=cookie).status == 303

    out = site.post_form("/logout", {"form": form_value(shown)}, cookie=cookie)
    assert out.status == 303
    assert "Max-Age=0" in out.headers["Set-Cookie"]
    assert site.ask("/", cookie=cookie).status == 303


def test_over_tls_cookies_stay_on_it(tmp_path, clock):
    """Where readers come over TLS, no cookie goes without it, and no neighbour can set one."""
    database = f"sqlite:///{tmp_path}/monitor.db"
    with website(tmp_path, database, clock, "url: https://monitor.example.com") as site:
        put_user(site.app, "ann")
        form = site.ask("/login")
        fields = {"name": "ann", "password": PASSWORD, "form": form_value(form)}
        done = site.post_form("/login", fields, cookie=cookies_of(form))
        for answer, name in ((form, "__Host-visit"), (done, "__Host-login")):
            given = answer.headers["Set-Cookie"]
            assert given.startswith(f"{name}=")
            assert "; Secure" in given
            assert "Domain" not in given


def test_a_login_ends_by_itself(site, clock):
    """What a browser keeps opens nothing once the login is too old."""
    put_user(site.app, "ann")
    cookie = site.log_in("ann", PASSWORD)
    clock.at += timedelta(days=7, seconds=-1)
    assert site.ask("/", cookie=cookie).status == 200
    clock.at += timedelta(seconds=1)
    assert site.ask("/", cookie=cookie).status == 303


def test_only_hashes_are_stored(site):
    """Neither a password nor what a browser keeps can be read in the database."""
    put_user(site.app, "ann")
    kept = site.log_in("ann", PASSWORD).rpartition("login=")[2]
    token = put_token(site.app, "robot")
    with site.app.store.begin() as connection:
        stored = str(connection.execute(select(t.logins)).all()) + str(users.listed(connection))
        stored += str(connection.execute(select(t.users)).all())
    assert "$argon2id$" in stored
    for secret in (PASSWORD, kept, token):
        assert secret not in stored


def test_what_ends_with_a_change(site):
    """A new password and a removal end logins at once; another role holds from the next request."""
    put_user(site.app, "ann")
    put_user(site.app, "bob")
    ann, bob = site.log_in("ann", PASSWORD), site.log_in("bob", PASSWORD)
    with site.app.store.begin() as connection:
        users.change_role(connection, "ann", UserRole.ADMIN)
        users.remove(connection, "bob")
    assert ">admin<" in site.ask("/", cookie=ann).text
    assert site.ask("/", cookie=bob).status == 303
    with site.app.store.begin() as connection:
        users.change_password(connection, "ann", passwords.hash_password("another password"))
    assert site.ask("/", cookie=ann).status == 303


def test_changing_ones_own_password(site):
    """It needs the present one; everybody else with that login is out, oneself stays in."""
    put_user(site.app, "ann")
    here, elsewhere = site.log_in("ann", PASSWORD), site.log_in("ann", PASSWORD)
    form = form_value(site.ask("/account", cookie=here))
    new = "quite another password"

    def change(password, new, again):
        fields = {"password": password, "new": new, "again": again, "form": form}
        return site.post_form("/account", fields, cookie=here)

    assert "present password is not right" in change("wrong wrong wrong", new, new).text
    assert "are not the same" in change(PASSWORD, new, "x").text
    assert "12 to 500 characters" in change(PASSWORD, "short", "short").text
    assert site.ask("/", cookie=elsewhere).status == 200

    done = change(PASSWORD, new, new)

    assert done.status == 200
    assert site.ask("/", cookie=elsewhere).status == 303
    assert site.ask("/", cookie=here).status == 303
    assert site.ask("/", cookie=cookies_of(done)).status == 200
    assert site.log_in("ann", new)


def test_guesses_come_to_an_end(site, clock):
    """After twenty failures not even the right password is tried, for a quarter of an hour."""
    put_user(site.app, "ann")
    put_user(site.app, "bob")
    form = site.ask("/login")
    cookie, value = cookies_of(form), form_value(form)

    def attempt(name, password):
        fields = {"name": name, "password": password, "form": value}
        return site.post_form("/login", fields, cookie=cookie)

    for _ in range(logins.MOST):
        assert attempt("ANN", "wrong").status == 401
    refused = attempt("ann", PASSWORD)
    assert refused.status == 429
    assert refused.headers["Retry-After"] == "900"
    assert attempt("bob", PASSWORD).status == 429  # from the same address

    clock.at += logins.WINDOW
    assert attempt("ann", PASSWORD).status == 303
    attempt("nobody", "x")
    with site.app.store.begin() as connection:
        assert len(connection.execute(select(t.login_failures)).all()) == 1  # what is old is gone


def test_nobody_learns_which_names_there_are(site):
    """A name that is not there is answered as a wrong password is, and a hash is made as well."""
    put_user(site.app, "ann")
    put_user(site.app, "known-to-a-proxy", password=None)
    form = site.ask("/login")
    answers = []
    for name in ("ann", "bob", "known-to-a-proxy", "not a name", ""):
        fields = {"name": name, "password": "wrong", "form": form_value(form)}
        answer = site.post_form("/login", fields, cookie=cookies_of(form))
        shown = answer.text.replace(f'value="{name}"', "").replace(" autofocus", "")
        answers.append((answer.status, shown))
    assert len(set(answers)) == 1
    assert not passwords.matches(None, "the password of nobody")


@pytest.mark.parametrize(
    "there",
    ["https://evil.example/", "//evil.example", "/\\evil.example", "evil", "/\t/x", "/x\r\nA: b"],
)
def test_a_login_leads_nowhere_else(site, there):
    """Where the login leads is a page here, whatever the address said."""
    put_user(site.app, "ann")
    form = site.ask("/login")
    fields = {"name": "ann", "password": PASSWORD, "form": form_value(form), "next": there}
    done = site.post_form("/login", fields, cookie=cookies_of(form))
    assert done.headers["Location"] == "/"


# --- forms ---


def test_a_form_is_from_a_page_of_ours(peopled):
    """A form without the field, with another's or by another browser changes nothing."""
    site = peopled
    cookie, other = site.log_in("admin", PASSWORD), site.log_in("reader", PASSWORD)
    value = form_value(site.ask("/", cookie=cookie))
    foreign = form_value(site.ask("/", cookie=other))
    for fields in ({}, {"form": ""}, {"form": foreign}, {"form": value + "x"}, {"form": "é"}):
        assert site.post_form("/logout", fields, cookie=cookie).status == 403, fields
    assert site.post_form("/logout", {"form": value}).status == 403
    for said in ({"sec_fetch_site": "cross-site"}, {"origin": "https://evil.example"}):
        answer = site.post_form("/logout", {"form": value}, cookie=cookie, **said)
        assert answer.status == 403, said
    assert site.post("/logout", f"form={value}", cookie=cookie).status == 415
    assert site.ask("/", cookie=cookie).status == 200

    said = {"sec_fetch_site": "same-origin", "origin": "null"}
    assert site.post_form("/logout", {"form": value}, cookie=cookie, **said).status == 303


def test_logging_in_is_a_form_of_ours_too(site):
    """No other site logs a reader in under a name of its own."""
    put_user(site.app, "mallory")
    fields = {"name": "mallory", "password": PASSWORD}
    assert site.post_form("/login", fields).status == 403
    value = form_value(site.ask("/login"))
    assert site.post_form("/login", {**fields, "form": value}).status == 403
    assert site.post_form("/login", {**fields, "form": value}, cookie="visit=x").status == 403


@pytest.mark.parametrize("body", [b"\xff", b"a", b"form=%00", b"&".join([b"a=b"] * 200)])
def test_what_is_no_form(site, body):
    """What cannot be read as a form is told so."""
    kind = "application/x-www-form-urlencoded"
    assert site.post("/login", body, content_type=kind).status == 400


# --- a proxy in front ---


@pytest.mark.parametrize(
    ("role", "name", "status"),
    [
        (", role: reader", "ann", 200),
        ("", "ann", 403),
        ("", "adam", 200),
        (", role: admin", "", 403),
        (", role: admin", "not a name", 403),
    ],
)
def test_a_proxy_says_who_comes(tmp_path, clock, role, name, status):
    """Whom a trusted proxy names is let in, as what they are here or as the setting says."""
    database = f"sqlite:///{tmp_path}/monitor.db"
    with website(tmp_path, database, clock, PROXY % role) as site:
        assert site.ask("/").status == 403
        put_user(site.app, "adam", "admin", password=None)
        assert site.ask("/", remote_user=name).status == status
        assert site.ask("/").status == 303
        assert site.ask("/", remote_user="adam", host="evil.example").status == 421


def test_nobody_else_is_believed(tmp_path, clock):
    """The proxy's header from any other address says nothing."""
    web = PROXY.replace("[127.0.0.1]", "[192.0.2.1]") % ", role: admin"
    with website(tmp_path, f"sqlite:///{tmp_path}/monitor.db", clock, web) as site:
        assert site.ask("/", remote_user="adam").status == 403


def test_failures_are_counted_behind_a_proxy(tmp_path, clock):
    """Behind a proxy each client counts for itself, by what the proxy added last."""
    web = "url: http://127.0.0.1\n  proxy: {addresses: [127.0.0.1]}"
    with website(tmp_path, f"sqlite:///{tmp_path}/monitor.db", clock, web) as site:
        put_user(site.app, "ann")
        form = site.ask("/login")
        fields = {"name": "x", "password": "x", "form": form_value(form)}
        for said in ("203.0.113.9", "198.51.100.1, 203.0.113.9", "2001:db8::1", "x"):
            site.post_form("/login", fields, cookie=cookies_of(form), x_forwarded_for=said)
        with site.app.store.begin() as connection:
            counted = connection.scalars(select(t.login_failures.c.address)).all()
    assert sorted(counted) == ["127.0.0.1", "2001:db8::/64", "203.0.113.9", "203.0.113.9"]


# --- tokens on pages ---


def test_a_token_reads_pages_and_sends_no_forms(site, clock):
    """Feed readers and programs come with a token; a bad one is told, not overlooked."""
    put_user(site.app, "ann")
    token = put_token(site.app, "reader of feeds".replace(" ", "-"), expires_at=clock.now())
    assert site.ask("/feeds/hits.atom").headers["WWW-Authenticate"] == 'Basic realm="monitor"'
    assert site.ask("/feeds/hits.atom", authorization=f"Bearer {token}").status == 401
    token = put_token(site.app, "robot", "review")
    assert site.ask("/feeds/hits.atom", authorization=f"Bearer {token}").status == 200
    basic = b64encode(f"any:{token}".encode()).decode()
    assert site.ask("/feeds/hits.atom", authorization=f"Basic {basic}").status == 200
    for odd in (f"Bearer {token}x", "Bearer", "Basic !", "Basic eA==", f"Digest {token}"):
        assert site.ask("/feeds/hits.atom", authorization=odd).status == 401, odd
    assert site.post_form("/account", {}, authorization=f"Bearer {token}").status == 403


# --- names and passwords ---


@pytest.mark.parametrize(
    ("given", "kept"), [("Ann", "ann"), ("ＡＮＮ", "ann"), ("李明", "李明"), ("a.b@c-d_e+f", None)]
)
def test_names_have_one_spelling(given, kept):
    """Nobody is there twice in other letters."""
    assert users.canonical_name(given) == (kept or given)


@pytest.mark.parametrize("given", ["", " ", "a b", "a\n", "x" * 61, "a/b", "<b>", "a\u202eb"])
def test_what_is_no_name(given):
    """A name shows as what it is and fits a line."""
    with pytest.raises(UsageError, match="is no name"):
        users.canonical_name(given)


def test_passwords_are_long_and_spelt_alike():
    """Short ones are refused; the same letters from another keyboard are the same password."""
    for odd in ("", "x" * 11, "x" * 501):
        with pytest.raises(UsageError, match="12 to 500"):
            passwords.read_password(odd)
    kept = passwords.hash_password(passwords.read_password("Ｐassword ofＡnn"))
    assert passwords.matches(kept, "Password ofAnn")
    assert not passwords.matches(kept, "password ofann")
    assert not passwords.is_outdated(kept)
    assert passwords.is_outdated("$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$c2FsdHNhbHQ")
