"""Monthly reports: asked for by the clock or by a person, made by the worker, kept by their hash."""

import asyncio
from datetime import date
from typing import Any, Literal
from uuid import UUID

import structlog
from psycopg.types.json import Jsonb

from yunnao.infra.postgres import Row, Transaction
from yunnao.kernel.errors import Conflict, InvalidInput, NotFound
from yunnao.kernel.ids import new_id
from yunnao.kernel.principal import SYSTEM, Principal
from yunnao.kernel.text import DEFAULT_LANGUAGE, Language, Text
from yunnao.modules.cases.evaluation import report_xlsx, store
from yunnao.modules.cases.evaluation.domain import add_months
from yunnao.modules.cases.evaluation.facade import Evaluation
from yunnao.modules.cases.evaluation.report_content import Content, gather
from yunnao.modules.cases.evaluation.report_pdf import Pdf
from yunnao.modules.cases.views import brief, names

Form = Literal["pdf", "xlsx"]
MEDIA_TYPES: dict[Form, str] = {
    "pdf": "application/pdf",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
OVERDUE_SHOWN_MAX = 30
REASON_CHARS_MAX = 300

log = structlog.get_logger()


class Reports:
    """Every method works in the transaction it is given."""

    def __init__(self, evaluation: Evaluation) -> None:
        self._evaluation, self._parts = evaluation, evaluation.parts

    async def ask(self, tx: Transaction, month: date, language: Language, principal: Principal) -> UUID:
        """Asks for the report of the month of `month`. Raises InvalidInput `monthly_report_not_over`."""
        self._parts.identity.authorize(principal, "report:make")
        first = month.replace(day=1)
        if add_months(first, 1) > await self._evaluation.today(tx):
            raise InvalidInput("monthly_report_not_over", month=f"{first:%Y-%m}")
        return await self._ask(tx, first, language, principal)

    async def ask_for_last_month(self, tx: Transaction) -> None:
        """By the clock: the month just ended, once in the city's first language."""
        first = add_months((await self._evaluation.today(tx)).replace(day=1), -1)
        there = await store.one(tx, "report_there", month=first, language=DEFAULT_LANGUAGE)
        if there is None:
            await self._ask(tx, first, DEFAULT_LANGUAGE, SYSTEM)

    async def make_next(self, tx: Transaction) -> bool:
        """Makes the oldest report that waits. What cannot be made is told, and does not block others."""
        asked = await store.one(tx, "report_take")
        if asked is None:
            return False
        now = self._parts.clock.now()
        try:
            async with tx.transaction():
                content = await self.content(tx, asked["month"])
                pdf, xlsx = await asyncio.to_thread(_render, content, asked["language"])
                await store.run(
                    tx,
                    "report_made",
                    id=asked["id"],
                    now=now,
                    pdf_hash=await self._parts.files.put(pdf),
                    xlsx_hash=await self._parts.files.put(xlsx),
                    pdf_bytes=len(pdf),
                    xlsx_bytes=len(xlsx),
                    figures=Jsonb(content.as_kept()),
                )
        except Exception as error:
            log.error("report_failed", report=str(asked["id"]), exc_info=error)
            await store.run(
                tx, "report_failed", id=asked["id"], now=now, reason=repr(error)[:REASON_CHARS_MAX]
            )
        return True

    async def content(self, tx: Transaction, month: date) -> Content:
        """What the report of the month says."""
        known, now = await names(tx, self._parts), self._parts.clock.now()
        found = await store.rows(tx, "cases_overdue_longest", now=now, limit=OVERDUE_SHOWN_MAX)
        overdue: list[dict[str, Any]] = [brief(known, row, now) for row in found]
        state = await store.one(tx, "state_get") or {}
        return await gather(tx, self._evaluation, Text(**state["city"]), month, overdue)

    async def page(
        self, tx: Transaction, principal: Principal, limit: int, before: UUID | None
    ) -> tuple[list[Row], UUID | None]:
        """Newest first, and the key of the next page."""
        self._parts.identity.authorize(principal, "report:read")
        found = await store.rows(tx, "reports_list", before=before, limit=limit + 1)
        return found[:limit], found[limit - 1]["id"] if len(found) > limit else None

    async def get(self, tx: Transaction, report_id: UUID, principal: Principal) -> Row:
        """Raises NotFound `monthly_report_not_found`."""
        self._parts.identity.authorize(principal, "report:read")
        row = await store.one(tx, "report_get", id=report_id)
        if row is None:
            raise NotFound("monthly_report_not_found")
        return row

    async def file(
        self, tx: Transaction, report_id: UUID, form: Form, principal: Principal
    ) -> tuple[bytes, str]:
        """Content and a file's name. Raises NotFound, Conflict `monthly_report_not_made`."""
        row = await self.get(tx, report_id, principal)
        if row["state"] != "made":
            raise Conflict("monthly_report_not_made")
        content = await self._parts.files.get(row[f"{form}_hash"])
        return content, f"cases-{row['month']:%Y-%m}-{row['language']}.{form}"

    async def _ask(self, tx: Transaction, month: date, language: Language, principal: Principal) -> UUID:
        report_id, now = new_id(), self._parts.clock.now()
        asked_by = Jsonb(principal.name.model_dump())
        await store.run(
            tx, "report_ask", id=report_id, month=month, language=language, now=now, asked_by=asked_by
        )
        return report_id


def _render(content: Content, language: Language) -> tuple[bytes, bytes]:
    return Pdf(content, language).render(), report_xlsx.render(content, language)
