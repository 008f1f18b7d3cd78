"""Personal data masked on output: names, telephone numbers, identity numbers."""

import re

_MOBILE = re.compile(r"(?<!\d)(1[3-9]\d)[ -]?(\d{4})[ -]?(\d{4})(?!\d)")
_IDENTITY = re.compile(r"(?<!\d)(\d{6})(\d{8})(\d{3}[\dXx])(?!\d)")
"""GB 11643: area, date of birth, order and check digit; the date is what must not be seen."""
_LANDLINE = re.compile(r"(?<!\d)(0\d{2,3})[ -]?(\d{3,4})(\d{4})(?!\d)")
_SUSPECT = re.compile(r"\d[\d -]{6}|@")
"""Whatever the others find has this; most texts do not, and need no further look."""
_EMAIL = re.compile(r"([A-Za-z0-9._%+-])[A-Za-z0-9._%+-]*(@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+)")


def mask_text(text: str) -> str:
    """`text` with numbers of persons masked; everything else as it was written."""
    if _SUSPECT.search(text) is None:
        return text
    text = _IDENTITY.sub(r"\1********\3", text)
    text = _MOBILE.sub(r"\1****\3", text)
    text = _LANDLINE.sub(lambda found: f"{found[1]}-{'*' * len(found[2])}{found[3]}", text)
    return _EMAIL.sub(r"\1***\2", text)


def mask_name(name: str | None) -> str | None:
    """The first character, then a star for each of the others: 张*, 欧***."""
    name = (name or "").strip()
    return name[0] + "*" * min(3, max(1, len(name) - 1)) if name else None


def mask_phone(phone: str | None) -> str | None:
    """The first three and the last four digits; short numbers whole behind stars."""
    digits = (phone or "").strip()
    if not digits:
        return None
    return digits[:3] + "****" + digits[-4:] if len(digits) >= 9 else "*" * len(digits)


def mask_email(email: str | None) -> str | None:
    return _EMAIL.sub(r"\1***\2", email) if email else None
