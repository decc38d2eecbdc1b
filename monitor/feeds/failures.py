"""Failures: whatever libcurl reports, as a FetchError with one clear line.

A message never holds the feed's address, which may carry a password.
"""

from __future__ import annotations

import os
from typing import Final

import pycurl

from monitor.errors import AddressRefused, FetchError
from monitor.text.html import one_line

MAX_MESSAGE_LENGTH: Final = 200
CUT_SHORT: Final = "the body is cut short or cannot be decoded"
NO_ANSWER: Final = "connection closed without an answer"

_NO_NAME: Final = frozenset({pycurl.E_COULDNT_RESOLVE_HOST, pycurl.E_ABORTED_BY_CALLBACK})
_TOO_LARGE: Final = 100  # CURLE_TOO_LARGE, which pycurl does not name
_NO_HTTP: Final = frozenset(
    {
        pycurl.E_UNSUPPORTED_PROTOCOL,
        pycurl.E_FTP_WEIRD_SERVER_REPLY,  # of any protocol
        _TOO_LARGE,
        pycurl.E_WRITE_ERROR,
    }
)
_CUT: Final = frozenset({pycurl.E_PARTIAL_FILE, pycurl.E_BAD_CONTENT_ENCODING})
_BROKEN: Final = frozenset({pycurl.E_RECV_ERROR, pycurl.E_SEND_ERROR})


def explain(code: int, message: str, *, os_error: int, in_body: bool) -> FetchError:
    """Say in one line what went wrong.

    *code* is libcurl's, *message* its own text, *os_error* the system's number or 0; *in_body*
    says that the headers had been read.
    """
    if code == pycurl.E_URL_MALFORMAT:
        return AddressRefused("not an address that can be asked, or redirected to one")
    return failure(_say(code, message, os_error, in_body=in_body))


def failure(text: str) -> FetchError:
    """Return a FetchError that says *text* in one line of bounded length."""
    return FetchError(one_line(text)[:MAX_MESSAGE_LENGTH])


def _say(code: int, message: str, os_error: int, *, in_body: bool) -> str:  # noqa: PLR0911 - a table
    system = os.strerror(os_error) if os_error else message
    if code in _NO_NAME:
        return "name cannot be resolved"
    if code == pycurl.E_COULDNT_CONNECT:
        return f"cannot connect: {system}"
    if code == pycurl.E_PEER_FAILED_VERIFICATION:
        return "certificate: " + message.removeprefix("SSL certificate problem: ")
    if code == pycurl.E_SSL_CONNECT_ERROR:
        return f"TLS: {message}"
    if code in _CUT or (in_body and code == pycurl.E_RECV_ERROR):
        return CUT_SHORT
    if code == pycurl.E_GOT_NOTHING:
        return NO_ANSWER
    if code in _NO_HTTP:
        return f"not proper HTTP: {message or 'headers too long'}"
    if code in _BROKEN:
        return f"connection broken: {system}"
    return f"cannot be asked: {message} (libcurl {code})"
