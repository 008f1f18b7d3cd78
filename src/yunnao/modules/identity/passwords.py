"""Argon2id (RFC 9106), in threads, so that hashing stops nobody else's request."""

import asyncio

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

HASHINGS_MAX = 2
"""At once: each takes 64 MiB and a core for some tens of milliseconds."""


class Passwords:
    """Hashes and verifies passwords, by default with the parameters of RFC 9106, 4 (second choice)."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher()
        self._gate = asyncio.Semaphore(HASHINGS_MAX)
        self._nobody: str | None = None

    async def hash(self, password: str) -> str:
        """A PHC string."""
        async with self._gate:
            return await asyncio.to_thread(self._hasher.hash, password)

    async def verify(self, stored: str | None, password: str) -> bool:
        """Whether `password` is the one behind `stored`.

        Without a stored hash it takes the same time and says no, so that the time of an answer
        does not tell which accounts exist.
        """
        if stored is None:
            if self._nobody is None:
                self._nobody = await self.hash("nobody")
            await self._verify(self._nobody, password)
            return False
        return await self._verify(stored, password)

    def outdated(self, stored: str) -> bool:
        """Whether `stored` was made with weaker parameters than those of today."""
        return self._hasher.check_needs_rehash(stored)

    async def _verify(self, stored: str, password: str) -> bool:
        async with self._gate:
            try:
                return await asyncio.to_thread(self._hasher.verify, stored, password)
            except (VerificationError, InvalidHashError):
                return False
