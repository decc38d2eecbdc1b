"""What pydantic found wrong, in words for an operator."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args, get_origin

from pydantic import BaseModel

from monitor.config.settings import Config
from monitor.config.values import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic_core import ErrorDetails

    from monitor.config.marks import KeyPath

_WANTED = {
    "string_type": "must be text",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "tuple_type": "must be a list",
    "model_type": "must be a mapping, that is lines of `key: value`",
    "model_attributes_type": "must be a mapping, that is lines of `key: value`",
}


def _choices(context: dict[str, Any], given: object) -> str:
    choices = context["expected"].replace("'", "").replace(" or ", ", ").split(", ")
    return f"must be one of {', '.join(choices)}{did_you_mean(str(given), choices)}"


_SENTENCES: dict[str, Callable[[dict[str, Any], object], str]] = {
    "missing": lambda _context, _given: "is missing",
    "value_error": lambda context, _given: str(context["error"]),
    "literal_error": _choices,
    "enum": _choices,
    "too_short": lambda _context, _given: "must not be empty",
    "string_too_short": lambda _context, _given: "must not be empty",
    "greater_than_equal": lambda context, _given: f"must be at least {context['ge']:g}",
    "less_than_equal": lambda context, _given: f"must be at most {context['le']:g}",
}


def explain(error: ErrorDetails) -> str:
    """Return what is wrong as a sentence that completes "KEY ...", without any secret in it."""
    kind = error["type"]
    if kind == "extra_forbidden":
        return _unknown_key(error["loc"])
    if kind in _WANTED:
        hint = "; put it in quotes" if kind == "string_type" and _is_scalar(error["input"]) else ""
        return f"{_WANTED[kind]}, not {_kind_of(error['input'])}{hint}"
    say = _SENTENCES.get(kind)
    return say(error.get("ctx", {}), error["input"]) if say else error["msg"]


def keys_at(path: KeyPath) -> list[str]:
    """Return the keys a mapping at *path* may have; none if no mapping stands there."""
    found: Any = Config
    named = False  # whether the next step is a name of the operator's own
    for step in path:
        if named:
            named = False
        elif isinstance(step, str):
            fields = {field.alias or name: field for name, field in found.model_fields.items()}
            if step not in fields:
                return []
            named = get_origin(fields[step].annotation) is dict
            found = _model_in(fields[step].annotation)
        if found is None:
            return []
    if named:
        return []
    return [field.alias or name for name, field in found.model_fields.items()]


def _model_in(annotation: object) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    inner = (_model_in(part) for part in get_args(annotation))
    return next((model for model in inner if model is not None), None)


def _unknown_key(path: KeyPath) -> str:
    known = keys_at(path[:-1])
    hint = did_you_mean(str(path[-1]), known) or f"; known are {', '.join(known)}"
    return f"unknown key{hint}"


def _is_scalar(value: object) -> bool:
    return isinstance(value, bool | int | float)


def _kind_of(value: object) -> str:
    kinds = ((bool, "a switch"), (int | float, "a number"), (str, "text"), (dict, "a mapping"))
    return next((name for kind, name in kinds if isinstance(value, kind)), "a list")
