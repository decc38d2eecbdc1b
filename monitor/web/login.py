"""Logging in and out, and a user's own account.

* A name that is not there takes as long as a wrong password, and is told the same.
* After too many failures of an account, or from an address, not even the right password is tried.
* A login begins with a new secret each time, kept in a cookie that no script can read.
"""

from __future__ import annotations

import threading
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse

from monitor import logs, passwords
from monitor.errors import UsageError
from monitor.store import logins, users
from monitor.web.context import reading_for, site_of
from monitor.web.forms import form_of
from monitor.web.pages import page
from monitor.web.visitor import KnownBy, address_of, visitor_of

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from monitor.store.users import User

WRONG = "This name and password do not go together."
REFUSED = "Too many logins failed. Please try again in a quarter of an hour."
WRONG_NOW = "The present password is not right."
TWICE = "The two new passwords are not the same."
LENGTH = "A password has 12 to 500 characters."
CHANGED = "Your password is changed, and you are logged out everywhere else."

log = logs.get_logger()
_one_at_a_time = threading.Lock()  # so that guesses side by side are counted before they are tried
_waiting = threading.BoundedSemaphore(2)  # of a site's threads: the others are for its pages


def log_in(request: Request) -> Response:
    """Show the form to log in; log in on POST."""
    if request.method == "POST":
        return _log_in(request)
    visitor = visitor_of(request)
    there = _local(request.query_params.get("next"))
    if visitor is not None and visitor.known_by is not KnownBy.PLACE:
        return RedirectResponse(there, 303)
    return page(request, "web/login.html.j2", there=there, name="", said=None)


def log_out(request: Request) -> Response:
    """End the login."""
    site = site_of(request)
    kept = request.cookies.get(site.login_cookie)
    if kept is not None:
        with site.engine.begin() as connection:
            logins.end(connection, kept)
    response = RedirectResponse("/login", 303)
    response.delete_cookie(site.login_cookie, secure=site.secure, httponly=True, samesite="lax")
    response.headers["Clear-Site-Data"] = '"cache"'
    return response


def account(request: Request) -> Response:
    """Show who is logged in, and the form to change the password; change it on POST."""
    visitor = visitor_of(request)
    if visitor is None or visitor.name is None or visitor.known_by is KnownBy.TOKEN:
        raise HTTPException(404)
    with reading_for(request) as connection:
        user = users.find(connection, visitor.name)
    has_password = user is not None and user.password is not None
    said, done, status = None, False, 200
    if request.method == "POST":
        if user is None or not has_password:
            raise HTTPException(404)
        said = _change(request, user)
        done, status = said is None, 200 if said is None else 400
    response = page(
        request,
        "web/account.html.j2",
        status,
        has_password=has_password,
        said=CHANGED if done else said,
        done=done,
    )
    if done and user is not None:
        _keep(request, response, user)
    return response


def _log_in(request: Request) -> Response:
    form, address, site = form_of(request), address_of(request), site_of(request)
    given, there = form.get("name", ""), _local(form.get("next"))
    try:
        name = users.canonical_name(given)
    except UsageError:
        name = ""
    user = _proven(request, name, form.get("password", ""), address)
    if isinstance(user, str):
        refused = user == REFUSED
        status = HTTPStatus.TOO_MANY_REQUESTS if refused else HTTPStatus.UNAUTHORIZED
        again = page(request, "web/login.html.j2", status, there=there, name=given, said=user)
        if refused:
            again.headers["Retry-After"] = str(int(logins.WINDOW.total_seconds()))
        return again
    with site.engine.begin() as connection:
        kept = request.cookies.get(site.login_cookie)
        if kept is not None:
            logins.end(connection, kept)
    log.info("logged in", user=user.name)
    response = RedirectResponse(there, 303)
    _keep(request, response, user)
    return response


def _proven(request: Request, name: str, password: str, address: str) -> User | str:
    """Return the user if the password is theirs, else what to say."""
    if not _waiting.acquire(blocking=False):
        raise HTTPException(503, "busy", headers={"Retry-After": "1"})
    try:
        with _one_at_a_time:
            return _tried(request, name, password, address)
    finally:
        _waiting.release()


def _tried(request: Request, name: str, password: str, address: str) -> User | str:
    site = site_of(request)
    now = site.clock.now()
    with reading_for(request) as connection:
        refused = logins.too_many(connection, name, address, now=now)
        user = users.find(connection, name)
    if refused:
        log.warning("login refused", address=address, user=user.name if user else None)
        return REFUSED
    if not passwords.matches(user.password if user else None, password) or user is None:
        with site.engine.begin() as connection:
            logins.failed(connection, name, address, now=now)
        log.warning("login failed", address=address, user=user.name if user else None)
        return WRONG
    if user.password is not None and passwords.is_outdated(user.password):
        again = passwords.hash_password(password)
        with site.engine.begin() as connection:
            users.rehash(connection, user, again)
    return user


def _change(request: Request, user: User) -> str | None:
    """Change the password as the form wants it; return what is wrong with that."""
    form, site, address = form_of(request), site_of(request), address_of(request)
    proven = _proven(request, user.name, form.get("password", ""), address)
    if isinstance(proven, str):
        return WRONG_NOW if proven == WRONG else proven
    if form.get("new") != form.get("again"):
        return TWICE
    try:
        new = passwords.hash_password(passwords.read_password(form.get("new", "")))
    except UsageError:
        return LENGTH
    with site.engine.begin() as connection:
        users.change_password(connection, user.name, new)
    log.info("password changed", user=user.name)
    return None


def _keep(request: Request, response: Response, user: User) -> None:
    """Log *user* in, and give their browser what shows it."""
    site = site_of(request)
    with site.engine.begin() as connection:
        token = logins.begin(connection, user, now=site.clock.now(), lasts=site.login)
    response.set_cookie(
        site.login_cookie,
        token,
        max_age=int(site.login.total_seconds()),
        secure=site.secure,
        httponly=True,
        samesite="lax",
    )


def _local(address: str | None) -> str:
    """Return *address* if it leads to a page here, else that of the first page."""
    if not address or not address.startswith("/") or not address.isprintable():
        return "/"
    parts = urlsplit(address)
    odd = parts.scheme or parts.netloc or "\\" in address or address.startswith("//")
    return "/" if odd else address
