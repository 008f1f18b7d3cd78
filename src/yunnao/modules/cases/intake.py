"""Opening a case: checked, placed, dispatched, given its deadline, told to the world."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from jsonschema import Draft202012Validator
from psycopg.types.json import Jsonb

from yunnao.infra.postgres import Row, Transaction
from yunnao.infra.telemetry import CASES_OPENED, current_trace_id
from yunnao.kernel.errors import InvalidInput, TooLarge
from yunnao.kernel.geometry import valid_lonlat
from yunnao.kernel.ids import new_id
from yunnao.kernel.principal import SYSTEM, Principal
from yunnao.kernel.text import Text
from yunnao.modules.cases import domain, store
from yunnao.modules.cases.acting import telling
from yunnao.modules.cases.contracts import NewCase, OpenedCase, Reporter
from yunnao.modules.cases.deadlines import facade as deadlines
from yunnao.modules.cases.dispatch.decision import Dispatch, Matrix, Place, decide
from yunnao.modules.cases.dispatch.duty import Offices
from yunnao.modules.cases.linking import facade as linking
from yunnao.modules.cases.parts import Parts, announce, note
from yunnao.modules.cases.registry import CaseTypeNode, Snapshot
from yunnao.modules.cases.search import indexing
from yunnao.modules.geography.contracts import Area

TEXT_CHARS_MAX = 8_000
ADDRESS_CHARS_MAX = 300
NAME_CHARS_MAX = 100
PHONE_CHARS_MAX = 40
FIELDS_BYTES_MAX = 16_384
PHOTOS_PER_CASE_MAX = 20


@dataclass(frozen=True)
class Origin:
    """What an alarm adds to a case."""

    alarm_id: UUID | None = None
    entity: str | None = None
    severity: str | None = None
    trace_id: str | None = None


async def open_case(
    tx: Transaction, parts: Parts, new: NewCase, principal: Principal, origin: Origin | None = None
) -> OpenedCase:
    """Opens a case. Raises InvalidInput for what does not hold, TooLarge for what is too long."""
    origin = origin or Origin()
    _check_text(new)
    snapshot = await parts.registry.current(tx)
    lon, lat = await _position(tx, new)
    areas = await parts.areas(tx)
    place = _place(parts, lon, lat)
    if lon is None and new.source != "alarm":
        place = (await parts.gazetteer(tx)).find(f"{new.address or ''}\n{new.text}")
    found = await _dispatch(new, place, await matrix(tx, parts, snapshot, areas), parts, snapshot)
    case_type = snapshot.case_type_for(found.category, new.case_type, new.source)
    if new.source != "alarm" and (new.case_type is not None or new.fields):
        _check_fields(case_type, new.fields)
    flow = await parts.registry.flow(tx, case_type.flow_hash)
    step = flow.start()
    if found.automatic:
        step = flow.decide(step.state, "assign")

    now = parts.clock.now()
    code = domain.new_tracking_code()
    row: Row = {
        "id": new_id(),
        "number": await _number(tx, parts, snapshot),
        "tracking_hash": domain.tracking_hash(code),
        "source": new.source,
        "scene": case_type.scene,
        "case_type": case_type.type,
        "flow_hash": case_type.flow_hash,
        "status": step.status,
        "category": found.category,
        "department": found.department if found.automatic else None,
        "title": _title(snapshot, new, found.category),
        "text": new.text,
        "address": new.address,
        "lon": lon,
        "lat": lat,
        "district": place.district,
        "street": place.street,
        "reporter": Jsonb(_reporter(new.reporter)) if new.reporter else None,
        "reporter_id": principal.id,
        "fields": Jsonb(dict(new.fields)),
        "automatic": found.automatic,
        "confidence": found.confidence,
        "dispatch": Jsonb(_told(found)),
        "alarm_id": origin.alarm_id,
        "entity": origin.entity,
        "severity": origin.severity,
        "trace_id": origin.trace_id or current_trace_id(),
        "opened_at": now,
        "due_at": deadlines.first_due(snapshot, found.category, case_type.type, now),
        "workflow": Jsonb(step.state),
    }
    # One after the other without waiting for each answer: only what is asked back is waited for.
    async with tx.pipeline():
        await store.run(tx, "case_insert", **row)
        await deadlines.begin(tx, snapshot, row)
        await indexing.write(tx, snapshot, row)
        if new.photos:
            await attach_photos(tx, row["id"], new.photos, principal)
        await note(tx, parts, row["id"], "opened", principal, photos=new.photos)
        await _note_dispatch(tx, parts, snapshot, row, found)
        await linking.on_opened(tx, parts, snapshot, row)
        await announce(tx, snapshot, "cases.case.opened", row)
    CASES_OPENED.labels(new.source, "automatic" if found.automatic else "desk").inc()
    return OpenedCase(row["id"], row["number"], code, step.status, found.automatic, now)


async def attach_photos(
    tx: Transaction, case_id: UUID, photos: tuple[UUID, ...], principal: Principal
) -> None:
    """Raises InvalidInput when a photo is unknown, another case's, or somebody else's."""
    if len(photos) > PHOTOS_PER_CASE_MAX:
        raise InvalidInput("photos_too_many", limit=PHOTOS_PER_CASE_MAX)
    attached = await store.rows(
        tx, "photos_attach", case_id=case_id, ids=list(photos), sender_id=principal.id
    )
    if len(attached) != len(set(photos)):
        raise InvalidInput("photo_unknown")


async def matrix(tx: Transaction, parts: Parts, snapshot: Snapshot, areas: Mapping[str, Area]) -> Matrix:
    """What a dispatch is decided by."""
    departments = await parts.departments(tx, snapshot)
    promise = snapshot.city.precision if snapshot.model_keeps_promises else None
    model = await parts.models.get(snapshot.model_hash) if promise is not None else None
    return Matrix(
        snapshot.duties,
        Offices(
            {d.area: d.id for d in departments.values() if d.kind == "district" and d.area},
            {d.area: d.id for d in departments.values() if d.kind == "street_office" and d.area},
        ),
        snapshot.city.fallback,
        snapshot.city.confidence_min,
        snapshot.path,
        lambda code: snapshot.categories[code].name if code in snapshot.categories else _same(code),
        lambda code: departments[code].name if code in departments else _same(code),
        lambda code: areas[code].name if code in areas else _same(code),
        partial(model.threshold, promise) if model and promise is not None else None,
    )


async def _dispatch(new: NewCase, place: Place, by: Matrix, parts: Parts, snapshot: Snapshot) -> Dispatch:
    if new.category is not None:
        snapshot.category(new.category)
    prediction = None
    if new.source != "alarm":
        model = await parts.models.get(snapshot.model_hash)
        prediction = model.predict(new.text) if model else None
    return decide(by, new.source, new.category, prediction, place)


async def _position(tx: Transaction, new: NewCase) -> tuple[float | None, float | None]:
    """Given, else where its photo was taken."""
    if (new.lon is None) != (new.lat is None):
        raise InvalidInput("coordinates_half")
    if new.lon is not None and new.lat is not None:
        return valid_lonlat(new.lon, new.lat)
    if new.photos:
        row = await store.one(tx, "photos_place", ids=list(new.photos))
        if row is not None:
            return row["lon"], row["lat"]
    return None, None


def _place(parts: Parts, lon: float | None, lat: float | None) -> Place:
    if lon is None or lat is None:
        return Place()
    found = parts.geography.resolve(lon, lat)
    return Place(found.district.code if found.district else None, found.street.code if found.street else None)


def _title(snapshot: Snapshot, new: NewCase, category: str | None) -> str:
    """What happened and where, of an alarm; else the text's first sentence."""
    node = snapshot.categories.get(category or "")
    if new.source == "alarm" and node and new.address:
        return domain.title_of(f"{node.name.zh} · {new.address}")
    return domain.title_of(new.text)


