"""The settings under `channels`: ways out that are no mail, each under a name of its own."""

from base64 import b64decode
from contextlib import suppress
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import (
    BeforeValidator,
    PlainSerializer,
    SecretStr,
    WithJsonSchema,
    model_validator,
)

from monitor.config import types, values
from monitor.config.frozen import Settings, default_duration

_KEY_BYTES = range(24, 65)  # Standard Webhooks, "Signature scheme"


def read_secret(text: str) -> bytes:
    """Return the key that `whsec_` and base64 stand for; raise ValueError if it is none."""
    prefix, _, encoded = text.partition("_")
    with suppress(ValueError):
        key = b64decode(encoded, validate=True)
        if prefix == "whsec" and len(key) in _KEY_BYTES:
            return key
    raise ValueError("must be whsec_ and 24 to 64 bytes in base64, as `openssl rand -base64 32`")


def _read_key(value: object) -> SecretStr:
    read_secret(str(value))
    return SecretStr(str(value))


def _without_path(url: SecretStr) -> str:
    parts = urlsplit(url.get_secret_value())
    return f"{parts.scheme}://{parts.netloc}/***"


def _lines(value: object) -> object:
    # From a file: one secret a line.
    return value.split() if isinstance(value, str) else value


# Whoever knows the path of a webhook can often post there, so it is kept like a password.
Url = Annotated[
    SecretStr,
    BeforeValidator(lambda given: SecretStr(values.read_web_address(given))),
    PlainSerializer(_without_path),
    WithJsonSchema({"type": "string", "pattern": "^https?://.+$", "format": "uri"}),
]
Secrets = Annotated[
    tuple[Annotated[SecretStr, BeforeValidator(_read_key)], ...],
    BeforeValidator(_lines, json_schema_input_type=str | list[str]),
]


class ChannelSettings(Settings):
    """A channel: a chat reached through Apprise, or a webhook."""

    apprise: types.Password | None = None
    """The address of a chat service, as Apprise writes it; needs the extra `channels`."""
    apprise_file: types.Line | None = None
    """A file that holds it instead."""
    webhook: Url | None = None
    """An http or https address that is sent signed JSON."""
    webhook_file: types.Line | None = None
    """A file that holds it instead."""
    secret: Secrets = ()
    """What webhooks are signed with: whsec_ and base64; several while one is replaced."""
    secret_file: types.Line | None = None
    """A file that holds the secrets instead, one a line."""
    timeout: types.Duration = default_duration("30s")
    """How long one hand-over may take."""

    @model_validator(mode="after")
    def _is_one_thing(self) -> Self:
        if (self.apprise is None) == (self.webhook is None):
            raise ValueError("needs either `apprise` or `webhook`")
        if self.webhook is not None and not self.secret:
            raise ValueError("needs a `secret`, which receivers know its webhooks by")
        if self.apprise is not None and self.secret:
            raise ValueError("has a `secret` but no use for it: Apprise signs nothing")
        return self
