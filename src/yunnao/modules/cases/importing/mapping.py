"""Which column is what: guessed from headers, checked, and applied to a record."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from yunnao.kernel.errors import InvalidInput
from yunnao.kernel.geometry import to_wgs84
from yunnao.modules.cases.contracts import NewCase, Reporter
from yunnao.modules.cases.importing.contracts import ColumnMapping, SheetRow

TEXT_CHARS_MAX = 8_000
REFERENCE_CHARS_MAX = 200
TIME_FORMATS = (
    "%Y-%m-%d %H:%M:%S", "%Y/%m/%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y/%m/%d %H:%M", "%Y-%m-%d", "%Y/%m/%d",
    "%Y%m%d%H%M%S", "%Y.%m.%d %H:%M:%S", "%m/%d/%Y %H:%M:%S", "%m/%d/%Y %H:%M",
)  # fmt: skip

HEADERS: Mapping[str, Sequence[str]] = {
    "reference": (
        "工单编号", "工单号", "受理编号", "诉求编号", "热线编号", "案件编号", "流水号", "留言编号", "编号",
        "reference", "caseenquiryid", "servicerequestid", "ticketid", "ticket", "caseid", "requestid", "id",
    ),
    "text": (
        "留言主题", "诉求标题", "工单标题", "标题", "主题", "留言详情", "诉求内容", "工单内容", "反映内容",
        "问题描述", "来电内容", "内容", "描述", "详情",
        "casetitle", "title", "subject", "description", "content", "details", "message", "text",
    ),
    "time": (
        "受理时间", "来电时间", "留言时间", "登记时间", "创建时间", "诉求时间", "上报时间", "时间",
        "requesteddatetime", "opendt", "openedat", "createdat", "created", "opened", "time", "date",
    ),
    "address": (
        "事发地址", "详细地址", "事发地点", "地址", "地点", "位置",
        "addressstring", "location", "locationstreetname", "address",
    ),
    "lon": ("经度", "longitude", "long", "lng", "lon"),
    "lat": ("纬度", "latitude", "lat"),
    "category": ("类别编码", "分类编码", "案件类别", "类别", "servicecode", "categorycode", "category"),
    "name": (
        "诉求人姓名", "市民姓名", "来电人", "联系人", "诉求人", "姓名", "reportername", "caller", "name",
    ),
    "phone": (
        "联系电话", "来电号码", "手机号码", "手机号", "手机", "电话", "phonenumber", "phone", "mobile", "tel",
    ),
    "email": ("电子邮件", "电子邮箱", "邮箱", "email"),
}  # fmt: skip
TEXT_COLUMNS_MAX = 2
"""A title and what is below it."""


def guess(headers: Sequence[str]) -> ColumnMapping:
    """What the headers look like, in Chinese or English; the city's people correct it."""
    plain = {re.sub(r"[\s_\-()（）:：*]", "", name).lower(): name for name in reversed(headers)}
    found: dict[str, Any] = {}
    taken: set[str] = set()
    for field, words in HEADERS.items():
        hits = [plain[word] for word in words if word in plain and plain[word] not in taken]
        chosen = list(dict.fromkeys(hits))[: TEXT_COLUMNS_MAX if field == "text" else 1]
        taken.update(chosen)
        if chosen:
            found[field] = chosen if field == "text" else chosen[0]
    return ColumnMapping(**found)


def check(mapping: ColumnMapping, headers: Sequence[str]) -> None:
    """Raises InvalidInput: `import_text_unmapped`, `import_column_missing`, `coordinates_half`."""
    if not mapping.text:
        raise InvalidInput("import_text_unmapped", columns=", ".join(headers[:30]))
    named = [*mapping.text, *(value for key, value in mapping if key not in {"text", "datum"} and value)]
    for column in named:
        if column not in headers:
            raise InvalidInput("import_column_missing", column=str(column)[:60])
    if (mapping.lon is None) != (mapping.lat is None):
        raise InvalidInput("coordinates_half")


def record(
    row: SheetRow, mapping: ColumnMapping, zone: ZoneInfo, categories: Mapping[str, str]
) -> tuple[str, NewCase, datetime | None]:
    """The number, the case and the time of a record; `categories` maps codes and names to codes.

    Without a number of its own a record is known by its content. Raises InvalidInput: `text_missing`,
    `import_number_unreadable`, `coordinates_…`, `time_unreadable`, `category_unknown`,
    `import_reference_too_long`.
    """
    text = "\n".join(part for name in mapping.text if (part := row.cells.get(name, "")))[:TEXT_CHARS_MAX]
    if not text.strip():
        raise InvalidInput("text_missing")
    lon, lat = _place(row, mapping)
    category = _cell(row, mapping.category)
    if category is not None and category not in categories:
        raise InvalidInput("category_unknown", category=category[:60])
    reporter = Reporter(_cell(row, mapping.name), _cell(row, mapping.phone), _cell(row, mapping.email))
    reference = _cell(row, mapping.reference)
    if reference is not None and len(reference) > REFERENCE_CHARS_MAX:
        raise InvalidInput("import_reference_too_long", limit_chars=REFERENCE_CHARS_MAX)
    return (
        reference or _content_key(row),
        NewCase(
            text=text,
            source="hotline",
            lon=lon,
            lat=lat,
            address=_cell(row, mapping.address),
            category=categories[category] if category is not None else None,
            reporter=reporter if reporter != Reporter() else None,
        ),
        _time(_cell(row, mapping.time), zone),
    )


def _cell(row: SheetRow, column: str | None) -> str | None:
    return (row.cells.get(column) or None) if column is not None else None


def _content_key(row: SheetRow) -> str:
    content = "\x1f".join(f"{name}\x1e{value}" for name, value in sorted(row.cells.items()))
    return "content:" + hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest()[:40]


def _place(row: SheetRow, mapping: ColumnMapping) -> tuple[float | None, float | None]:
    lon, lat = _number(_cell(row, mapping.lon)), _number(_cell(row, mapping.lat))
    if lon is None or lat is None:
        if (lon is None) != (lat is None):
            raise InvalidInput("coordinates_half")
        return None, None
    return to_wgs84(lon, lat, mapping.datum)


def _number(value: str | None) -> float | None:
    if value is None:
        return None
    try:
        return float(value)
    except ValueError as error:
        raise InvalidInput("number_unreadable", value=value[:40]) from error


def _time(value: str | None, zone: ZoneInfo) -> datetime | None:
    if value is None:
        return None
    try:
        moment = datetime.fromisoformat(value)
        return moment if moment.tzinfo else moment.replace(tzinfo=zone)
    except ValueError:
        pass
    for form in TIME_FORMATS:
        try:
            return datetime.strptime(value, form).replace(tzinfo=zone)
        except ValueError:
            continue
    raise InvalidInput("time_unreadable", value=value[:40])
