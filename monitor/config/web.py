"""The settings under `web`: where pages are served, and to whom.

* What mails link to (leaving a list, a digest on the web) is for everybody who has the link.
* All other pages are for people inside. Nobody has to log in yet, so they are only shown where
  nobody else can ask: on this machine, or where the operator says `open: true`.
"""

from ipaddress import ip_address
from typing import Self
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import Field, model_validator

from monitor.config import types
from monitor.config.frozen import Settings

USUAL_LISTEN = "127.0.0.1:8080"
_SHORTEST_SECRET = 16


class WebSettings(Settings):
    """Where pages are served, and to whom."""

    listen: types.Listen | None = None
    """Address and port; if it is given, `monitor run` serves the pages too."""
    url: types.Origin | None = None
    """Where readers reach them, such as https://monitor.example.com; mails link there."""
    open: bool = False
    """Whether all pages are shown to everybody who reaches them, without a login."""
    timezone: types.Zone = Field(default=ZoneInfo("UTC"), json_schema_extra={"default": "UTC"})
    """IANA time zone of the times on pages."""
    secret: types.Password | None = None
    """What signs the links in mails; made once and kept in the database if not given."""
    secret_file: types.Line | None = None
    """A file that holds the secret instead."""

    @model_validator(mode="after")
    def _has_a_long_secret(self) -> Self:
        if self.secret is not None and len(self.secret.get_secret_value()) < _SHORTEST_SECRET:
            raise ValueError(f"has a `secret` shorter than {_SHORTEST_SECRET} characters")
        return self

    @model_validator(mode="after")
    def _is_not_open_by_accident(self) -> Self:
        if self.listen is not None:
            require_closed(self.listen, self.url, is_open=self.open)
        return self


def require_closed(listen: str, url: str | None, *, is_open: bool) -> None:
    """Raise ValueError if pages at *listen* would be open to others, and nobody said so."""
    if is_open or url is not None or is_loopback(split_listen(listen)[0]):
        return
    raise ValueError(
        f"would listen at {listen}, where others can reach it, and nobody has to log in: name the"
        " `url` that mails link to, and only what they link to is shown; or say `open: true` if"
        " something in front of it asks who comes"
    )


def shows_all(listen: str, url: str | None, *, is_open: bool) -> bool:
    """Return whether pages at *listen* show everything, not only what mails link to.

    A *url* that leads elsewhere means that a proxy in front hands on what strangers ask for.
    """
    local = url is None or is_loopback(urlsplit(url).hostname or "")
    return is_open or (local and is_loopback(split_listen(listen)[0]))


def split_listen(listen: str) -> tuple[str, int]:
    """Return host and port of *listen*, which is `host:port`, an IPv6 host in brackets."""
    host, _, port = listen.rpartition(":")
    return host.strip("[]"), int(port)


def is_loopback(host: str) -> bool:
    """Return whether *host* is this machine itself, whoever asks."""
    if host.lower() == "localhost":
        return True
    return is_address(host) and ip_address(host).is_loopback


def is_address(host: str) -> bool:
    """Return whether *host* is an IP address, and no name."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
