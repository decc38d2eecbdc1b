"""The JSON Schema of the configuration file, for editors, and the list of all its keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from monitor.config.settings import Config

if TYPE_CHECKING:
    from collections.abc import Iterator


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of the configuration file.

    It says nothing of `${NAME}` in place of a number, which `monitor config check` accepts.
    """
    schema: dict[str, Any] = _tidy(Config.model_json_schema(by_alias=True, mode="validation"))
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **schema,
        "title": "Regulatory Monitor: config.yaml",
    }


def key_paths() -> Iterator[str]:
    """Yield every key there is, as the documentation writes it: `feeds[].url`."""
    schema = json_schema()
    yield from _keys(schema, schema["$defs"], "")


def _keys(schema: dict[str, Any], models: dict[str, Any], prefix: str) -> Iterator[str]:
    for name, part in schema["properties"].items():
        yield f"{prefix}{name}"
        text = str(part)
        inner = next((key for key in models if f"'#/$defs/{key}'" in text), None)
        if inner and "properties" in models[inner]:
            mark = "[]." if part.get("type") == "array" else "."
            if part.get("type") == "object":  # under names of the operator's own
                mark = ".*."
            yield from _keys(models[inner], models, f"{prefix}{name}{mark}")


def _tidy(schema: object) -> Any:  # noqa: ANN401 - JSON
    # A key without a value is a mistake, so null is in no place a choice; nor do the titles
    # pydantic makes from names tell anybody anything.
    if isinstance(schema, list):
        return [_tidy(part) for part in schema if part != {"type": "null"}]
    if not isinstance(schema, dict):
        return schema
    kept = {
        key: {name: _tidy(part) for name, part in value.items()}
        if key in {"properties", "$defs"}
        else _tidy(value)
        for key, value in schema.items()
        if key != "title" and not (key == "default" and value is None)
    }
    choices = kept.get("anyOf", [])
    return {**kept.pop("anyOf")[0], **kept} if len(choices) == 1 else kept