async def _number(tx: Transaction, parts: Parts, snapshot: Snapshot) -> str:
    zone: ZoneInfo = snapshot.city.calendar.zone
    local = parts.clock.now().astimezone(zone)
    row = await store.one(tx, "number_of_day", day=local.date())
    if row is None:
        await store.run(tx, "number_day_begin", day=local.date())
        row = await store.one(tx, "number_of_day", day=local.date())
    assert row is not None
    return domain.case_number(snapshot.city.number_prefix, local, row["number"])


async def _note_dispatch(
    tx: Transaction, parts: Parts, snapshot: Snapshot, row: Row, found: Dispatch
) -> None:
    entry = await note(
        tx,
        parts,
        row["id"],
        "assigned_automatically" if found.automatic else "sent_to_desk",
        SYSTEM,
        department=found.department if found.automatic else None,
        category=found.category,
        detail={"confidence": round(found.confidence, 4), "threshold": found.threshold},
    )
    if found.automatic:
        await telling.assigned(tx, parts, snapshot, row, entry)


def _told(found: Dispatch) -> dict[str, Any]:
    """The explanation as it is kept with the case."""
    return {
        "automatic": found.automatic,
        "confidence": round(found.confidence, 4),
        "threshold": found.threshold,
        "category": found.category,
        "department": found.department,
        "reasons": [reason.model_dump() for reason in found.reasons],
        "alternatives": [
            {"category": guess.category, "confidence": round(guess.confidence, 4)}
            for guess in found.alternatives
        ],
    }


def _check_text(new: NewCase) -> None:
    if not new.text.strip():
        raise InvalidInput("text_missing")
    reporter = new.reporter or Reporter()
    for text, limit in (
        (new.text, TEXT_CHARS_MAX),
        (new.address, ADDRESS_CHARS_MAX),
        (reporter.name, NAME_CHARS_MAX),
        (reporter.phone, PHONE_CHARS_MAX),
        (reporter.email, NAME_CHARS_MAX),
    ):
        if text is not None and len(text) > limit:
            raise TooLarge("text_too_long", limit_chars=limit)
        if text is not None and "\x00" in text:
            # PostgreSQL keeps no NUL in a text.
            raise InvalidInput("text_unreadable")


def _check_fields(case_type: CaseTypeNode, fields: Mapping[str, Any]) -> None:
    try:
        encoded = json.dumps(dict(fields), ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, UnicodeEncodeError, RecursionError) as error:
        raise InvalidInput("fields_invalid", pointer="/fields", detail="JSON") from error
    if len(encoded) > FIELDS_BYTES_MAX or b"\\u0000" in encoded:
        raise InvalidInput("fields_invalid", pointer="/fields", detail=f"> {FIELDS_BYTES_MAX}")
    wrong = next(iter(Draft202012Validator(case_type.form).iter_errors(dict(fields))), None)
    if wrong is not None:
        pointer = "/fields" + "".join(f"/{part}" for part in wrong.absolute_path)
        raise InvalidInput("fields_invalid", pointer=pointer, detail=wrong.message[:300])


def _reporter(reporter: Reporter) -> dict[str, str]:
    pairs = {"name": reporter.name, "phone": reporter.phone, "email": reporter.email}
    return {key: value.strip() for key, value in pairs.items() if value and value.strip()}


def _same(code: str) -> Text:
    return Text(zh=code, en=code)
