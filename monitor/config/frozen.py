"""What all parts of the settings have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field

from monitor.config import values

if TYPE_CHECKING:
    from pydantic import GetJsonSchemaHandler
    from pydantic.json_schema import JsonSchemaValue
    from pydantic_core import CoreSchema


def default_duration(text: str) -> Any:  # noqa: ANN401 - as pydantic.Field
    """Return a field that is *text* in the schema and the duration it stands for in the program."""
    return Field(default=values.read_duration(text), json_schema_extra={"default": text})


class Settings(BaseModel):
    """What all settings have in common: they are frozen, and know their keys.

    The text under a key is its description in the JSON Schema, which an editor shows. It is read
    from the source when the schema is asked for, not at every start as pydantic would: that takes
    longer than everything else here.
    """

    model_config = ConfigDict(
        defer_build=True,  # of each part by itself: the whole is built when it is first read
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
    )

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Return the schema that pydantic makes, with descriptions. Called by pydantic."""
        schema = handler(core)
        keys = handler.resolve_ref_schema(schema)["properties"]
        for name, text in _described(cls):
            keys[cls.model_fields[name].alias or name].setdefault("description", text)
        return schema


def _described(settings: type[Settings]) -> list[tuple[str, str]]:
    import ast
    import inspect
    from itertools import pairwise

    body = ast.parse(inspect.getsource(settings)).body[0].body  # type: ignore[attr-defined]
    return [
        (key.target.id, inspect.cleandoc(below.value.value))
        for key, below in pairwise(body)
        if isinstance(key, ast.AnnAssign)
        and isinstance(key.target, ast.Name)
        and isinstance(below, ast.Expr)
        and isinstance(below.value, ast.Constant)
        and isinstance(below.value.value, str)
    ]
