"""One event, one case: suggestions, merging, following, what is already known."""

from typing import Any, Literal
from uuid import UUID

from yunnao.infra.postgres import Row, Transaction
from yunnao.kernel.errors import InvalidInput, NotFound, TooLarge
from yunnao.kernel.geometry import valid_lonlat
from yunnao.kernel.principal import SYSTEM, Principal
from yunnao.kernel.text import Text, catalogue
from yunnao.modules.cases import domain as cases_domain
from yunnao.modules.cases.linking import following, merging, store, suggesting, watching
from yunnao.modules.cases.linking.suggesting import Seen
from yunnao.modules.cases.masking import mask_text
from yunnao.modules.cases.parts import Parts, case_resource, note
from yunnao.modules.cases.registry import Snapshot

SIMILAR_TEXT_CHARS_MAX = 500
LINKS_TOLD_MAX = 50
QUEUE_ROWS_MAX = 200
COMMENT_CHARS_MAX = 2_000

View = dict[str, Any]
Decided = Literal["confirmed", "dismissed"]


async def on_opened(tx: Transaction, parts: Parts, snapshot: Snapshot, row: Row) -> None:
    """The intake's hook: the case goes on the grid, and what may be the same event is suggested.

    Merged by itself only where the city declares a threshold for that.
    """
    await suggesting.keep_place(tx, row)
    seen = Seen(
        row["text"], row["category"], row["lon"], row["lat"], row["opened_at"], row["source"], row["id"]
    )
    rules = snapshot.linking
    found = await suggesting.similar(tx, snapshot, seen, rules.suggest_min)
    if not found:
        return
    await suggesting.keep(tx, row["id"], found, row["opened_at"])
    await note(
        tx,
        parts,
        row["id"],
        "link_suggested",
        SYSTEM,
        detail={"cases": [each.other["number"] for each in found], "kind": found[0].kind},
    )
    best = found[0]
    if best.kind == "duplicate" and rules.merge_min is not None and best.score >= rules.merge_min:
        await merging.merge(tx, parts, row["id"], best.other["id"], SYSTEM, declared=True)


