"""The table of the API: each address, what it takes and gives, and the role it needs.

Routes and the OpenAPI document are made from it. A call is read and checked by the models that the
document shows, and its answer is written by them.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

from pydantic import BaseModel, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from monitor.model import UserRole
from monitor.web import etags
from monitor.web.api import changes, lists, shapes, takes, watched
from monitor.web.api.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from starlette.requests import Request

ROOT: Final = "/api/v1"
JSON: Final = "application/json"


@dataclass(frozen=True, slots=True)
class Call:
    """One method of one address: *answer* gets the request, the path's value, and what it takes."""

    path: str
    method: str
    summary: str
    answer: Callable[..., Any]
    gives: type[BaseModel] | None
    query: type[BaseModel] | None = None
    body: type[BaseModel] | None = None
    status: int = 200
    needs: UserRole = UserRole.READER

    @property
    def variable(self) -> tuple[str, bool] | None:
        """The name of the value in the path, and whether it is a number; None without one."""
        _, brace, rest = self.path.partition("{")
        name, _, kind = rest.rstrip("}").partition(":")
        return (name, kind == "int") if brace else None


REVIEWER: Final = UserRole.REVIEWER
CALLS: Final = (
    Call(
        "/hits",
        "GET",
        "List hits, the newest first",
        lists.hits_page,
        shapes.Page[shapes.Hit],
        takes.HitsAsked,
    ),
    Call(
        "/hits/{hit_id:int}",
        "GET",
        "Get a hit, with the words that made it",
        lists.hit,
        shapes.HitInFull,
    ),
    Call(
        "/stories",
        "GET",
        "List stories, the one with the latest news first",
        lists.stories_page,
        shapes.Page[shapes.Story],
        takes.Found,
    ),
    Call(
        "/stories/{story_id:int}",
        "GET",
        "Get a story, with its proceeding and who was told",
        lists.story,
        shapes.StoryInFull,
    ),
    Call(
        "/articles",
        "GET",
        "List articles, the newest first",
        lists.articles_page,
        shapes.Page[shapes.Article],
        takes.ArticlesAsked,
    ),
    Call("/articles/{article_id:int}", "GET", "Get an article", lists.article, shapes.Article),
    Call(
        "/feeds",
        "GET",
        "List feeds by name, and how they fare",
        lists.feeds_page,
        shapes.Page[shapes.Feed],
        takes.Paged,
    ),
    Call(
        "/feeds/{feed_id}", "GET", "Get a feed, with its last polls", lists.feed, shapes.FeedInFull
    ),
    Call(
        "/digests",
        "GET",
        "List digests, the newest first",
        lists.digests_page,
        shapes.Page[shapes.Digest],
        takes.DigestsAsked,
    ),
    Call(
        "/digests/{digest_id:int}",
        "GET",
        "Get a digest exactly as it was sent",
        lists.digest,
        shapes.DigestInFull,
    ),
    Call(
        "/companies",
        "GET",
        "List companies, and what was told of each lately",
        watched.companies_page,
        shapes.Page[shapes.Company],
        takes.Paged,
    ),
    Call(
        "/subscriptions",
        "GET",
        "List subscriptions: who is sent digests of what",
        watched.subscriptions_page,
        shapes.Page[shapes.Subscription],
        takes.Paged,
    ),
    Call(
        "/reviews",
        "GET",
        "List reviews, the newest first",
        lists.reviews_page,
        shapes.Page[shapes.Review],
        takes.ReviewsAsked,
    ),
    Call(
        "/reviews",
        "POST",
        "Give a verdict on a hit",
        changes.add_review,
        shapes.Review,
        body=takes.NewReview,
        status=201,
        needs=REVIEWER,
    ),
    Call(
        "/searches",
        "GET",
        "List saved searches",
        changes.searches_page,
        shapes.Page[shapes.Search],
        takes.Paged,
    ),
    Call(
        "/searches",
        "POST",
        "Save a search",
        changes.add_search,
        shapes.Search,
        body=takes.SearchWanted,
        status=201,
        needs=REVIEWER,
    ),
    Call("/searches/{search_id:int}", "GET", "Get a saved search", changes.search, shapes.Search),
    Call(
        "/searches/{search_id:int}",
        "PUT",
        "Change a saved search",
        changes.change_search,
        shapes.Search,
        body=takes.SearchWanted,
        needs=REVIEWER,
    ),
    Call(
        "/searches/{search_id:int}",
        "DELETE",
        "Forget a saved search",
        changes.remove_search,
        None,
        status=204,
        needs=REVIEWER,
    ),
)


