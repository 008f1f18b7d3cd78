"""The rules of a case, pure: status, steps, numbers, tracking codes, deadlines."""

import hashlib
import re
import secrets
from datetime import datetime
from typing import Literal, get_args

Source = Literal["citizen", "open311", "alarm", "officer", "hotline"]
Status = Literal["desk", "assigned", "handling", "checking", "closed", "rated", "rejected"]

STATUSES: tuple[Status, ...] = get_args(Status)
OPEN: tuple[Status, ...] = ("desk", "assigned", "handling", "checking")

STATUS_BY_TASK: dict[str, Status] = {
    "dispatch": "desk",
    "accept": "assigned",
    "handle": "handling",
    "feed_back": "handling",
    "handed_over": "handling",
    "check": "checking",
    "rate": "closed",
}
STEP_BY_ELEMENT: dict[str, str] = {
    "reported": "collect",
    "open": "open",
    "dispatch": "assign",
    "accept": "assign",
    "handle": "handle",
    "handed_over": "handle",
    "feed_back": "feed_back",
    "fed_back": "feed_back",
    "check": "check",
    "close": "close",
}
"""The seven steps of city management (GB/T 30428.1: 信息采集, 案件建立, 任务派遣, 任务处理, 处理反馈,
核查, 结案) by the elements of flows."""
STEPS = tuple(dict.fromkeys(STEP_BY_ELEMENT.values()))
STATUS_BY_END: dict[str, Status] = {"closed": "rated", "rejected": "rejected"}

Alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base 32: no letter that is taken for a digit."""
TRACKING_CHARS = 16
"""16 characters of 5 bits: 80 bits, too many to guess through a rate limit."""

_SYLLABLE = re.compile(
    r"(?:[zcs]h|[bpmfdtnlgkhjqxrzcsyw])?[aeiou]+(?:ng(?![aeiou])|n(?![aeiou])|r(?![aeiou]))?"
)


def number_prefix(city: str) -> str:
    """Initials of the pinyin syllables of a city's slug: `qingdao` is QD, `beijing` BJ."""
    initials = "".join(found.group()[0] for found in _SYLLABLE.finditer(city))
    return (initials or city[:2]).upper()[:6]


def case_number(prefix: str, opened_at: datetime, of_day: int) -> str:
    """`QD-20261121-000123`; `opened_at` in the city's own time. Gaps within a day are allowed."""
    return f"{prefix}-{opened_at:%Y%m%d}-{of_day:06d}"


def new_tracking_code() -> str:
    """80 random bits as `XXXX-XXXX-XXXX-XXXX`."""
    code = "".join(secrets.choice(Alphabet) for _ in range(TRACKING_CHARS))
    return "-".join(code[i : i + 4] for i in range(0, TRACKING_CHARS, 4))


def tracking_hash(code: str) -> bytes | None:
    """The hash by which a code is kept; None for what cannot be one. Spelling is forgiven."""
    plain = re.sub(r"[\s-]", "", code).upper().translate(str.maketrans("OIL", "011"))
    if len(plain) != TRACKING_CHARS or set(plain) - set(Alphabet):
        return None
    return hashlib.sha256(plain.encode()).digest()


def title_of(text: str, chars_max: int = 40) -> str:
    """The first sentence of a report, cut to a line."""
    first = re.split(r"[\r\n。！？!?]", text.strip(), maxsplit=1)[0].strip()
    return first if len(first) <= chars_max else first[: chars_max - 1] + "…"
