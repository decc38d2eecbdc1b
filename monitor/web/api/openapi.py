"""The OpenAPI document of the API (3.1), made from the table of calls and their models."""

from __future__ import annotations

from functools import cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from pydantic.json_schema import models_json_schema
from starlette.responses import Response

from monitor.resources import version
from monitor.web import etags
from monitor.web.api import shapes, takes
from monitor.web.api.endpoints import CALLS, JSON, ROOT
from monitor.web.api.problems import MEDIA_TYPE

if TYPE_CHECKING:
    from pydantic import BaseModel
    from pydantic.json_schema import JsonSchemaMode
    from starlette.requests import Request

    from monitor.web.api.endpoints import Call

PATH: Final = f"{ROOT}/openapi.json"
_REFS: Final = "#/components/schemas/{model}"
_ETAG: Final = {"ETag": {"description": "Of this answer", "schema": {"type": "string"}}}


def openapi(request: Request) -> Response:
    """Answer with the document."""
    body, tag = _written()
    if etags.is_known(request, tag):
        return Response(status_code=304, headers={"ETag": tag})
    return Response(body, media_type=JSON, headers={"ETag": tag})


def document() -> dict[str, Any]:
    """Return the document."""
    wanted: list[tuple[type[BaseModel], JsonSchemaMode]] = [(shapes.ProblemDetails, "validation")]
    for call in CALLS:
        wanted += [(call.gives, "serialization")] if call.gives else []
        wanted += [(call.body, "validation")] if call.body else []
    refs, schemas = models_json_schema(wanted, ref_template=_REFS)
    paths: dict[str, dict[str, Any]] = {}
    for call in CALLS:
        path = call.path.replace(":int}", "}")
        paths.setdefault(path, {})[call.method.lower()] = _operation(call, refs)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Regulatory Monitor",
            "version": version(),
            "description": "Hits, stories, articles, feeds, digests, reviews and saved searches.",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": ROOT}],
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": schemas["$defs"],
        },
    }


def _operation(call: Call, refs: dict[Any, Any]) -> dict[str, Any]:
    parameters = _path_parameters(call) + _query_parameters(call)
    done: dict[str, Any] = {"description": HTTPStatus(call.status).phrase}
    if call.gives is not None:
        done["content"] = {JSON: {"schema": refs[call.gives, "serialization"]}}
    codes = [400, 401, 403]
    codes += [404] if call.variable or call.body is takes.NewReview else []
    codes += [413, 415] if call.body else []
    codes += [409] if call.body is takes.SearchWanted else []
    problem = {MEDIA_TYPE: {"schema": refs[shapes.ProblemDetails, "validation"]}}
    problems = {
        str(code): {"description": HTTPStatus(code).phrase, "content": problem}
        for code in sorted(codes)
    }
    operation: dict[str, Any] = {
        "operationId": f"{call.method.lower()}{call.path.replace(':int', '')}".translate(
            {ord("/"): "_", ord("{"): None, ord("}"): None}
        ),
        "summary": call.summary,
        "description": f"Needs the scope `{'read' if call.needs == 'reader' else 'review'}`.",
        "parameters": parameters,
        "responses": {str(call.status): done, **problems},
    }
    if call.method == "GET":
        done["headers"] = _ETAG
        operation["responses"]["304"] = {"description": "Not Modified", "headers": _ETAG}
        known = {"name": "If-None-Match", "in": "header", "schema": {"type": "string"}}
        parameters.append({**known, "description": "The ETag of an answer that is kept."})
    if call.body is not None:
        content = {JSON: {"schema": refs[call.body, "validation"]}}
        operation["requestBody"] = {"required": True, "content": content}
    if call.status == 201:  # noqa: PLR2004 - Created
        where = {"description": "Its address", "schema": {"type": "string"}}
        done["headers"] = {"Location": where}
    return operation


def _path_parameters(call: Call) -> list[dict[str, Any]]:
    if call.variable is None:
        return []
    name, is_number = call.variable
    number = {"type": "integer", "minimum": 1, "maximum": takes.LARGEST_ID}
    schema = number if is_number else {"type": "string", "minLength": 1}
    return [{"name": name, "in": "path", "required": True, "schema": schema}]


def _query_parameters(call: Call) -> list[dict[str, Any]]:
    if call.query is None:
        return []
    shape = call.query.model_json_schema()
    required = shape.get("required", [])
    parameters = []
    for name, given in shape["properties"].items():
        schema = dict(given)
        said = schema.pop("description", "")
        schema.pop("title", None)
        if "anyOf" in schema and schema.get("default", 0) is None:  # null is to leave it out
            schema.pop("default")
            kinds = [it for it in schema.pop("anyOf") if it != {"type": "null"}]
            schema |= kinds[0] if len(kinds) == 1 else {"anyOf": kinds}
        parameters.append(
            {
                "name": name,
                "in": "query",
                "required": name in required,
                "description": said,
                "schema": schema,
            }
        )
    return parameters


@cache
def _written() -> tuple[bytes, str]:
    import json
    from hashlib import sha256

    body = json.dumps(document(), ensure_ascii=False).encode()
    return body, f'"{sha256(body).hexdigest()[:32]}"'
