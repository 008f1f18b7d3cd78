"""The rules of telling, pure: wording, channels, digests, quiet hours, waits."""

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime, time, timedelta
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from yunnao.kernel.text import Language, Text, catalogue, say
from yunnao.modules.notifications.contracts import CHANNELS, Channel, Digest, Preferences

WAIT_FIRST_S = 10.0
WAIT_MAX_S = 3_600.0
PATIENCE = timedelta(hours=48)
"""A message that could not be delivered for so long is given up."""
LINE_CHARS_MAX = 200
NOT_URGENT: tuple[Channel, ...] = ("in_app", "email", "webhook")
"""How an account is told by default of what is not urgent."""
TEMPLATE_PREFIX = "notice_"
TEXT_SUFFIX = "_text"


@cache
def kinds() -> dict[str, Text]:
    """Every template that can be told, with its name for lists of preferences."""
    known = catalogue()
    return {
        code.removeprefix("notice_kind_"): text
        for code, text in known.items()
        if code.startswith("notice_kind_")
    }


def encode(params: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters as JSON: a Text as {zh, en}, a datetime as {at}."""
    return {name: _encoded(value) for name, value in params.items()}


def _encoded(value: Any) -> Any:
    if isinstance(value, Text):
        return value.model_dump()
    if isinstance(value, datetime):
        return {"at": value.astimezone(UTC).isoformat()}
    return value


def wording(template: str, params: Mapping[str, Any], language: Language, zone: ZoneInfo) -> tuple[str, str]:
    """The line and the text of a notice in `language`; times stand with their zone."""
    told = {name: _told(value, language, zone) for name, value in params.items()}
    line = say(f"{TEMPLATE_PREFIX}{template}", language, **told)
    text = say(f"{TEMPLATE_PREFIX}{template}{TEXT_SUFFIX}", language, **told)
    return " ".join(line.split())[:LINE_CHARS_MAX], text.strip()


def _told(value: Any, language: Language, zone: ZoneInfo) -> Any:
    if isinstance(value, Mapping) and "at" in value:
        local = datetime.fromisoformat(value["at"]).astimezone(zone)
        return f"{local:%Y-%m-%d %H:%M} ({zone.key})"
    if isinstance(value, Mapping):
        return value.get(language) or value.get("zh") or ""
    return "" if value is None else value


def channels_of(template: str, preferences: Preferences, *, urgent: bool) -> list[Channel]:
    """By which channels an account is told.

    By default in the application, by e-mail and webhook where there is an address, and by SMS what is
    urgent. A choice by kind, or for all others by "*", stands in its place; a channel without an address
    is left out.
    """
    chosen = preferences.channels.get(template, preferences.channels.get("*"))
    if chosen is None:
        chosen = CHANNELS if urgent else NOT_URGENT
    address: dict[str, str | None] = {
        "in_app": "",
        "email": preferences.email,
        "webhook": preferences.webhook_url,
        "sms": preferences.phone,
    }
    return [channel for channel in dict.fromkeys(chosen) if address[channel] is not None]


def address_key(channel: str, address: str) -> str:
    """A recipient without an account, by the hash of the address."""
    return f"{channel}:{hashlib.sha256(address.strip().lower().encode()).hexdigest()}"


def digest_due(digest: Digest, digest_at: time, now: datetime, zone: ZoneInfo) -> datetime | None:
    """When what waits since `now` is told together; None: at once."""
    if digest == "none":
        return None
    local = now.astimezone(zone)
    if digest == "hourly":
        full = local.replace(minute=0, second=0, microsecond=0, tzinfo=None)
        return _next(full, timedelta(hours=1), now, zone)
    today = datetime.combine(local.date(), digest_at)
    return _next(today, timedelta(days=1), now, zone)


def _next(at: datetime, step: timedelta, now: datetime, zone: ZoneInfo) -> datetime:
    """The first of `at`, `at + step`, … in local time that lies after `now`."""
    while at.replace(tzinfo=zone).astimezone(UTC) <= now:
        at += step
    return at.replace(tzinfo=zone).astimezone(UTC)


def quiet_until(start: time | None, end: time | None, now: datetime, zone: ZoneInfo) -> datetime | None:
    """The end of the quiet hours that `now` lies in; None: it lies in none. They may run over midnight."""
    if start is None or end is None or start == end:
        return None
    local = now.astimezone(zone)
    at = local.time()
    inside = start <= at < end if start < end else at >= start or at < end
    if not inside:
        return None
    return _next(datetime.combine(local.date(), end), timedelta(days=1), now, zone)


def wait_s(attempts: int, jitter: float) -> float:
    """Seconds until the next attempt after `attempts` (from 1); `jitter` in [0, 1)."""
    return float(min(WAIT_FIRST_S * 2 ** min(attempts - 1, 20), WAIT_MAX_S) * (0.8 + 0.4 * jitter))
