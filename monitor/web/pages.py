"""How pages look: templates, their words in the reader's language, and the files they load.

* Everything that is put into a template is escaped, and loses what is no letter and could turn or
  hide others; words from feeds are values, never template.
* A page speaks English or Chinese: as `?lang=` says, which is remembered, else as the browser asks.
* The English words of a template are the key to the Chinese ones, in templates/web/zh.yaml.
"""

from __future__ import annotations

from functools import cache, partial
from hashlib import sha256
from http import HTTPStatus
from typing import TYPE_CHECKING

import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, Response

from monitor.errors import ProcessDied, StoreError
from monitor.model import UserRole
from monitor.resources import shipped
from monitor.text.html import one_line
from monitor.web.api import problems
from monitor.web.behind import AGAIN_S
from monitor.web.context import site_of
from monitor.web.forms import form_field, remember
from monitor.web.visitor import visitor_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from zoneinfo import ZoneInfo

    from starlette.requests import Request

    from monitor.digest.names import Names

LANGUAGES = {"en": "English", "zh": "中文"}
LEXICON = {"en": None, "zh": "zh-Hans"}  # what the lexicon calls them
ASSETS = {
    "style.css": "text/css; charset=utf-8",
    "icon.svg": "image/svg+xml",
    "review.js": "text/javascript; charset=utf-8",
}
MENU = (  # route, address, words
    ("today", "/", "Today"),
    ("stories", "/stories/", "Stories"),
    ("companies", "/companies/", "Companies"),
    ("hits", "/hits/", "Hits"),
    ("find", "/search/", "Search"),
    ("feeds", "/feeds/", "Feeds"),
    ("digests", "/digests/", "Digests"),
    ("subscriptions", "/subscriptions/", "Subscriptions"),
)
MENU_OF_REVIEWERS = (
    ("queue", "/review/", "Review"),
    ("bench", "/rules/", "Rules"),
)
COOKIE = "lang"
_YEAR_S = 31_536_000
_WRONG: dict[int | str, str] = {
    "forged": "This link is not one of ours, or a part of it is missing. Nothing was changed.",
    "busy": "Too many people log in at this moment. Please try again.",
    "form": "This form is not from a page of ours, or too old. Load its page anew.",
    "login": "Your login has ended. Log in and send the form again.",
    "no users": "This page is for users, and there are none yet: `monitor users add` makes one.",
    "proxy": "This page is for users, and nothing in front of it said who you are.",
    "name": "This needs a name. Once `monitor users add` has made a user, one logs in.",
    "role": "Your role does not allow this.",
    "token": "This token is not good: it is not one of ours, or was revoked, or is too old.",
    "died": "What works this out was ended, or took too long. Please try again.",
    400: "This address cannot be read.",
    401: "This needs a token, and none was given.",
    403: "You may not do this.",
    404: "There is no such page.",
    405: "This address does not take such a request.",
    415: "This form has to be sent as a form.",
    413: "This request is too large.",
    421: "This name is not one of ours. Name it in web.url, or use the address of the machine.",
    500: "Something is wrong on our side. It has been written into the log.",
    503: "The database cannot be reached at the moment. Please try again soon.",
}


def page(request: Request, template: str, status: int = 200, **values: object) -> Response:
    """Return *template* filled with *values*, in the reader's language."""
    language = language_of(request)
    words = _chinese() if language == "zh" else {}
    site = site_of(request)
    text = (
        _environment(site.zone)
        .get_template(template)
        .render(
            _=partial(_said, words),
            word=lambda text: words.get(text, text),
            language=language,
            languages=LANGUAGES,
            in_language=lambda code: request.url.include_query_params(lang=code).query,
            static=static,
            visitor=visitor_of(request),
            form_field=lambda: form_field(request),
            zone=site.zone.key,
            menu=_menu(request),
            path=request.url.path,
            route=getattr(request.scope.get("route"), "name", ""),
            **values,
        )
    )
    response = HTMLResponse(text, status)
    remember(request, response)
    response.headers["Content-Language"] = language
    response.headers["Vary"] = "Accept-Language, Cookie"
    if request.query_params.get("lang") in LANGUAGES:
        response.set_cookie(
            COOKIE, language, max_age=_YEAR_S, httponly=True, samesite="lax", secure=site.secure
        )
    return response


