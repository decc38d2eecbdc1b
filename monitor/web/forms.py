"""Forms that change something: only a page of ours can have them sent (CSRF).

* A form has a field that is signed for one browser: for its login, or for a cookie it was given
  with the form. No other site can read either.
* A browser that says the form is from elsewhere is believed as well.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl, urlsplit

from itsdangerous import Signer
from markupsafe import Markup
from starlette.exceptions import HTTPException

from monitor.web.context import site_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request
    from starlette.responses import Response

FIELD: Final = "form"
_COOKIE: Final = "visit"
_MOST_FIELDS: Final = 100
_BYTES: Final = 16


def form_field(request: Request) -> Markup:
    """Return the field that a form of a page needs to be taken."""
    kept = _kept(request)
    if kept is None:
        kept = request.state.new_visit = secrets.token_urlsafe(_BYTES)
    value = _signature(request, kept)
    return Markup('<input type="hidden" name="{}" value="{}">').format(FIELD, value)


def remember(request: Request, response: Response) -> None:
    """Give the browser what the form in *response* is signed for, if it had nothing yet."""
    new = getattr(request.state, "new_visit", None)
    if new is not None:
        site = site_of(request)
        response.set_cookie(
            site.cookie(_COOKIE), new, httponly=True, samesite="strict", secure=site.secure
        )


async def take(request: Request) -> Mapping[str, str]:
    """Return the fields of the form that was sent, if one of our pages sent it.

    The last of several values of one name. Raises HTTPException: 400 if it is no form, 403 if it
    is not from a page of ours.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    body = await request.body()
    if body and kind != "application/x-www-form-urlencoded":
        raise HTTPException(415)
    try:
        pairs = parse_qsl(
            body.decode(),
            keep_blank_values=True,
            strict_parsing=bool(body),
            max_num_fields=_MOST_FIELDS,
            errors="strict",
        )
    except ValueError:
        raise HTTPException(400) from None
    form = dict(pairs)
    if any("\0" in value for value in form.values()):
        raise HTTPException(400)
    kept = _kept(request)
    if kept is None or _is_from_elsewhere(request):
        raise HTTPException(403, "form")
    given = form.pop(FIELD, "")
    if not _signer(request).verify_signature(kept, given):
        raise HTTPException(403, "form")
    return form


def form_of(request: Request) -> Mapping[str, str]:
    """Return the fields of the form that was sent to this page."""
    form: Mapping[str, str] = request.state.form
    return form


def _kept(request: Request) -> str | None:
    site = site_of(request)
    login = request.cookies.get(site.login_cookie)
    return login or request.cookies.get(site.cookie(_COOKIE))


def _is_from_elsewhere(request: Request) -> bool:
    said = request.headers.get("sec-fetch-site")
    if said is not None:
        return said not in {"same-origin", "none"}
    origin = request.headers.get("origin", "null")  # which our pages say, without a referrer
    return origin != "null" and urlsplit(origin).netloc not in {
        request.headers.get("host"),
        urlsplit(site_of(request).url or "").netloc,
    }


def _signature(request: Request, kept: str) -> str:
    return _signer(request).get_signature(kept).decode()


def _signer(request: Request) -> Signer:
    return Signer(site_of(request).form_key, salt="form")
