"""The types of single settings: how each is read, written and shown in the JSON Schema."""

import re
from datetime import time, timedelta
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, Field, PlainSerializer, SecretStr, WithJsonSchema

from monitor.config import calendars, filters, shapes, values


def _text(pattern: str, **more: object) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "pattern": f"^{pattern}$", **more})


def _no_switch(value: object) -> object:
    # Python counts with True; an operator does not.
    if isinstance(value, bool):
        message = "must be a number, not true or false"
        raise ValueError(message)  # noqa: TRY004 - pydantic takes ValueError alone
    return value


def _matching(pattern: str, wanted: str) -> BeforeValidator:
    def check(value: object) -> object:
        if isinstance(value, str) and not re.fullmatch(pattern, value):
            raise ValueError(f'{wanted}, not "{value[:60]}"')
        return value

    return BeforeValidator(check)


Duration = Annotated[
    timedelta,
    BeforeValidator(values.read_duration),
    PlainSerializer(values.write_duration),
    _text(values.DURATION),
]
Size = Annotated[
    int,
    BeforeValidator(values.read_size),
    WithJsonSchema(
        {"anyOf": [{"type": "string", "pattern": f"^{values.SIZE}$"}, {"type": "integer"}]}
    ),
]
TimeOfDay = Annotated[
    time,
    BeforeValidator(values.read_time),
    PlainSerializer(lambda at: at.strftime("%H:%M")),
    _text(values.TIME),
]
TimesOfDay = Annotated[
    tuple[TimeOfDay, ...],
    BeforeValidator(values.one_or_many, json_schema_input_type=TimeOfDay | list[TimeOfDay]),
]
Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
Calendars = Annotated[
    tuple[Annotated[str, BeforeValidator(calendars.read_calendar)], ...],
    BeforeValidator(values.one_or_many, json_schema_input_type=str | list[str]),
]
Zone = Annotated[
    ZoneInfo,
    BeforeValidator(values.read_zone),
    PlainSerializer(lambda zone: zone.key),
    WithJsonSchema({"type": "string", "examples": ["Asia/Hong_Kong"]}),
]
WebAddress = Annotated[
    str, BeforeValidator(values.read_web_address), _text("https?://.+", format="uri")
]
Origin = Annotated[str, BeforeValidator(values.read_origin), _text("https?://.+", format="uri")]
Listen = Annotated[str, BeforeValidator(values.read_listen), _text(".+:[0-9]+")]
Selector = Annotated[str, BeforeValidator(values.read_selector)]
MailAddress = Annotated[
    str,
    BeforeValidator(values.read_mail_address),
    WithJsonSchema({"type": "string", "format": "idn-email"}),
]
Domain = Annotated[str, BeforeValidator(values.read_domain), WithJsonSchema({"type": "string"})]
Recipient = Annotated[
    str,
    BeforeValidator(values.read_recipient),
    WithJsonSchema({"anyOf": [{"type": "string", "format": "idn-email"}, {"type": "string"}]}),
]
Recipients = Annotated[
    tuple[Recipient, ...],
    Field(min_length=1),
    BeforeValidator(values.one_or_many, json_schema_input_type=Recipient | list[Recipient]),
]
Sender = Annotated[str, BeforeValidator(values.read_sender)]
Networks = Annotated[
    tuple[Annotated[str, BeforeValidator(values.read_network)], ...],
    BeforeValidator(values.networks_or_none, json_schema_input_type=list[str] | bool),
]
SenderPart = Annotated[
    str,
    _matching(values.SENDER_PART, "must be a mail address, or a part of one such as @example.com"),
    _text(values.SENDER_PART),
]
Contact = Annotated[str, BeforeValidator(values.read_contact)]
Database = Annotated[
    SecretStr,
    BeforeValidator(lambda given: SecretStr(values.read_database(given))),
    PlainSerializer(lambda url: values.without_password(url.get_secret_value())),
    _text(r"(sqlite:///|postgresql\+psycopg://).+"),
]
Password = Annotated[SecretStr, Field(min_length=1)]
Key = Annotated[
    str,
    _matching(values.KEY, "must be lower-case letters, digits and . _ -"),
    _text(values.KEY),
]
Name = Annotated[
    str, _matching(values.NAME, "must be letters, digits and . _ -"), _text(values.NAME)
]
Language = Annotated[
    str,
    _matching(values.LANGUAGE, "must be a language tag such as en or zh-Hans"),
    _text(values.LANGUAGE),
]
HeaderName = Annotated[
    str,
    _matching(values.HEADER_NAME, "must be the name of an HTTP header, such as Remote-User"),
    _text(values.HEADER_NAME),
]
Filter = Annotated[
    str, BeforeValidator(filters.read), WithJsonSchema({"type": "string", "maxLength": 2000})
]
Line = Annotated[str, _matching(values.LINE, "must be one line of text")]
Port = Annotated[int, Field(ge=1, le=65535), BeforeValidator(_no_switch)]
Count = Annotated[int, Field(ge=1, le=1000), BeforeValidator(_no_switch)]
Share = Annotated[float, Field(ge=0, le=1), BeforeValidator(_no_switch)]
WatchedCompany = Annotated[Any, WithJsonSchema(shapes.entry_shape(shapes.COMPANY_KEYS))]
WatchedTopic = Annotated[
    Any, WithJsonSchema(shapes.entry_shape(shapes.TOPIC_KEYS, "keywords", "queries"))
]
