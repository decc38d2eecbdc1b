"""The settings under `delivery`: how digests leave."""

from typing import Final, Literal, Self

from pydantic import Field, model_validator

from monitor.config import types
from monitor.config.channels import Url
from monitor.config.frozen import Settings, default_duration

PORTS: Final = {"starttls": 587, "tls": 465, "none": 25}


class SmtpSettings(Settings):
    """The mail server digests are handed to."""

    host: types.Line
    """The server's name."""
    security: Literal["starttls", "tls", "none"] = "starttls"
    """How the connection is encrypted; never less than asked for."""
    port: types.Port = Field(
        default_factory=lambda data: PORTS[data.get("security", "starttls")],
        description="Its port: 587 with starttls, 465 with tls, 25 with none.",
    )
    username: types.Line | None = None
    """Who to log in as."""
    password: types.Password | None = None
    """The password of `username`."""
    password_file: types.Line | None = None
    """A file that holds the password instead."""
    ca_file: types.Line | None = None
    """A PEM file of the authorities to trust, instead of the system's."""
    timeout: types.Duration = default_duration("60s")
    """How long one hand-over may take."""

    @model_validator(mode="after")
    def _keeps_the_password(self) -> Self:
        if (self.username is None) != (self.password is None):
            raise ValueError("needs both `username` and `password` (or `password_file`)")
        if self.security == "none" and self.username is not None:
            raise ValueError("would send the password in clear: make `security` starttls or tls")
        if self.security == "none" and self.ca_file is not None:
            raise ValueError("has a `ca_file` but no use for it: `security` is none")
        return self


class DkimSettings(Settings):
    """How mails are signed."""

    selector: types.Key
    """The public key is at `selector`._domainkey.`domain`."""
    domain: types.Domain | None = None
    """The signing domain; that of `from` if not given."""
    key: types.Password | None = None
    """The private key: RSA, in PEM."""
    key_file: types.Line | None = None
    """A file that holds the key instead."""

    @model_validator(mode="after")
    def _has_a_key(self) -> Self:
        if self.key is None:
            raise ValueError("needs a `key` or a `key_file`")
        return self


class DeliverySettings(Settings):
    """How digests leave: by SMTP, or into a folder while no server is set up."""

    sender: types.Sender = Field(
        default="Regulatory Monitor <monitor@localhost>",
        alias="from",
        description="Whom the mails are from.",
    )
    contact: types.MailAddress | None = None
    """Whom readers may write to, to be taken off a list."""
    dkim: DkimSettings | None = None
    """How mails are signed."""
    heartbeat: Url | None = None
    """An http or https address that is asked for after each round of digests that went well."""
    heartbeat_file: types.Line | None = None
    """A file that holds it instead."""
    outbox: types.Line = "outbox"
    """The folder mails are written to while `smtp` is not set up."""
    smtp: SmtpSettings | None = None
    """The mail server."""
    at_once: types.Count = 4
    """How many deliveries are handed over at the same time."""
    give_up_after: types.Duration = default_duration("5d")
    """How long after its first attempt a delivery is tried again."""
