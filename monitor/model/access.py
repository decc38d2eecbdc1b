"""Access: who may do what."""

from __future__ import annotations

from enum import StrEnum


class UserRole(StrEnum):
    """What somebody may do on the pages; each may do what those before it may."""

    READER = "reader"
    REVIEWER = "reviewer"
    ADMIN = "admin"

    def covers(self, needed: UserRole) -> bool:
        """Return whether this role may do what *needed* may."""
        order = list(UserRole)
        return order.index(self) >= order.index(needed)


class Scope(StrEnum):
    """What a token may do with the API; to review is to read as well."""

    READ = "read"
    REVIEW = "review"

    @property
    def role(self) -> UserRole:
        """The role that may do the same."""
        return UserRole.READER if self is Scope.READ else UserRole.REVIEWER
