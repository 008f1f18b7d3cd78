"""GET requests: the query as the standard defines it, and the records it answers with."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from yunnao.infra.postgres import Row
from yunnao.kernel.errors import InvalidInput
from yunnao.kernel.text import Language, Text, catalogue
from yunnao.modules.cases import domain
from yunnao.modules.cases.open311 import forms
from yunnao.modules.cases.open311.answers import moment
from yunnao.modules.cases.open311.contracts import RequestQuery

REQUESTS_ROWS_MAX = 1_000
"""The standard: "a span of 90 days or first 1000 requests returned, whichever is smallest"."""
SPAN = timedelta(days=90)
PAGE_ROWS = 50
EXTENDED_ROWS_MAX = 100
PAGES_MAX = 10_000
NUMBERS_MAX = 1_000
DESCRIPTION_CHARS_MAX = 4_000
STATUS: Mapping[str, tuple[str, ...]] = {"open": domain.OPEN, "closed": ("closed", "rated", "rejected")}


def query(sent: Mapping[str, str | None], now: datetime, *, extended: bool) -> RequestQuery:
    """The filters of a request. Numbers override all others; without a window it is the last 90 days.

    Raises InvalidInput: `status_unknown`, `time_unreadable`, `number_unreadable`, `text_unreadable`.
    """
    given = {name: value for name, value in sent.items() if value is not None and value.strip()}
    limit, offset = _page(given, extended=extended)
    if numbers := listed(given.get("service_request_id")):
        return RequestQuery(numbers=numbers[:NUMBERS_MAX], limit=limit, offset=offset)
    after, before = _moment(given.get("updated_after")), _moment(given.get("updated_before"))
    start, end = _moment(given.get("start_date")), _moment(given.get("end_date"))
    by_change = after is not None or before is not None
    if by_change:
        after, before = window(after, before, now)
    if not by_change or start is not None or end is not None:
        start, end = window(start, end, now)
    return RequestQuery(
        services=listed(given.get("service_code")),
        start=start,
        end=end,
        updated_after=after,
        updated_before=before,
        status=_statuses(given.get("status")),
        limit=limit,
        offset=offset,
    )


def window(start: datetime | None, end: datetime | None, now: datetime) -> tuple[datetime, datetime]:
    """At most 90 days: from the start where one is given, else up to the end."""
    if start is not None:
        return start, min(end, start + SPAN) if end is not None else start + SPAN
    last = end if end is not None else now
    return last - SPAN, last


def record(row: Row, language: Language, media_url: str | None) -> dict[str, Any]:
    """One service request; `row` as the facade gives it."""
    category, department = row["category"], row["department"]
    name: Text = category["name"] if category else catalogue()["category_automatic"]
    text = row["text"]
    return {
        "service_request_id": row["number"],
        "status": "open" if row["status"] in domain.OPEN else "closed",
        "status_notes": catalogue()[f"case_status_{row['status']}"].to(language),
        "service_name": name.to(language),
        "service_code": category["code"] if category else forms.AUTO,
        "description": text[:DESCRIPTION_CHARS_MAX] if text else None,
        "agency_responsible": department["name"].to(language) if department else None,
        "service_notice": None,
        "requested_datetime": moment(row["opened_at"]),
        # The standard: of a closed request the date at which it was closed.
        "updated_datetime": moment(row["closed_at"] or row["changed_at"]),
        "expected_datetime": moment(row["due_at"]),
        "address": row["address"],
        "address_id": row["address_id"],
        "zipcode": None,
        "lat": row["lat"],
        "long": row["lon"],
        "media_url": media_url,
    }


def extension(row: Row, notes: list[Row], photos: list[dict[str, Any]], language: Language) -> dict[str, Any]:
    """What `extensions=true` adds: how it came in, its published photos, what happened to it."""
    return {
        "extended_attributes": {
            "channel": row["source"],
            "area": row["area"].to(language) if row["area"] else None,
            "photos": photos,
        },
        "notes": [
            {
                "datetime": moment(note["time"]),
                "description": catalogue()[f"case_event_{note['event']}"].to(language),
                "type": note["event"],
            }
            for note in notes
        ],
    }


def clean(value: str) -> str:
    """Raises InvalidInput `text_unreadable` for what no text of ours holds."""
    if "\x00" in value:
        raise InvalidInput("text_unreadable")
    return value


def listed(value: str | None) -> tuple[str, ...] | None:
    found = tuple(part.strip() for part in clean(value).split(",") if part.strip()) if value else ()
    return found or None


def _page(given: Mapping[str, str], *, extended: bool) -> tuple[int, int]:
    rows_max = EXTENDED_ROWS_MAX if extended else REQUESTS_ROWS_MAX
    size = given.get("page_size") or given.get("per_page")
    if size is None and "page" not in given:
        return rows_max, 0
    limit = _count(size, PAGE_ROWS, rows_max)
    return limit, (_count(given.get("page"), 1, PAGES_MAX) - 1) * limit


def _count(value: str | None, default: int, maximum: int) -> int:
    if value is None:
        return default
    found = forms.number(value.strip())
    if not found.is_integer() or found < 1:
        raise InvalidInput("number_unreadable", value=value[:40])
    return int(min(found, maximum))


def _statuses(value: str | None) -> tuple[str, ...] | None:
    wanted = listed(value.lower() if value else None)
    if wanted is None:
        return None
    for name in wanted:
        if name not in STATUS:
            raise InvalidInput("status_unknown", state=name[:40], known=", ".join(STATUS))
    return tuple(status for name in dict.fromkeys(wanted) for status in STATUS[name])


def _moment(value: str | None) -> datetime | None:
    return forms.time(value) if value else None