class Linking:
    """The room's door. Every method works in the transaction it is given."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def links(self, tx: Transaction, row: Row) -> View:
        """What belongs to one case: suggestions and decisions, merges, and how many people told of it.

        `row` is a case that the reader may read; of linked ones nothing personal is told.
        """
        snapshot = await self._parts.registry.current(tx)
        found = await store.rows(tx, "links_of", case_id=row["id"], limit=LINKS_TOLD_MAX)
        standing_for = await merging.below(tx, row["id"])
        main = await merging.main_of(tx, row["id"])
        above = await store.rows(tx, "merges_above", id=row["id"], depth_max=merging.MERGE_DEPTH_MAX)
        return {
            "items": [_link(snapshot, row["id"], each) for each in found],
            "merged_into": main if len(above) > 1 else None,
            "merged": [_brief(snapshot, each) for each in standing_for[1:]],
            "reporters": await following.reporters(tx, standing_for),
            "may_merge": row["merged_into"] is None and row["status"] in cases_domain.OPEN,
        }

    async def queue(self, tx: Transaction, principal: Principal, kind: str | None, limit: int) -> list[View]:
        """Suggestions that wait for a decision, newest first."""
        self._parts.identity.authorize(principal, "case:merge")
        found = await store.rows(tx, "links_waiting", kind=kind, limit=min(limit, QUEUE_ROWS_MAX))
        return [
            {
                **each,
                "title": mask_text(each["title"]),
                "other_title": mask_text(each["other_title"]),
                "kind_label": catalogue()[f"link_kind_{each['kind']}"],
            }
            for each in found
        ]

    async def decide(
        self,
        tx: Transaction,
        row: Row,
        other: UUID,
        state: Decided,
        principal: Principal,
    ) -> None:
        """Confirms a link without merging, or dismisses it. Raises NotFound `case_link_not_found`."""
        self._parts.identity.authorize(principal, "case:merge", case_resource(row))
        now, by = self._parts.clock.now(), principal.id
        for case_id, other_id in ((row["id"], other), (other, row["id"])):
            if await store.one(
                tx, "link_decide", case_id=case_id, other_id=other_id, state=state, now=now, by=by
            ):
                return
        raise NotFound("case_link_not_found")

    async def merge(
        self, tx: Transaction, case_id: UUID, into: UUID, principal: Principal, comment: str | None
    ) -> Row:
        """The main case, which stands for both from then on. Raises as `merging.merge`."""
        check_comment(comment)
        _, main = await merging.merge(tx, self._parts, case_id, into, principal, comment)
        return main

    async def unmerge(self, tx: Transaction, case_id: UUID, principal: Principal, comment: str | None) -> Row:
        """The case, handled by itself again. Raises as `merging.unmerge`."""
        check_comment(comment)
        case, _ = await merging.unmerge(tx, self._parts, case_id, principal, comment)
        return case

    async def follow(self, tx: Transaction, number: str, principal: Principal) -> tuple[str, str]:
        self._parts.identity.authorize(principal, "case:report")
        return await following.follow(tx, self._parts, number, principal)

    async def accounts(self, tx: Transaction, case_id: UUID) -> list[UUID]:
        """Whom to tell of what happens to a case."""
        return await following.accounts(tx, case_id)

    async def count_recurring(self, tx: Transaction) -> None:
        await watching.count_recurring(tx, self._parts)

    async def recurring(
        self, tx: Transaction, principal: Principal, category: str | None, limit: int
    ) -> list[View]:
        if category is not None and "\x00" in category:
            raise InvalidInput("text_unreadable")
        return await watching.recurring(tx, self._parts, principal, category, limit)

    async def warn(self, tx: Transaction) -> int:
        return await watching.warn(tx, self._parts)

    async def warnings(
        self, tx: Transaction, principal: Principal, limit: int, *, unacknowledged: bool
    ) -> list[View]:
        return await watching.warnings(tx, self._parts, principal, limit, unacknowledged=unacknowledged)

    async def acknowledge(
        self, tx: Transaction, warning_id: UUID, principal: Principal, comment: str | None
    ) -> View:
        check_comment(comment)
        return await watching.acknowledge(tx, self._parts, warning_id, principal, comment)

    async def similar(self, tx: Transaction, lon: float, lat: float, text: str) -> list[View]:
        """What is already known there, before a report is sent: no text, nothing personal."""
        lon, lat = valid_lonlat(lon, lat)
        if len(text) > SIMILAR_TEXT_CHARS_MAX:
            raise TooLarge("text_too_long", limit_chars=SIMILAR_TEXT_CHARS_MAX)
        if "\x00" in text:
            raise InvalidInput("text_unreadable")
        snapshot = await self._parts.registry.current(tx)
        model = await self._parts.models.get(snapshot.model_hash)
        prediction = model.predict(text) if model and text.strip() else None
        category = prediction.guesses[0].category if prediction and prediction.guesses else None
        seen = Seen(text, category, lon, lat, self._parts.clock.now())
        found = await suggesting.similar(tx, snapshot, seen, snapshot.linking.suggest_min)
        told = []
        for each in found:
            if each.kind == "recurrent":
                continue
            people = await following.reporters(tx, await merging.below(tx, each.other["id"]))
            told.append(
                {
                    "number": each.other["number"],
                    "category": _category(snapshot, each.other["category"]),
                    "status": each.other["status"],
                    "status_label": catalogue()[f"case_status_{each.other['status']}"],
                    "lon": each.other["lon"],
                    "lat": each.other["lat"],
                    "metres": None if each.metres is None else round(each.metres),
                    "opened_at": each.other["opened_at"],
                    "score": round(each.score, 3),
                    "reporters": people,
                }
            )
        return told


def check_comment(comment: str | None) -> None:
    if comment is None:
        return
    if len(comment) > COMMENT_CHARS_MAX:
        raise TooLarge("text_too_long", limit_chars=COMMENT_CHARS_MAX)
    if "\x00" in comment:
        raise InvalidInput("text_unreadable")


def _link(snapshot: Snapshot, case_id: UUID, row: Row) -> View:
    return {
        "case": _brief(snapshot, row),
        "later": row["other_id"] == case_id,
        "kind": row["kind"],
        "kind_label": catalogue()[f"link_kind_{row['kind']}"],
        "score": row["score"],
        "reasons": row["reasons"],
        "state": row["state"],
        "suggested_at": row["suggested_at"],
        "decided_at": row["decided_at"],
    }


def _brief(snapshot: Snapshot, row: Row) -> View:
    return {
        "id": row["id"],
        "number": row["number"],
        "title": mask_text(row["title"]),
        "status": row["status"],
        "category": _category(snapshot, row["category"]),
        "opened_at": row["opened_at"],
    }


def _category(snapshot: Snapshot, code: str | None) -> View | None:
    node = snapshot.categories.get(code or "")
    return {"code": code, "name": node.name if node else Text(zh=code, en=code)} if code else None
