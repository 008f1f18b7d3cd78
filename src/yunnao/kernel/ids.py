"""Identifiers: UUIDv7 (RFC 9562, section 5.7), so that primary keys sort by creation time."""

from uuid import UUID

from uuid6 import uuid7

__all__ = ["UUID", "new_id"]


def new_id() -> UUID:
    """A new time-ordered identifier, as a plain `uuid.UUID`."""
    return UUID(int=uuid7().int)
