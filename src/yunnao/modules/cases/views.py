"""Cases as they are shown: names beside codes, personal data masked unless a right says otherwise."""

from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from yunnao.infra.postgres import Row, Transaction
from yunnao.kernel.errors import NotFound
from yunnao.kernel.principal import Principal
from yunnao.kernel.text import catalogue
from yunnao.modules.cases import domain, store
from yunnao.modules.cases.acting import showing
from yunnao.modules.cases.acting.situation import situation
from yunnao.modules.cases.deadlines.facade import add_deadlines
from yunnao.modules.cases.linking import merging
from yunnao.modules.cases.linking.following import Tracked, reporters
from yunnao.modules.cases.masking import mask_email, mask_name, mask_phone, mask_text
from yunnao.modules.cases.naming import Names, names
from yunnao.modules.cases.parts import Parts, case_resource

View = dict[str, Any]

__all__ = [
    "Names",
    "View",
    "brief",
    "citizen_view",
    "detail",
    "names",
    "photos",
    "require",
    "timeline",
]


def brief(known: Names, row: Row, now: datetime) -> View:
    """A case in a list; its text is masked for everybody, since looks at lists are not audited."""
    return {
        "id": row["id"],
        "number": row["number"],
        "title": mask_text(row["title"]),
        "text": mask_text(row["text"]),
        "status": row["status"],
        "source": row["source"],
        "category": known.category(row["category"]),
        "department": known.department(row["department"]),
        "area": known.area(row),
        "address": row["address"],
        "lon": row["lon"],
        "lat": row["lat"],
        "opened_at": row["opened_at"],
        "due_at": row["due_at"],
        "closed_at": row["closed_at"],
        "overdue": is_overdue(row, now),
        "confidence": row["confidence"],
        "automatic": row["automatic"],
        "scene": row["scene"],
        "severity": row["severity"],
    }


def is_overdue(row: Row, now: datetime) -> bool:
    return row["status"] in domain.OPEN and bool(row["due_at"] < now)


async def require(tx: Transaction, parts: Parts, case_id: UUID, principal: Principal) -> Row:
    """The case, if the party may read it; else it is as if there were none (NotFound)."""
    row = await store.one(tx, "case_get", id=case_id)
    if row is None or not await may_read(tx, parts, row, principal):
        if principal.kind == "anonymous":
            parts.identity.authorize(principal, "case:read")
        raise NotFound("case_not_found")
    return row


async def may_read(tx: Transaction, parts: Parts, row: Row, principal: Principal) -> bool:
    """By its own right, or as staff of a department that was informed: that counts as its own case,
    for reading only."""
    resource = case_resource(row)
    if parts.identity.allowed(principal, "case:read", resource):
        return True
    as_own = replace(resource, department=principal.department)
    if principal.department is None or not parts.identity.allowed(principal, "case:read", as_own):
        return False
    informed = await store.rows(tx, "informed_list", case_id=row["id"])
    return any(each["department"] == principal.department for each in informed)


async def detail(tx: Transaction, parts: Parts, row: Row, principal: Principal) -> View:
    """Everything of one case. A look at the reporter is audited; without the right it is masked."""
    known = await names(tx, parts)
    now = parts.clock.now()
    flow = await parts.registry.flow(tx, row["flow_hash"])
    now_at = await situation(tx, row, flow.position(row["workflow"]).decisions)
    informed = await store.rows(tx, "informed_list", case_id=row["id"])
    seen = parts.identity.allowed(principal, "case:read_reporter", case_resource(row))
    if seen:
        await parts.identity.audit(
            tx, principal, "case:read_reporter", case_resource(row), number=row["number"]
        )
    shown = brief(known, row, now)
    await add_deadlines(tx, parts, [shown])
    told = dict(row["dispatch"])
    told["category"] = known.category(told["category"])
    told["department"] = known.department(told["department"])
    told["alternatives"] = [
        {
            "category": each["category"],
            "name": (known.category(each["category"]) or {})["name"],
            "confidence": each["confidence"],
        }
        for each in told["alternatives"]
    ]
    return {
        **shown,
        "title": row["title"] if seen else shown["title"],
        "text": row["text"] if seen else shown["text"],
        "case_type": row["case_type"],
        "reporter": _reporter(row["reporter"], seen=seen),
        "photos": await photos(tx, row["id"], "/api/v1/photos"),
        "fields": row["fields"],
        "alarm_id": row["alarm_id"],
        "entity": row["entity"],
        "trace_id": row["trace_id"],
        "dispatch": told,
        "informed": [known.department(each["department"]) for each in informed],
        **await showing.work(tx, parts, known, now_at, principal),
        "rating": _rating(row),
    }


async def timeline(tx: Transaction, parts: Parts, case_id: UUID) -> list[View]:
    known = await names(tx, parts)
    entries = await store.rows(tx, "timeline_list", case_id=case_id)
    return [
        {
            "time": entry["time"],
            "event": entry["event"],
            "label": catalogue()[f"case_event_{entry['event']}"],
            "actor": {"name": entry["actor_name"], "kind": entry["actor_kind"]},
            "comment": mask_text(entry["comment"]) if entry["comment"] else None,
            "department": known.department(entry["department"]),
            "category": known.category(entry["category"]),
            "photos": [_photo("/api/v1/photos", each) for each in entry["photos"]],
            "detail": entry["detail"],
        }
        for entry in entries
    ]


