"""Photos: taken in, shown by right, published without faces and number plates, removed in time."""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from yunnao.infra.files import FileStore
from yunnao.infra.postgres import Database, Row, Transaction, load_queries
from yunnao.kernel.errors import NotFound
from yunnao.kernel.principal import Principal
from yunnao.modules.cases.contracts import StoredPhoto
from yunnao.modules.cases.parts import Parts
from yunnao.modules.cases.photos import keeping
from yunnao.modules.cases.photos.preparing import Preparer

QUERIES = load_queries("yunnao.modules.cases.photos")
REMOVED_ROWS_MAX = 200


class Photos:
    """Every method works in the transaction it is given; files are written before and removed after it."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def preparer(self, database: Database) -> Preparer:
        """A worker that reads photos and makes their published copies; any number may run."""
        return Preparer(self._parts.clock, database, self._parts.files)

    async def keep(self, tx: Transaction, content: bytes, principal: Principal) -> StoredPhoto:
        """Raises InvalidInput `photo_unreadable`, TooLarge."""
        self._parts.identity.authorize(principal, "photo:create")
        return await keeping.keep(tx, self._parts, content, principal)

    async def read(
        self,
        tx: Transaction,
        photo_id: UUID,
        principal: Principal,
        *,
        thumb: bool = False,
        tracking_code: str | None = None,
    ) -> tuple[bytes, str]:
        """Content and media type. Raises NotFound where the party may not see its case, or may see the
        published copy only and there is none yet."""
        return await keeping.read(
            tx, self._parts, photo_id, principal, thumb=thumb, tracking_code=tracking_code
        )

    async def published(self, tx: Transaction, photo_id: UUID, *, thumb: bool = False) -> tuple[bytes, str]:
        """The copy that everybody may see. Raises NotFound `photo_not_found`: also before it is made."""
        row = await (await tx.execute(QUERIES["photo_published"], {"id": photo_id})).fetchone()
        if row is None:
            raise NotFound("photo_not_found")
        wanted = row["published_thumb_hash"] if thumb else row["published_hash"]
        return await self._parts.files.get(wanted), row["media_type"]

    async def texts(self, tx: Transaction, case_id: UUID) -> dict[UUID, str]:
        """What is written in the photos of a case, as far as they have been read."""
        rows = await (await tx.execute(QUERIES["texts_of_case"], {"case_id": case_id})).fetchall()
        return {row["id"]: row["found_text"] for row in rows}

    async def remove_expired(self, tx: Transaction, before: datetime) -> int:
        """Removes originals of cases that were closed before; the published copies stay. A batch."""
        wanted = {"before": before, "limit": REMOVED_ROWS_MAX}
        rows = await (await tx.execute(QUERIES["originals_expired"], wanted)).fetchall()
        return await self._remove(tx, rows)

    async def remove_of(self, tx: Transaction, case_ids: Collection[UUID]) -> int:
        """Removes the originals of cases; of those not looked through yet nothing stays."""
        rows = await (
            await tx.execute(QUERIES["originals_of_cases"], {"case_ids": list(case_ids)})
        ).fetchall()
        return await self._remove(tx, rows)

    async def _remove(self, tx: Transaction, rows: Sequence[Row]) -> int:
        if not rows:
            return 0
        now = self._parts.clock.now()
        await tx.execute(QUERIES["originals_removed"], {"ids": [row["id"] for row in rows], "now": now})
        hashes = sorted({row[name] for row in rows for name in ("hash", "thumb_hash")})
        used = await (await tx.execute(QUERIES["hashes_in_use"], {"hashes": hashes})).fetchall()
        # Should the transaction fail after this, files are gone that rows still name: they were to go anyway.
        await remove_files(self._parts.files, sorted(set(hashes) - {row["used"] for row in used}))
        return len(rows)


async def remove_files(files: FileStore, hashes: Sequence[str]) -> None:
    for content_hash in hashes:
        await files.remove(content_hash)
