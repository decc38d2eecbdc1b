"""How single values are written in the configuration: durations, sizes, times, addresses, ....

* Each reader takes what stands in the file and returns the value, or raises ValueError with one
  sentence that completes "KEY ...".
* A message quotes only what cannot be a secret; addresses of feeds may hold one.
* Each type writes itself the way it is read, so that `monitor config show` can be used as a file.
"""

from __future__ import annotations

import re
from datetime import time, timedelta
from difflib import get_close_matches
from ipaddress import ip_network
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, urlsplit
from zoneinfo import ZoneInfo, available_timezones

import idna

if TYPE_CHECKING:
    from collections.abc import Iterable

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_BYTES = {"": 1, "B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9}
_BYTES |= {"KiB": 2**10, "MiB": 2**20, "GiB": 2**30}

DURATION = r"[0-9]{1,6}(s|m|h|d)"
SIZE = r"[0-9]{1,12} ?(B|kB|MB|GB|KiB|MiB|GiB)?"
TIME = r"([01]?[0-9]|2[0-3]):[0-5][0-9]"
KEY = r"[a-z0-9]([a-z0-9._-]{0,98}[a-z0-9])?"
NAME = r"[A-Za-z0-9]([A-Za-z0-9._-]{0,58}[A-Za-z0-9])?"
HEADER_NAME = "[A-Za-z][A-Za-z0-9-]{0,63}"
LINE = r"[^\x00-\x1f\x7f]*[^\x00-\x20\x7f][^\x00-\x1f\x7f]*"
LISTEN = r"(?P<host>[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\]):(?P<port>[0-9]{1,5})"
SENDER_PART = r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~@-]{1,254}"
LANGUAGE = r"[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*"
# What RFC 5322 allows of an address, less comments and quoting.
_ATOM = r"[^\x00-\x20\x7f-\xa0\"(),.:;<>@\[\\\]]+"  # RFC 5322, 3.2.3; RFC 6532 beyond ASCII
_LOCAL = re.compile(rf"{_ATOM}(\.{_ATOM})*")
_LABEL = "[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_DOMAIN = re.compile(rf"{_LABEL}(\.{_LABEL})*")
_MAX_ADDRESS = 254  # RFC 5321, section 4.5.3.1.3, less the angle brackets
_MAX_SELECTOR = 500
_PORTS = 65535
_PASSWORD = re.compile(
    r"(?<=://)(?P<user>[^:/?#@]*):[^/]*@"
    r"|(?P<query>[?&](?:(?:ssl)?password|passwd|(?:api[_-]?|access[_-]?)?(?:key|token)|secret)=)[^&#]*",
    re.IGNORECASE,
)


def read_duration(value: object) -> timedelta:
    """Return the time that `45s`, `15m`, `2h` or `30d` stands for, longer than none."""
    if isinstance(value, timedelta):
        return value
    if not isinstance(value, bool) and re.fullmatch("[0-9.]{1,9}", str(value)):
        message = f"needs a unit: {value}s, {value}m, {value}h or {value}d"
        raise ValueError(message)
    if not isinstance(value, str) or not re.fullmatch(DURATION, value):
        raise ValueError(f"must be a duration such as 45s, 15m, 2h or 30d{_instead_of(value)}")
    duration = timedelta(seconds=int(value[:-1]) * _SECONDS[value[-1]])
    if not duration:
        raise ValueError("must be longer than none")
    return duration


def write_duration(duration: timedelta) -> str:
    """Return *duration*, of whole seconds, in the largest unit that leaves no rest."""
    seconds = int(duration.total_seconds())
    unit = next(unit for unit in "dhms" if seconds % _SECONDS[unit] == 0)
    return f"{seconds // _SECONDS[unit]}{unit}"


def read_size(value: object) -> int:
    """Return the bytes that `50MB`, `64 KiB` or a bare number stands for, at least 1."""
    found = re.fullmatch(r"([0-9]{1,12}) ?([A-Za-z]*)", str(value))
    if isinstance(value, bool) or not found or found[2] not in _BYTES:
        raise ValueError(f"must be a size such as 50MB, 64KiB or 1000000{_instead_of(value)}")
    size = int(found[1]) * _BYTES[found[2]]
    if not size:
        raise ValueError("must be more than 0 bytes")
    return size