async def citizen_view(tx: Transaction, parts: Parts, row: Row, code: str) -> View:
    """What the holder of the tracking code sees: no names of those who handle it."""
    known = await names(tx, parts)
    entries = await store.rows(tx, "timeline_list", case_id=row["id"])
    root = f"/api/v1/reports/{code}/photos"
    return {
        "number": row["number"],
        "status": row["status"],
        "status_label": catalogue()[f"case_status_{row['status']}"],
        "text": row["text"],
        "category": known.category(row["category"]),
        "department": known.department(row["department"]),
        "address": row["address"],
        "lon": row["lon"],
        "lat": row["lat"],
        "opened_at": row["opened_at"],
        "due_at": row["due_at"],
        "closed_at": row["closed_at"],
        "photos": await photos(tx, row["id"], root),
        "timeline": [
            {
                "time": entry["time"],
                "what": catalogue()[f"case_event_{entry['event']}"],
                "comment": mask_text(entry["comment"])
                if entry["comment"] and entry["event"] in COMMENTS_FOR_CITIZENS
                else None,
                "photos": [_photo(root, each) for each in entry["photos"]],
            }
            for entry in entries
            if entry["event"] not in HIDDEN_FROM_CITIZENS
        ],
        "can_rate": row["status"] == "closed",
        "rating": _rating(row),
    }


async def tracked_view(tx: Transaction, parts: Parts, found: Tracked, code: str) -> View:
    """What a tracking code shows: the own words, and how far the case is that stands for them."""
    main = found.main
    people = await reporters(tx, await merging.below(tx, main["id"]))
    own = found.own if found.own is not None else {**main, "text": "", "address": None}
    shown = await citizen_view(tx, parts, own, code)
    if found.is_main:
        return {**shown, "reporters": people, "main_number": None}
    of_main = await citizen_view(tx, parts, main, code)
    # Photos and words of others are theirs; only where the matter stands is everybody's.
    rated = catalogue()["case_event_rate"]
    entries = [
        {**entry, "photos": [], "comment": None if entry["what"] == rated else entry["comment"]}
        for entry in of_main["timeline"]
    ]
    return {
        **{name: of_main[name] for name in OF_MAIN},
        **{name: shown[name] for name in ("number", "text", "address", "lon", "lat")},
        "opened_at": found.follower["followed_at"] if found.follower else shown["opened_at"],
        "photos": shown["photos"] if found.own else [],
        "timeline": sorted([*shown["timeline"], *entries] if found.own else entries, key=lambda e: e["time"]),
        "can_rate": main["status"] in {"closed", "rated"} and found.rated is None,
        "rating": dict(found.rated) if found.rated else None,
        "reporters": people,
        "main_number": main["number"],
    }


OF_MAIN = ("status", "status_label", "category", "department", "due_at", "closed_at")
HIDDEN_FROM_CITIZENS = frozenset(
    {
        "reassign", "informed", "alarm_joined", "alarm_cleared", "involve", "release", "feed_back", "split",
        "subcase_of", "subcase_closed", "ask_extension", "ask_suspension", "appeal", "extension_refused",
        "suspension_refused", "appeal_granted", "appeal_refused", "request_withdrawn", "request_lapsed",
        "supervise", "lift", "redo", "flow_migrated", "archived", "link_suggested", "merge_received",
        "merge_lost", "follower_rated",
        "amber", "step_overdue", "escalated", "rescheduled",
    }
)  # fmt: skip
COMMENTS_FOR_CITIZENS = frozenset({"finish", "confirm", "answered", "reject", "rate"})
"""What offices write to each other (returning, asking for rework) is not an answer to the citizen."""


async def photos(tx: Transaction, case_id: UUID, root: str) -> list[View]:
    found = await store.rows(tx, "photos_of_case", case_id=case_id)
    return [
        {
            **_photo(root, each["id"]),
            "lon": each["lon"],
            "lat": each["lat"],
            "taken_at": each["taken_at"],
            "stage": each["stage"],
            "text": mask_text(each["found_text"] or "") or None,
            "published": each["published"],
        }
        for each in found
    ]


def _photo(root: str, photo_id: UUID) -> View:
    return {"id": photo_id, "url": f"{root}/{photo_id}", "thumb_url": f"{root}/{photo_id}?size=thumb"}


def _rating(row: Row) -> View | None:
    return {"score": row["score"], "comment": row["rating_comment"]} if row["score"] else None


def _reporter(reporter: dict[str, str] | None, *, seen: bool) -> View | None:
    if not reporter:
        return None
    name, phone, email = reporter.get("name"), reporter.get("phone"), reporter.get("email")
    if seen:
        return {"name": name, "phone": phone, "email": email, "masked": False}
    return {
        "name": mask_name(name),
        "phone": mask_phone(phone),
        "email": mask_email(email),
        "masked": True,
    }
