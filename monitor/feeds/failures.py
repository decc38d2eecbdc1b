"""Failures: whatever aiohttp raises, as a FetchError with one clear line.

A message never holds the feed's address, which may carry a password.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import aiohttp

from monitor.errors import AddressRefused, FetchError

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_REDIRECTS = 10
MAX_MESSAGE_LENGTH = 200

# The more special kinds of error stand first.
_EXPLANATIONS: tuple[tuple[type[Exception], Callable[[Any], str]], ...] = (
    (aiohttp.ClientConnectorDNSError, lambda _: "name cannot be resolved"),
    (
        aiohttp.ClientConnectorCertificateError,
        lambda error: (
            "certificate: "
            + getattr(error.certificate_error, "verify_message", str(error.certificate_error))
        ),
    ),
    (aiohttp.ClientSSLError, lambda error: f"TLS: {error.os_error.reason or error.os_error}"),
    (aiohttp.ClientConnectorError, lambda error: f"cannot connect: {_reason(error.os_error)}"),
    (aiohttp.TooManyRedirects, lambda _: f"more than {MAX_REDIRECTS} redirects"),
    (aiohttp.ServerDisconnectedError, lambda _: "connection closed without an answer"),
    (aiohttp.ClientPayloadError, lambda _: "the body is cut short or cannot be decoded"),
    (aiohttp.ClientResponseError, lambda error: f"not proper HTTP: {error.message}"),
    (OSError, lambda error: f"connection broken: {_reason(error)}"),
    (Exception, lambda error: f"{type(error).__name__}: {error}"),
)


def _reason(error: OSError) -> str:
    return os.strerror(error.errno) if error.errno else str(error)


def explain(error: Exception) -> FetchError:
    """Say in one line what went wrong."""
    if isinstance(error, aiohttp.NonHttpUrlRedirectClientError):
        return AddressRefused("redirected to an address that is not http or https")
    if isinstance(error, aiohttp.InvalidURL):
        return AddressRefused("not an address that can be asked, or redirected to one")
    say = next(say for kind, say in _EXPLANATIONS if isinstance(error, kind))
    return FetchError(_one_line(say(error)))


def _one_line(text: str) -> str:
    printable = "".join(char if char.isprintable() else " " for char in text)
    return " ".join(printable.split())[:MAX_MESSAGE_LENGTH]