def read_time(value: object) -> time:
    """Return the time of day that `07:30` stands for."""
    if isinstance(value, time):
        return value
    if not isinstance(value, str) or not re.fullmatch(TIME, value):
        raise ValueError(f'must be a time of day such as "07:30"{_instead_of(value)}')
    hour, _, minute = value.partition(":")
    return time(int(hour), int(minute))


def read_zone(value: object) -> ZoneInfo:
    """Return the time zone of that name in the IANA database."""
    if isinstance(value, ZoneInfo):
        return value
    try:
        return ZoneInfo(str(value))
    except (ValueError, OSError, KeyError):
        hint = did_you_mean(str(value), available_timezones())
        raise ValueError(f'names no time zone: "{str(value)[:60]}"{hint}') from None


def read_web_address(value: object) -> str:
    """Return *value* if it is an http or https address with a host and without a password."""
    if not isinstance(value, str) or not re.fullmatch(r"[^\s\x00-\x1f\x7f]+", value):
        raise ValueError("must be an address without spaces, such as https://example.org/feed")
    try:
        parts = urlsplit(value)
        host = (parts.hostname or "").encode("idna").decode("ascii")
        _ = parts.port
    except ValueError as error:  # UnicodeError is one
        raise ValueError(f"is no web address: {error}") from None
    if parts.scheme not in {"http", "https"}:
        scheme = f", not {parts.scheme}://" if "://" in value and parts.scheme else ""
        raise ValueError(f"must start with http:// or https://{scheme}")
    if not host:
        raise ValueError("names no host")
    if parts.username is not None:
        raise ValueError("holds a user name or password, which logs and mails would show")
    return value


def read_origin(value: object) -> str:
    """Return *value* if it is a web address of a whole site: no path, query or fragment."""
    address = read_web_address(value)
    parts = urlsplit(address)
    if parts.path not in {"", "/"} or parts.query or parts.fragment:
        raise ValueError("must be a whole site without a path, such as https://monitor.example.com")
    return address.rstrip("/")


def read_listen(value: object) -> str:
    """Return *value* if it is `host:port`, an IPv6 host in brackets."""
    found = re.fullmatch(LISTEN, value) if isinstance(value, str) else None
    if not found or int(found["port"]) > _PORTS:
        raise ValueError(
            f"must be an address and a port, such as 127.0.0.1:8080{_instead_of(value)}"
        )
    return found[0]


def read_selector(value: object) -> str:
    """Return *value* if it is a CSS selector of elements (W3C Selectors level 3, some of 4)."""
    from cssselect import HTMLTranslator, SelectorError

    if not isinstance(value, str) or len(value) > _MAX_SELECTOR:
        raise ValueError('must be a CSS selector such as "ul.news > li"')
    try:
        HTMLTranslator().css_to_xpath(value)
    except (SelectorError, RecursionError) as error:
        raise ValueError(f"is no CSS selector: {error}") from None
    return value


