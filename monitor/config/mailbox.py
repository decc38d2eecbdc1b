"""The settings under `imap` of a feed: a folder of a mailbox, for newsletters."""

from ipaddress import ip_address
from typing import TYPE_CHECKING, Annotated, Final, Literal, Self
from urllib.parse import quote

from pydantic import Field, model_validator

from monitor.config import types
from monitor.config.frozen import Settings, default_duration

if TYPE_CHECKING:
    from monitor.feeds.mailbox import Mailbox

PORTS: Final = {"tls": 993, "starttls": 143, "none": 143}


class ImapSettings(Settings):
    """A folder of a mailbox, whose messages are articles."""

    host: types.Line
    """The server's name."""
    security: Literal["tls", "starttls", "none"] = "tls"
    """How the connection is encrypted; none for a server on this machine alone."""
    port: types.Port = Field(
        default_factory=lambda data: PORTS[data.get("security", "tls")],
        description="Its port: 993 with tls, else 143.",
    )
    username: types.Line
    """Who to log in as."""
    password: types.Password | None = None
    """The password of `username`."""
    password_file: types.Line | None = None
    """A file that holds the password instead."""
    ca_file: types.Line | None = None
    """A PEM file of the authorities to trust, instead of the system's."""
    folder: types.Line = "INBOX"
    """Which folder is read; it is never changed."""
    senders: Annotated[tuple[types.SenderPart, ...], Field(max_length=20)] = ()
    """Only messages from these addresses, or parts of one such as `@example.com`."""
    since: types.Duration = default_duration("30d")
    """How far the first poll looks back."""

    @model_validator(mode="after")
    def _keeps_the_password(self) -> Self:
        if self.password is None:
            raise ValueError("needs a `password` or a `password_file`")
        if self.security == "none" and not _is_here(self.host):
            raise ValueError("would send the password in clear: make `security` tls or starttls")
        return self

    @property
    def address(self) -> str:
        """What stands for the mailbox where a feed has its address; no password is in it."""
        scheme = "imaps" if self.security == "tls" else "imap"
        user, folder = quote(self.username, safe=""), quote(self.folder)
        return f"{scheme}://{user}@{self.host}:{self.port}/{folder}"

    def to_mailbox(self) -> "Mailbox":
        """Return the same as the program knows it, with the password."""
        from monitor.feeds.mailbox import Mailbox

        return Mailbox(
            host=self.host,
            port=self.port,
            security=self.security,
            username=self.username,
            password=self.password.get_secret_value() if self.password else "",
            folder=self.folder,
            senders=self.senders,
            since=self.since,
            ca_file=self.ca_file,
        )


def _is_here(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
