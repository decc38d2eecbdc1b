"""Links in mails: made here, and read here again when somebody follows one.

* A link to leave a list says whose it is and is signed: nobody can make one for somebody else.
* A digest's link ends in a token that follows from its subscription and slot under our secret: it
  cannot be guessed, and a preview already has the one the digest will have.
* They hold as long as the secret: see `web.secret`. itsdangerous is imported here alone.
"""

from __future__ import annotations

from datetime import UTC
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from monitor.errors import ConfigError, Mistake

if TYPE_CHECKING:
    from datetime import datetime

INSTALL = "pip install 'regulatory-monitor[web]'"
KEY = "links"  # under which name the secret is kept in the database


class Links:
    """The links of one site. *url* is where readers reach it, None while they cannot.

    Raises ConfigError if itsdangerous is not installed.
    """

    def __init__(self, url: str | None, secret: str) -> None:
        try:
            from itsdangerous import Signer, URLSafeSerializer
        except ImportError:
            raise ConfigError(Mistake("", "web", f"needs itsdangerous: {INSTALL}")) from None
        self.url = url
        signing: dict[str, Any] = {"key_derivation": "hmac", "digest_method": sha256}
        self._ways_out = URLSafeSerializer(secret, salt="leave", signer_kwargs=signing)
        self._digests = Signer(secret, salt="digest", **signing)

    def leaving(self, subscription: str, recipient: str) -> str | None:
        """Return the address at which *recipient* leaves *subscription* (RFC 8058)."""
        if self.url is None:
            return None
        return f"{self.url}/unsubscribe/{self.leaving_token(subscription, recipient)}"

    def leaving_token(self, subscription: str, recipient: str) -> str:
        """Return what the address at which *recipient* leaves *subscription* ends in."""
        return str(self._ways_out.dumps([subscription, recipient]))

    def who_leaves(self, token: str) -> tuple[str, str] | None:
        """Return the subscription and the recipient that *token* was made for; None if forged."""
        from itsdangerous import BadData

        try:
            subscription, recipient = self._ways_out.loads(token)
        except (BadData, ValueError, TypeError):
            return None
        return str(subscription), str(recipient)

    def digest(self, subscription: str, slot: datetime) -> str | None:
        """Return the address of a digest's page, for everybody who has it."""
        if self.url is None:
            return None
        return f"{self.url}/d/{self.digest_token(subscription, slot)}"

    def digest_token(self, subscription: str, slot: datetime) -> str:
        """Return what the address of a digest's page ends in."""
        return self._digests.get_signature(
            f"{subscription}\0{slot.astimezone(UTC).isoformat()}"
        ).decode()