def _said(words: Mapping[str, str], english: str, one: str | None = None, **named: object) -> str:
    """Return the reader's words, filled in; *one* stands for *english* where `count` is 1."""
    said = words.get(english) or (one if one and named["count"] == 1 else english)
    return said.format_map(named)


def not_yet(request: Request, title: str, back: tuple[str, str]) -> Response:
    """Return the page that stands in for one that is worked out; *back* leads to another."""
    return again(page(request, "web/behind.html.j2", title=title, back=back))


def again(response: Response) -> Response:
    """Return *response*, which the browser is to load again soon."""
    response.headers["Refresh"] = str(AGAIN_S)
    return response


def _menu(request: Request) -> tuple[tuple[str, str, str], ...]:
    visitor = visitor_of(request)
    reviews = visitor is not None and visitor.role.covers(UserRole.REVIEWER)
    return MENU + MENU_OF_REVIEWERS if reviews else MENU


def names_for(request: Request) -> Names:
    """Return what companies, topics, stages and regulators are called in the page's language."""
    site = site_of(request)
    return site.names_in.get(language_of(request), site.names)


def language_of(request: Request) -> str:
    """Return the language of the page: asked for, remembered, or the browser's first we speak."""
    for said in (request.query_params.get("lang"), request.cookies.get(COOKIE)):
        if said in LANGUAGES:
            return said
    offered: list[tuple[float, int, str]] = []
    for part in request.headers.get("accept-language", "").split(","):
        tag, _, quality = part.strip().partition(";q=")
        try:
            offered.append((-float(quality or 1), len(offered), tag[:2].lower()))
        except ValueError:
            continue
    return next((tag for _, _, tag in sorted(offered) if tag in LANGUAGES), "en")


def not_served(request: Request, error: Exception) -> Response:
    """Return the page of an HTTP error."""
    if request.url.path.startswith(problems.PATH) and isinstance(error, HTTPException):
        return problems.problem_response(error)
    status = error.status_code if isinstance(error, HTTPException) else 500
    detail = getattr(error, "detail", "")
    said = _WRONG.get(detail) or _WRONG.get(status) or HTTPStatus(status).phrase
    response = page(request, "web/problem.html.j2", status, code=status, said=said)
    for name, value in (getattr(error, "headers", None) or {}).items():
        response.headers[name] = value
    return response


def broken(request: Request, error: Exception) -> Response:
    """Return the page of a request that failed here."""
    if isinstance(error, ProcessDied):
        return not_served(request, HTTPException(503, "died"))
    unreachable = isinstance(error, SQLAlchemyError | StoreError)
    return not_served(request, HTTPException(503 if unreachable else 500))


def static(name: str) -> str:
    """Return the address of the file *name*, which changes when the file does."""
    return f"/static/{name}?{_asset(name)[1]}"


def asset(request: Request) -> Response:
    """Answer with a file that pages load."""
    name = request.path_params["name"]
    if name not in ASSETS:
        raise HTTPException(404)
    content, print_ = _asset(name)
    kept = "public, max-age=31536000, immutable" if request.url.query == print_ else "no-cache"
    return Response(content, headers={"Content-Type": ASSETS[name], "Cache-Control": kept})


@cache
def _asset(name: str) -> tuple[bytes, str]:
    content = (shipped("templates") / "web" / name).read_bytes()
    return content, sha256(content).hexdigest()[:12]


@cache
def _chinese() -> Mapping[str, str]:
    words: Mapping[str, str] = yaml.safe_load(
        (shipped("templates") / "web" / "zh.yaml").read_text("utf-8")
    )
    return words


def _shown(value: object) -> object:
    """Return a text as one safe line, a blank at its ends kept: pieces stand side by side."""
    if not isinstance(value, str) or isinstance(value, Markup):
        return value
    safe = one_line(value)
    return f"{' ' * value[:1].isspace()}{safe}{' ' * (bool(safe) and value[-1:].isspace())}"


@cache
def _environment(zone: ZoneInfo) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(shipped("templates")),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.filters["verbatim"] = escape
    environment.filters["local"] = lambda instant: f"{instant.astimezone(zone):%Y-%m-%d %H:%M}"
    return environment
