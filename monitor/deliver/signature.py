"""DKIM: a signature by which receivers know that a mail is from its domain (RFC 6376).

* All headers that a mail has are signed, each once more than it occurs where it must occur once,
  so that none can be added: Date, From, To, Subject, Message-ID, List-Unsubscribe and the rest
  (RFC 8058, section 4, wants the last two of these signed).
* The key is read and tried at the start: a wrong one stops it, not the mails.
* dkimpy is imported here alone, and only where a key is configured.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.errors import ConfigError, Mistake

if TYPE_CHECKING:
    from collections.abc import Callable

SIGNED = (
    *("Date", "From", "To", "Subject", "Message-ID", "List-ID", "List-Unsubscribe"),
    *("List-Unsubscribe-Post", "Auto-Submitted", "MIME-Version", "Content-Type"),
)
_PROBE = b"From: a@example.com\r\n\r\n"


def signer(key: bytes, domain: str, selector: str) -> Callable[[bytes], bytes]:
    """Return what makes the DKIM-Signature header of a message, with *key*, an RSA key in PEM.

    The public key is expected at `selector._domainkey.domain`. Raises ConfigError if dkimpy is not
    installed or *key* cannot be used.
    """
    try:
        import dkim
    except ImportError:
        raise _mistake("needs dkimpy: pip install 'regulatory-monitor[dkim]'") from None

    names = [name.lower().encode() for name in SIGNED]

    def sign(message: bytes) -> bytes:
        header: bytes = dkim.DKIM(message).sign(
            selector.encode(),
            domain.encode(),
            key,
            signature_algorithm=b"rsa-sha256",
            canonicalize=(b"relaxed", b"relaxed"),
            include_headers=[*names, b"from", b"to", b"subject", b"date"],
        )
        return header

    try:
        sign(_PROBE)
    except (dkim.DKIMException, ValueError, TypeError, IndexError) as error:
        raise _mistake(f"is no RSA key in PEM: {error}") from None
    return sign


def _mistake(message: str) -> ConfigError:
    return ConfigError(Mistake("", "delivery.dkim.key", message))
