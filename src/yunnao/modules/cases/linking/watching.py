"""By the clock: places where trouble comes back, and group complaints warned of early."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from yunnao.infra import outbox
from yunnao.infra.postgres import Row, Transaction
from yunnao.kernel.errors import Conflict, NotFound
from yunnao.kernel.ids import new_id
from yunnao.kernel.principal import Principal
from yunnao.kernel.text import Text, catalogue, say
from yunnao.modules.cases.linking import crowds, store
from yunnao.modules.cases.linking.crowds import Crowd
from yunnao.modules.cases.masking import mask_text
from yunnao.modules.cases.parts import Parts
from yunnao.modules.cases.registry import Snapshot
from yunnao.modules.notifications.contracts import Notice, Recipients

RECENT_ROWS_MAX = 20_000
PAST_ROWS_MAX = 100_000
LISTED_ROWS_MAX = 200
SAMPLE_CASES_MAX = 20
TOLD_ROLES = ("dispatcher", "leader")

View = dict[str, Any]


async def count_recurring(tx: Transaction, parts: Parts) -> None:
    """Counts recurring places anew; for a timer."""
    snapshot = await parts.registry.current(tx)
    declared, now = snapshot.linking.recurring, parts.clock.now()
    span = timedelta(days=declared.days)
    await store.run(tx, "recurring_delete")
    await store.run(
        tx,
        "recurring_insert",
        since=now - span,
        middle=now - span / 2,
        cases_min=declared.cases_min,
        now=now,
    )


async def recurring(
    tx: Transaction, parts: Parts, principal: Principal, category: str | None, limit: int
) -> list[View]:
    """Where trouble comes back, the most often first."""
    parts.identity.authorize(principal, "topic:read")
    snapshot = await parts.registry.current(tx)
    found = await store.rows(
        tx,
        "recurring_list",
        category=snapshot.below(category) if category else None,
        limit=min(limit, LISTED_ROWS_MAX),
    )
    areas = {code: area.name for code, area in (await parts.areas(tx)).items()}
    return [
        {
            **row,
            "category": _category(snapshot, row["category"]),
            "district": _named(areas, row["district"]),
            "trend": round((row["recent"] + 1) / (row["cases"] - row["recent"] + 1), 2),
        }
        for row in found
    ]


async def warn(tx: Transaction, parts: Parts) -> int:
    """Looks for group complaints; for a timer. Returns how many warnings were opened."""
    snapshot = await parts.registry.current(tx)
    declared, now = snapshot.linking.group, parts.clock.now()
    within = timedelta(hours=declared.within_h)
    recent = await store.rows(tx, "group_recent", since=now - within, limit=RECENT_ROWS_MAX)
    found = crowds.crowds(recent, declared.reporters_min)
    running = {(row["place"], row["category"]): row for row in await store.rows(tx, "warnings_running")}
    past, weeks = await _past(tx, found, now, within, declared.weeks)
    opened = 0
    still: set[tuple[str, str]] = set()
    for crowd in found:
        expected = crowds.usual(past, crowd, weeks)
        chance = crowds.chance(crowd.reporters, expected)
        known = running.get((crowd.place, crowd.category))
        if known is None and chance > declared.chance_max:
            continue
        still.add((crowd.place, crowd.category))
        told = {
            "id": known["id"] if known else new_id(),
            "reporters": crowd.reporters,
            "cases": len(crowd.cases),
            "usual": expected,
            "chance": chance,
            "case_ids": [row["id"] for row in crowd.cases[:SAMPLE_CASES_MAX]],
            "now": now,
        }
        if known is not None:
            await store.run(tx, "warning_update", **told)
        else:
            await _open(tx, parts, snapshot, crowd, told, declared.within_h)
            opened += 1
    ended = [row["id"] for key, row in running.items() if key not in still]
    if ended:
        await store.run(tx, "warnings_end", ids=ended, now=now)
    return opened


async def warnings(
    tx: Transaction, parts: Parts, principal: Principal, limit: int, *, unacknowledged: bool
) -> list[View]:
    """Group complaints, newest first, with some of their cases."""
    parts.identity.authorize(principal, "warning:list")
    found = await store.rows(tx, "warnings_list", open=unacknowledged, limit=min(limit, LISTED_ROWS_MAX))
    return await _shown(tx, parts, found)


async def acknowledge(
    tx: Transaction, parts: Parts, warning_id: UUID, principal: Principal, comment: str | None
) -> View:
    """A person answers for the warning. Raises NotFound, Conflict `group_warning_acknowledged`."""
    parts.identity.authorize(principal, "warning:acknowledge")
    row = await store.one(
        tx,
        "warning_acknowledge",
        id=warning_id,
        now=parts.clock.now(),
        by=principal.id,
        comment=comment,
    )
    if row is None:
        if await store.one(tx, "warning_get", id=warning_id) is None:
            raise NotFound("group_warning_not_found")
        raise Conflict("group_warning_acknowledged")
    return (await _shown(tx, parts, [row]))[0]


async def _past(
    tx: Transaction, found: list[Crowd], now: datetime, within: timedelta, weeks_max: int
) -> tuple[list[Row], int]:
    """Cases of the same hours in past weeks, and how many weeks the city has known."""
    first = await store.one(tx, "place_first")
    if not found or first is None:
        return [], 0
    weeks = max(1, min(weeks_max, int((now - within - first["opened_at"]) / timedelta(weeks=1))))
    starts, ends = crowds.windows(now, within, weeks)
    past = await store.rows(
        tx,
        "group_past",
        starts=list(starts),
        ends=list(ends),
        categories=sorted({crowd.category for crowd in found}),
        limit=PAST_ROWS_MAX,
    )
    return past, weeks


async def _open(
    tx: Transaction, parts: Parts, snapshot: Snapshot, crowd: Crowd, told: View, within_h: int
) -> None:
    located = [row for row in crowd.cases if row["lon"] is not None]
    lon = sum(row["lon"] for row in located) / len(located) if located else None
    lat = sum(row["lat"] for row in located) / len(located) if located else None
    district = next((row["district"] for row in crowd.cases if row["district"]), None)
    await store.run(
        tx,
        "warning_insert",
        **told,
        category=crowd.category,
        place=crowd.place,
        lon=lon,
        lat=lat,
        district=district,
    )
    areas = {code: area.name for code, area in (await parts.areas(tx)).items()}
    params = {
        "reporters": crowd.reporters,
        "hours": within_h,
        "category": _category(snapshot, crowd.category)["name"],
        "area": areas.get(district or "") or catalogue()["notice_area_none"],
    }
    title = Text(
        zh=say("notice_group_warning", "zh", **params), en=say("notice_group_warning", "en", **params)
    )
    await outbox.publish(
        tx,
        "cases.warning.opened",
        {
            "warning_id": str(told["id"]),
            "category": crowd.category,
            "reporters": crowd.reporters,
            "cases": [str(each) for each in told["case_ids"]],
            "title": title.model_dump(),
            "lon": lon,
            "lat": lat,
            "severity": "severe",
        },
    )
    await parts.notifications.send(
        tx,
        Notice(
            template="group_warning",
            to=Recipients(roles=TOLD_ROLES),
            key=f"group_warning:{told['id']}",
            params=params,
            urgent=True,
            subject=f"Warning/{told['id']}",
        ),
    )


async def _shown(tx: Transaction, parts: Parts, found: list[Row]) -> list[View]:
    snapshot = await parts.registry.current(tx)
    areas = {code: area.name for code, area in (await parts.areas(tx)).items()}
    ids = sorted({each for row in found for each in row["case_ids"]})
    cases = {row["id"]: row for row in await store.rows(tx, "cases_named", ids=ids)}
    return [
        {
            **row,
            "category": _category(snapshot, row["category"]),
            "district": _named(areas, row["district"]),
            "sample": [_brief(snapshot, cases[each]) for each in row["case_ids"] if each in cases],
        }
        for row in found
    ]


def _brief(snapshot: Snapshot, row: Row) -> View:
    return {**row, "title": mask_text(row["title"]), "category": _category(snapshot, row["category"])}


def _category(snapshot: Snapshot, code: str) -> View:
    node = snapshot.categories.get(code)
    return {"code": code, "name": node.name if node else Text(zh=code, en=code)}


def _named(areas: dict[str, Text], code: str | None) -> View | None:
    return {"code": code, "name": areas.get(code, Text(zh=code, en=code))} if code else None
