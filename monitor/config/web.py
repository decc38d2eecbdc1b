"""The settings under `web`: where pages are served, and to whom.

* What mails link to (leaving a list, a digest on the web) is for everybody who has the link.
* All other pages are for users: those who log in, and those whom a trusted proxy names.
* Where only this machine can ask and there are no users, whoever asks may read.
"""

from datetime import timedelta
from ipaddress import ip_address, ip_network
from typing import Annotated
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import Field, model_validator

from monitor.config import types
from monitor.config.frozen import Settings, default_duration
from monitor.model import UserRole

USUAL_LISTEN = "127.0.0.1:8080"
_SHORTEST_SECRET = 16


class ProxySettings(Settings):
    """A proxy in front, which may say who comes and from where."""

    addresses: Annotated[types.Networks, Field(min_length=1)]
    """From where the proxy connects; nobody else is believed."""
    user_header: types.HeaderName | None = None
    """The header in which it names the user, such as Remote-User; it drops what clients send."""
    role: UserRole | None = None
    """What those may do whom it names and who are no users here; if not given, nothing."""

    def is_ours(self, address: str) -> bool:
        """Return whether the proxy connects from *address*."""
        if not is_address(address):
            return False
        ip = ip_address(address)
        ip = getattr(ip, "ipv4_mapped", None) or ip
        return any(ip in ip_network(network) for network in self.addresses)


class WebSettings(Settings):
    """Where pages are served, and to whom."""

    listen: types.Listen | None = None
    """Address and port; if it is given, `monitor run` serves the pages too."""
    url: types.Origin | None = None
    """Where readers reach them, such as https://monitor.example.com; mails link there."""
    proxy: ProxySettings | None = None
    """A proxy in front that is believed."""
    login: types.Duration = default_duration("7d")
    """How long a login lasts."""
    timezone: types.Zone = Field(default=ZoneInfo("UTC"), json_schema_extra={"default": "UTC"})
    """IANA time zone of the times on pages."""
    secret: types.Password | None = None
    """What signs the links in mails; made once and kept in the database if not given."""
    secret_file: types.Line | None = None
    """A file that holds the secret instead."""

    @model_validator(mode="after")
    def _is_of_use(self) -> "WebSettings":
        if self.secret is not None and len(self.secret.get_secret_value()) < _SHORTEST_SECRET:
            raise ValueError(f"has a `secret` shorter than {_SHORTEST_SECRET} characters")
        if self.login < timedelta(minutes=1):
            raise ValueError("has a `login` shorter than a minute")
        return self

    def is_local(self, listen: str) -> bool:
        """Return whether only those on this machine can ask for pages at *listen*.

        A `url` that leads elsewhere, or a proxy, hands on what others ask for.
        """
        inside = self.url is None or is_loopback(urlsplit(self.url).hostname or "")
        return inside and self.proxy is None and is_loopback(split_listen(listen)[0])

    def require_closed(self, listen: str, *, users: bool) -> None:
        """Raise ValueError if others can reach *listen*, and nothing says who may see what.

        *users* says whether there are any.
        """
        named = self.proxy is not None and self.proxy.user_header is not None
        if users or named or self.url is not None or is_loopback(split_listen(listen)[0]):
            return
        raise ValueError(
            f"would listen at {listen}, where others can reach it, and there are no users: add one"
            " with `monitor users add NAME --role admin`, or name in `web.proxy` the proxy that"
            " says who comes; or name the `web.url` that mails link to, and until there are users"
            " only what mails link to is shown"
        )


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
