"""Open311 of the case centre: what can be reported, posting, tokens, reading."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import structlog
from psycopg import DataError
from psycopg.types.json import Jsonb

from yunnao.infra.postgres import Row, Transaction, load_queries
from yunnao.kernel.errors import Forbidden, NotFound, Unauthenticated, YunnaoError
from yunnao.kernel.principal import Principal
from yunnao.modules.cases import domain, views
from yunnao.modules.cases.contracts import OpenedCase
from yunnao.modules.cases.intake import open_case
from yunnao.modules.cases.masking import mask_text
from yunnao.modules.cases.open311 import forms
from yunnao.modules.cases.open311.answers import moment
from yunnao.modules.cases.open311.contracts import RequestQuery, Resolved, Sent
from yunnao.modules.cases.parts import Parts
from yunnao.modules.cases.senders import case_json, case_of, principal_json, principal_of
from yunnao.modules.identity.contracts import CaseScope

QUERIES = load_queries("yunnao.modules.cases.open311")
TOKENS_OPENED_MAX = 50
"""In one transaction of the timer."""
TOKENS_KEPT = timedelta(days=30)
NOTES_ROWS_MAX = 5_000
PHOTOS_ROWS_MAX = 5_000

log = structlog.get_logger()


class Open311:
    """Every method works in the transaction it is given."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def services(self, tx: Transaction) -> list[dict[str, Any]]:
        """What a citizen can report: the leaves of the tree of categories, and `auto`."""
        return forms.services(await self._parts.registry.current(tx))

    async def check_jurisdiction(self, tx: Transaction, given: str | None) -> None:
        """Nothing, or this city's. Raises NotFound `open311_jurisdiction_unknown`."""
        if given is None or not given.strip():
            return
        known = await self.jurisdictions(tx)
        if given.strip().lower() not in known:
            raise NotFound("open311_jurisdiction_unknown", jurisdiction=given[:60], known=", ".join(known))

    async def jurisdictions(self, tx: Transaction) -> list[str]:
        """The names by which this endpoint's one jurisdiction may be asked for."""
        city = (await self._parts.registry.current(tx)).city
        return list(dict.fromkeys([*city.doors.jurisdictions, city.city, city.code]))

    async def open(self, tx: Transaction, sent: Sent, principal: Principal) -> OpenedCase:
        """Opens the case of a request; the caller has checked the right. Raises as every intake does."""
        opened = await open_case(tx, self._parts, sent.new, principal)
        if sent.address_id is not None or sent.media_url is not None:
            await tx.execute(
                QUERIES["request_insert"],
                {"case_id": opened.id, "address_id": sent.address_id, "media_url": sent.media_url},
            )
        return opened

    # --- tokens --------------------------------------------------------------------------------

    async def defer(self, tx: Transaction, sent: Sent, principal: Principal) -> str:
        """Keeps a request for the timer to open; its token, of which only the hash is kept."""
        token = domain.new_tracking_code()
        await tx.execute(
            QUERIES["token_insert"],
            {
                "token_hash": domain.tracking_hash(token),
                "sender": Jsonb(principal_json(principal)),
                "request": Jsonb(_sent_json(sent)),
                "now": self._parts.clock.now(),
            },
        )
        return token

    async def resolve(self, tx: Transaction, token: str) -> Resolved:
        """Raises NotFound `open311_token_unknown`."""
        wanted = domain.tracking_hash(token)
        row = await (await tx.execute(QUERIES["token_get"], {"token_hash": wanted})).fetchone()
        if wanted is None or row is None:
            raise NotFound("open311_token_unknown")
        error = row["error"]
        return Resolved(row["number"], (error["code"], error["params"]) if error else None)

    async def open_deferred(self, tx: Transaction) -> int:
        """Opens what waits, the oldest first; for a timer. One that cannot be opened says why."""
        waiting = await (await tx.execute(QUERIES["tokens_waiting"], {"limit": TOKENS_OPENED_MAX})).fetchall()
        for row in waiting:
            number, error = None, None
            try:
                async with tx.transaction():
                    number = (await self.open(tx, _sent(row["request"]), principal_of(row["sender"]))).number
            except YunnaoError as refused:
                error = {"code": refused.code, "params": {k: str(v) for k, v in refused.params.items()}}
            except DataError as refused:
                log.warning("open311_token_refused", error=str(refused))
                error = {"code": "text_unreadable", "params": {}}
            await tx.execute(
                QUERIES["token_answer"],
                {
                    "token_hash": row["token_hash"],
                    "now": self._parts.clock.now(),
                    "number": number,
                    "error": Jsonb(error) if error else None,
                },
            )
        return len(waiting)

    async def prune(self, tx: Transaction) -> None:
        """Forgets tokens that were answered a month ago; for a timer."""
        await tx.execute(QUERIES["tokens_prune"], {"before": self._parts.clock.now() - TOKENS_KEPT})

    # --- reading -------------------------------------------------------------------------------

    async def find(self, tx: Transaction, wanted: RequestQuery, principal: Principal) -> list[Row]:
        """Rows for public reading: no reporter, and no text but for whom it concerns.

        What citizens write holds names and stories of persons, so `text` is None unless the party may
        list the case; numbers of persons are masked even then.
        """
        scope = self._scope(principal)
        known = await views.names(tx, self._parts)
        services = wanted.services
        named = [code for top in services or () for code in known.snapshot.below(top)]
        found = await (
            await tx.execute(
                QUERIES["requests"],
                {
                    "numbers": list(wanted.numbers) if wanted.numbers is not None else None,
                    "start": wanted.start,
                    "end": wanted.end,
                    "changed_start": wanted.updated_after,
                    "changed_end": wanted.updated_before,
                    "status": list(wanted.status) if wanted.status is not None else None,
                    "categories": named if services else None,
                    "uncategorised": forms.AUTO in (services or ()),
                    "limit": wanted.limit,
                    "offset": wanted.offset,
                },
            )
        ).fetchall()
        return [
            {
                **row,
                "text": mask_text(row["text"]) if _within(scope, row) else None,
                "address": mask_text(row["address"]) if row["address"] else None,
                "media_url": row["media_url"] if _within(scope, row) else None,
                "category": known.category(row["category"]),
                "department": known.department(row["department"]),
                "area": (known.area(row) or {}).get("name"),
            }
            for row in found
        ]

    async def notes(self, tx: Transaction, ids: Sequence[UUID]) -> dict[UUID, list[Row]]:
        """What happened to each case, without what offices write to each other."""
        found: dict[UUID, list[Row]] = {}
        if ids:
            wanted = {"ids": list(ids), "hidden": list(views.HIDDEN_FROM_CITIZENS), "limit": NOTES_ROWS_MAX}
            for row in await (await tx.execute(QUERIES["notes"], wanted)).fetchall():
                found.setdefault(row["case_id"], []).append(row)
        return found

    async def photos(self, tx: Transaction, ids: Sequence[UUID], base_url: str) -> dict[UUID, list[Row]]:
        """The published photos of each case, with absolute addresses, in the order in which they came."""
        found: dict[UUID, list[Row]] = {}
        if ids:
            wanted = {"ids": list(ids), "limit": PHOTOS_ROWS_MAX}
            for row in await (await tx.execute(QUERIES["published_photos"], wanted)).fetchall():
                told = {
                    "media_url": f"{base_url.rstrip('/')}/api/v1/photos/{row['id']}/published",
                    "width": row["width"],
                    "height": row["height"],
                    "created_at": moment(row["created_at"]),
                }
                found.setdefault(row["case_id"], []).append(told)
        return found

    def _scope(self, principal: Principal) -> CaseScope:
        """What the party may list; nothing where it may list none."""
        try:
            return self._parts.identity.scope(principal, "case:list")
        except (Forbidden, Unauthenticated):
            return CaseScope()


def _within(scope: CaseScope, row: Row) -> bool:
    return (
        scope.everything
        or (scope.department is not None and scope.department == row["department"])
        or (scope.reporter is not None and scope.reporter == row["reporter_id"])
    )


def _sent_json(sent: Sent) -> dict[str, Any]:
    return {"new": case_json(sent.new), "address_id": sent.address_id, "media_url": sent.media_url}


def _sent(kept: dict[str, Any]) -> Sent:
    return Sent(case_of(kept["new"]), kept["address_id"], kept["media_url"])
