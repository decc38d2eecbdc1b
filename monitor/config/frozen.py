"""What all parts of the settings have in common."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from monitor.config import values


def default_duration(text: str) -> Any:  # noqa: ANN401 - as pydantic.Field
    """Return a field that is *text* in the schema and the duration it stands for in the program."""
    return Field(default=values.read_duration(text), json_schema_extra={"default": text})


class Settings(BaseModel):
    """What all settings have in common: they are frozen, and know their keys."""

    model_config = ConfigDict(
        defer_build=True,  # of each part by itself: the whole is built when it is first read
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        use_attribute_docstrings=True,  # they are what an editor shows
    )