def same_address(url: str) -> str:
    """Return a form of *url* that is the same for addresses asking for the same thing.

    The case of scheme and host, a default port, an empty path and a fragment make no difference
    (RFC 3986, section 6.2.2 and 6.2.3). An address that cannot be taken apart is returned as is.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return url
    default = {"http": 80, "https": 443}.get(parts.scheme)
    netloc = host if port in {None, default} else f"{host}:{port}"
    return SplitResult(parts.scheme, netloc, parts.path or "/", parts.query, "").geturl()


def read_mail_address(value: object) -> str:
    """Return *value* if it is one bare mail address: `desk@example.com`."""
    wanted = f"must be a mail address such as desk@example.com{_instead_of(value)}"
    if not isinstance(value, str):
        raise ValueError(wanted)  # noqa: TRY004 - pydantic takes ValueError alone
    local, _, domain = value.rpartition("@")
    try:
        wire = f"{local}@{read_domain(domain)}"
    except ValueError:
        raise ValueError(wanted) from None
    if len(wire.encode()) > _MAX_ADDRESS or not _LOCAL.fullmatch(local) or not local.isprintable():
        raise ValueError(wanted)
    return value


def read_recipient(value: object) -> str:
    """Return *value* if it is a mail address, or may be the name of a channel."""
    if isinstance(value, str) and re.fullmatch(KEY, value):
        return value
    return read_mail_address(value)


def read_domain(value: object) -> str:
    """Return the ASCII form of *value* if it is a domain (RFC 1035; RFC 5891 beyond ASCII)."""
    wanted = f"must be a domain such as example.com{_instead_of(value)}"
    if not isinstance(value, str):
        raise ValueError(wanted)  # noqa: TRY004 - pydantic takes ValueError alone
    try:
        wire = value if value.isascii() else idna.encode(value, uts46=True).decode()
    except idna.IDNAError as error:
        raise ValueError(f"{wanted}: {error}") from None
    if not _DOMAIN.fullmatch(wire):
        raise ValueError(wanted)
    return wire


def read_sender(value: object) -> str:
    """Return *value* if it is one mail address, with or without a name before it."""
    wanted = 'must be one sender such as "Desk <desk@example.com>"'
    if not isinstance(value, str) or not value.isprintable():
        raise ValueError(f"{wanted}{_instead_of(value)}")
    from email.policy import default as mail_policy

    header = mail_policy.header_factory("from", value)
    if header.defects or len(header.addresses) != 1:
        raise ValueError(f"{wanted}{_instead_of(value)}")
    read_mail_address(header.addresses[0].addr_spec)
    return value


def read_network(value: object) -> str:
    """Return *value*, an address or a network such as `10.0.0.0/8`, in its normal form."""
    try:
        return str(ip_network(value if isinstance(value, str) else ""))
    except ValueError as error:
        reason = f": {error}" if "host bits" in str(error) else ""
        raise ValueError(
            f"must be a network such as 127.0.0.0/8 or ::1{_instead_of(value)}{reason}"
        ) from None


def read_database(value: object) -> str:
    """Return *value* if it is the address of a database that can be used.

    Which is a SQLite file (`sqlite:///monitor.db`) or PostgreSQL (`postgresql+psycopg://...`).
    The message never holds the address, since that holds a password.
    """
    if not isinstance(value, str):
        message = "must be text such as sqlite:///monitor.db"
        raise ValueError(message)  # noqa: TRY004 - pydantic takes ValueError alone
    scheme, separator, rest = value.partition("://")
    if scheme in {"postgres", "postgresql"} and separator:
        raise ValueError("must start with postgresql+psycopg:// instead")
    if scheme == "postgresql+psycopg" and separator and rest:
        server = re.split("[/?]", rest, maxsplit=1)[0].rpartition("@")[2]
        if not re.fullmatch(r"(\[[^\]]*\]|[^:\[\]]*)(:[0-9]+)?", server):
            raise ValueError("must have a number for a port, and %2F for a / in the password")
        return value
    if scheme != "sqlite" or not separator:
        raise ValueError("must start with sqlite:/// or postgresql+psycopg://")
    if rest.strip("/") in {"", ":memory:"} or not rest.startswith("/"):
        raise ValueError("must name a file, such as sqlite:///monitor.db")
    return value


def without_password(url: str) -> str:
    """Return *url* with `***` for each password, key or token in it."""
    return _PASSWORD.sub(
        lambda found: f"{found['query']}***" if found["query"] else f"{found['user']}:***@", url
    )


def read_contact(value: object) -> str:
    """Return *value* if it may stand in a User-Agent header: an address publishers can write to."""
    if isinstance(value, str) and re.fullmatch(r"[!-'*-~]{3,200}", value):
        return value
    raise ValueError("must be a web or mail address, without spaces or brackets")


def one_or_many(value: object) -> object:
    """Return text as a list of it, anything else as it is."""
    return [value] if isinstance(value, str) else value


def networks_or_none(value: object) -> object:
    """Return no networks for `false`, else as `one_or_many`; `true` would allow them all."""
    if value is True:
        raise ValueError("must list the networks, such as [10.0.0.0/8]")
    return [] if value is False else one_or_many(value)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return `; did you mean "x"?` for the known word closest to *word*, or nothing."""
    close = get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f'; did you mean "{close[0]}"?' if close else ""


def _instead_of(value: object) -> str:
    if isinstance(value, dict | list) or value is None:
        return ""
    text = {True: "true", False: "false"}[value] if isinstance(value, bool) else str(value)
    return f', not "{text[:60]}"'
