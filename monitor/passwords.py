"""Passwords: hashed by Argon2id (RFC 9106), and compared in the same time whoever asks.

* One is hashed at a time in a process: each takes memory, and a flood of guesses waits in line.
* The figures are those OWASP gives for machines with little memory; with other ones, a hash is
  made anew when its owner logs in.
"""

from __future__ import annotations

import threading
import unicodedata
from functools import cache
from typing import TYPE_CHECKING, Final

from monitor.errors import ConfigError, Mistake, UsageError
from monitor.links import INSTALL

if TYPE_CHECKING:
    from argon2 import PasswordHasher

SHORTEST: Final = 12  # characters
LONGEST: Final = 500
_MEMORY_KIB: Final = 19 * 1024
_one_at_a_time = threading.Lock()


def read_password(text: str) -> str:
    """Return *text* as it is hashed, or raise UsageError if it is too short or too long."""
    password = unicodedata.normalize("NFKC", text)
    if not SHORTEST <= len(password) <= LONGEST:
        raise UsageError(f"a password has {SHORTEST} to {LONGEST} characters")
    return password


def hash_password(password: str) -> str:
    """Return the hash of *password*, with its salt and figures in it."""
    with _one_at_a_time:
        return _hasher().hash(password)


def matches(kept: str | None, given: str) -> bool:
    """Return whether *given* is the password that *kept* is the hash of.

    Without one it is False, and takes as long: nobody learns which names there are.
    """
    from argon2.exceptions import VerificationError

    given = unicodedata.normalize("NFKC", given[: LONGEST + 1])
    with _one_at_a_time:
        try:
            _hasher().verify(kept or _nobodys(), given)
        except VerificationError:
            return False
    return kept is not None


def is_outdated(kept: str) -> bool:
    """Return whether *kept* was made with other figures than those of today."""
    return _hasher().check_needs_rehash(kept)


@cache
def _hasher() -> PasswordHasher:
    try:
        from argon2 import PasswordHasher
    except ImportError as error:
        raise ConfigError(Mistake("", "web", f"needs {error.name}: {INSTALL}")) from None
    return PasswordHasher(time_cost=2, memory_cost=_MEMORY_KIB, parallelism=1)


@cache
def _nobodys() -> str:
    return _hasher().hash("the password of nobody")