def routes() -> list[tuple[str, Callable[[Request], Awaitable[Response]], Mapping[str, UserRole]]]:
    """Return each address, what answers it, and the role that each of its methods needs."""
    paths: dict[str, dict[str, Call]] = {}
    for call in CALLS:
        paths.setdefault(call.path, {})[call.method] = call
    return [
        (ROOT + path, _answering(calls), {method: it.needs for method, it in calls.items()})
        for path, calls in paths.items()
    ]


def _answering(calls: Mapping[str, Call]) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        call = calls["GET" if request.method == "HEAD" else request.method]
        taken: list[Any] = []
        if call.variable is not None:
            taken.append(_path_value(request, *call.variable))
        taken += _query(request, call)
        if call.body is not None:
            kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
            if kind != JSON:
                raise Problem(415, "body", f"The body has to be {JSON}.")
            taken.append(_read(call.body, await request.body()))
        return await run_in_threadpool(_answered, request, call, taken)

    return answer


def _answered(request: Request, call: Call, taken: list[Any]) -> Response:
    given = call.answer(request, *taken)
    if call.gives is None:
        return Response(status_code=call.status)
    body = call.gives.model_validate(given).model_dump_json().encode()
    if call.method != "GET":
        response = Response(body, call.status, media_type=JSON)
        if call.status == 201:  # noqa: PLR2004 - Created
            number = next(iter(given.values()))
            response.headers["Location"] = f"{ROOT}{call.path}/{number}"
        return response
    tag = f'"{sha256(body).hexdigest()[:32]}"'
    if etags.is_known(request, tag):
        return Response(status_code=304, headers={"ETag": tag})
    return Response(body, call.status, {"ETag": tag}, media_type=JSON)


def _path_value(request: Request, name: str, is_number: bool) -> int | str:  # noqa: FBT001 - of Call
    value: int | str = request.path_params[name]
    if is_number and not 1 <= int(value) <= takes.LARGEST_ID:
        raise Problem(404, "absent", "There is nothing with that number.")
    return value


def _query(request: Request, call: Call) -> list[BaseModel]:
    pairs = request.query_params.multi_items()
    model = call.query or takes.Shape
    given = dict(pairs)
    twice = [name for name in given if len(request.query_params.getlist(name)) > 1]
    if twice:
        errors = [{"in": "query", "name": name, "message": "is there twice"} for name in twice]
        raise Problem(400, "parameters", f"{twice[0]}: is there twice", errors=errors)
    try:
        read = model.model_validate(given)
    except ValidationError as error:
        errors = [{"in": "query", **it} for it in _mistakes(error)]
        said = "; ".join(f"{it['name']}: {it['message']}" for it in errors)
        raise Problem(400, "parameters", said, errors=errors) from None
    return [read] if call.query is not None else []


def _read(model: type[BaseModel], body: bytes) -> BaseModel:
    try:
        return model.model_validate_json(body, strict=True)
    except ValidationError as error:
        errors = [{"in": "body", **it} for it in _mistakes(error)]
        said = "; ".join(f"{it['name'] or 'body'}: {it['message']}" for it in errors)
        raise Problem(400, "body", said, errors=errors) from None


def _mistakes(error: ValidationError) -> list[dict[str, str]]:
    return [
        {"name": ".".join(map(str, it["loc"])), "message": it["msg"].removeprefix("Value error, ")}
        for it in error.errors(include_url=False, include_context=False, include_input=False)
    ]
