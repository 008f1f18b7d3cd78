"""Anonymising: in time as the city declares, or when the reporter asks; the report on what is kept."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from yunnao.infra.postgres import Row, Transaction, load_queries
from yunnao.kernel.errors import Conflict, NotFound
from yunnao.kernel.principal import SYSTEM, Principal
from yunnao.modules.cases import domain, store
from yunnao.modules.cases.masking import mask_text
from yunnao.modules.cases.parts import Parts, case_resource, note
from yunnao.modules.cases.photos.facade import Photos

QUERIES = load_queries("yunnao.modules.cases.privacy")
ANONYMISED_ROWS_MAX = 500
"""In one transaction of the timer."""

View = dict[str, Any]


class Privacy:
    """Every method works in the transaction it is given."""

    def __init__(self, parts: Parts, photos: Photos) -> None:
        self._parts = parts
        self._photos = photos

    async def run(self, tx: Transaction) -> int:
        """Does what the city's retention asks for, a batch at a time; for a timer. Returns how many cases."""
        retention = (await self._parts.registry.current(tx)).city.doors.retention
        now = self._parts.clock.now()
        if retention.original_photo_days is not None:
            removed = await self._photos.remove_expired(
                tx, now - timedelta(days=retention.original_photo_days)
            )
            if removed:
                await self._parts.identity.audit(tx, SYSTEM, "photo:expire", "Photo/*", count=removed)
        if retention.reporter_days is None:
            return 0
        wanted = {"before": now - timedelta(days=retention.reporter_days), "limit": ANONYMISED_ROWS_MAX}
        rows = await (await tx.execute(QUERIES["cases_to_anonymise"], wanted)).fetchall()
        if rows:
            await self._anonymise(tx, rows)
            await self._parts.identity.audit(tx, SYSTEM, "case:anonymise", "Case/*", count=len(rows))
        return len(rows)

    async def erase(self, tx: Transaction, case_id: UUID, principal: Principal) -> None:
        """At the reporter's own wish, or by whoever answers for the data on a written request.

        Raises NotFound, Forbidden, Conflict `case_still_open`: while it is handled somebody may have to ask.
        """
        await self._erase(tx, case_id, principal, tracked=False)

    async def erase_tracked(self, tx: Transaction, code: str, principal: Principal) -> None:
        """As the holder of the tracking code. Raises NotFound `report_not_found`, Conflict."""
        wanted = domain.tracking_hash(code)
        row = await store.one(tx, "case_by_tracking", hash=wanted) if wanted else None
        if row is None:
            raise NotFound("report_not_found")
        await self._erase(tx, row["id"], principal, tracked=True)

    async def report(self, tx: Transaction, principal: Principal) -> View:
        """How much of persons is kept, and for how long by the city's rules."""
        self._parts.identity.authorize(principal, "personal:report")
        retention = (await self._parts.registry.current(tx)).city.doors.retention
        counts = await (await tx.execute(QUERIES["personal_counts"])).fetchone()
        pictures = await (await tx.execute(QUERIES["photo_counts"])).fetchone()
        await self._parts.identity.audit(tx, principal, "personal:report", "Platform/*")
        return {**(counts or {}), **(pictures or {}), "retention": retention.model_dump()}

    async def _erase(self, tx: Transaction, case_id: UUID, principal: Principal, *, tracked: bool) -> None:
        row = await (await tx.execute(QUERIES["case_to_erase"], {"id": case_id})).fetchone()
        resource = case_resource(row, tracked=tracked) if row else None
        if row is None or not self._parts.identity.allowed(principal, "case:erase_reporter", resource):
            if principal.kind == "anonymous":
                self._parts.identity.authorize(principal, "case:erase_reporter", resource)
            raise NotFound("case_not_found")
        if row["status"] in domain.OPEN:
            raise Conflict("case_still_open")
        if row["anonymised_at"] is not None:
            return
        await self._anonymise(tx, [row])
        await self._photos.remove_of(tx, [case_id])
        await note(tx, self._parts, case_id, "reporter_erased", SYSTEM)
        await self._parts.identity.audit(
            tx, principal, "case:erase_reporter", f"Case/{case_id}", number=row["number"]
        )

    async def _anonymise(self, tx: Transaction, rows: Sequence[Row]) -> None:
        """In place: what is left tells what happened and where, and not to whom."""
        now = self._parts.clock.now()
        texts = ("title", "text", "address", "rating_comment")
        masked = [
            {
                "id": str(row["id"]),
                **{name: mask_text(row[name]) if row[name] else row[name] for name in texts},
            }
            for row in rows
        ]
        await tx.execute(QUERIES["cases_anonymise"], {"rows": Jsonb(masked), "now": now})
        ids = [row["id"] for row in rows]
        await tx.execute(QUERIES["media_urls_forget"], {"ids": ids})
        await tx.execute(QUERIES["followers_forget"], {"ids": ids})
