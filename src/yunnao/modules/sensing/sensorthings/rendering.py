"""Rows as the JSON of SensorThings (OGC 18-088, 9.2): ids, links, properties, data arrays."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlencode

import orjson

from yunnao.infra.postgres import Row
from yunnao.modules.sensing.sensorthings.domain.model import OPTIONAL, EntitySet
from yunnao.modules.sensing.sensorthings.domain.options import Options
from yunnao.modules.sensing.sensorthings.domain.paths import observation_id
from yunnao.modules.sensing.sensorthings.reading import Found, Page

COMPONENTS = ("id", "phenomenonTime", "result", "resultTime")


def instant(time: datetime) -> str:
    return time.astimezone(UTC).isoformat().replace("+00:00", "Z")


def id_of(entity_set: EntitySet, row: Row) -> int | str:
    if entity_set.name == "Observations":
        return observation_id(row["k_datastream"], row["k_time"])
    return int(row["k_id"])


def link_of(entity_set: EntitySet, found_id: int | str, base: str) -> str:
    """`base` is the service's root without a slash at its end."""
    inside = f"'{found_id}'" if isinstance(found_id, str) else str(found_id)
    return f"{base}/{entity_set.name}({inside})"


def entity(entity_set: EntitySet, found: Found, options: Options, base: str) -> dict[str, Any]:
    """One entity with links, and with what is expanded."""
    chosen = options.select
    whole = chosen is None or "*" in chosen
    found_id = id_of(entity_set, found.row)
    link = link_of(entity_set, found_id, base)
    out: dict[str, Any] = {}
    if chosen is None or "id" in chosen:
        out["@iot.id"] = found_id
    if chosen is None or "selfLink" in chosen:
        out["@iot.selfLink"] = link
    for prop in entity_set.properties:
        if whole or (chosen is not None and prop.name in chosen):
            value = told(found.row[prop.name])
            if value is not None or prop.name not in OPTIONAL:
                out[prop.name] = value
    for navigation in entity_set.navigations:
        page = found.expanded.get(navigation.name)
        if page is None:
            if chosen is None or navigation.name in chosen:
                out[f"{navigation.name}@iot.navigationLink"] = f"{link}/{navigation.name}"
            continue
        items = [entity(page.entity_set, item, page.options, base) for item in page.items]
        if not navigation.many:
            out[navigation.name] = items[0] if items else None
            continue
        if page.count is not None:
            out[f"{navigation.name}@iot.count"] = page.count
        out[navigation.name] = items
        if page.more:
            following = next_link(f"{link}/{navigation.name}", page.options.given, page)
            out[f"{navigation.name}@iot.nextLink"] = following
    return out


def collection(page: Page, base: str, url: str, given: Mapping[str, str]) -> dict[str, Any]:
    """A page of entities; `url` is the request's without its query."""
    out: dict[str, Any] = {} if page.count is None else {"@iot.count": page.count}
    if page.options.data_array:
        out["value"] = _arrays(page, base)
    else:
        out["value"] = [entity(page.entity_set, item, page.options, base) for item in page.items]
    if page.more and page.top:
        out["@iot.nextLink"] = next_link(url, given, page)
    return out


def references(page: Page, base: str, url: str, given: Mapping[str, str]) -> dict[str, Any]:
    links = [link_of(page.entity_set, id_of(page.entity_set, item.row), base) for item in page.items]
    out: dict[str, Any] = {} if page.count is None else {"@iot.count": page.count}
    out["value"] = [{"@iot.selfLink": link} for link in links]
    if page.more and page.top:
        out["@iot.nextLink"] = next_link(url, given, page)
    return out


def next_link(url: str, given: Mapping[str, str], page: Page) -> str:
    """Behind the last row where the order is that of ids, which no insertion shifts; else by $skip."""
    parameters = {k: v for k, v in given.items() if k not in {"$skip", "$skiptoken"}}
    if page.options.orderby:
        parameters["$skip"] = str(page.options.skip + page.top)
    else:
        parameters["$skiptoken"] = str(id_of(page.entity_set, page.items[-1].row))
    if page.options.top is not None:
        parameters["$top"] = str(page.top)
    return f"{url}?{urlencode(parameters, quote_via=quote, safe='$(),;=/')}"


def told(value: Any) -> Any:
    return instant(value) if isinstance(value, datetime) else value


def _arrays(page: Page, base: str) -> list[dict[str, Any]]:
    """Observations by Datastream, values in order of the components (OGC 18-088, 12.1)."""
    chosen = page.options.select
    components = [c for c in (chosen or COMPONENTS) if c == "id" or page.entity_set.property(c)]
    streams: dict[int, list[list[Any]]] = {}
    for item in page.items:
        row = item.row
        values = [id_of(page.entity_set, row) if c == "id" else told(row[c]) for c in components]
        streams.setdefault(row["k_datastream"], []).append(values)
    return [
        {
            "Datastream@iot.navigationLink": f"{base}/Datastreams({series})",
            "components": components,
            "dataArray@iot.count": len(values),
            "dataArray": values,
        }
        for series, values in streams.items()
    ]


def prop(entity_set: EntitySet, row: Row, names: tuple[str, ...]) -> Any:
    """A property's value, or one within a JSON property; None where there is none."""
    if names == ("id",):
        return id_of(entity_set, row)
    value = told(row[names[0]])
    for name in names[1:]:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def written(value: Any) -> str:
    """A value by itself: JSON where it is no text."""
    return orjson.dumps(value).decode()
