"""Query options of a request and of an expand (OGC 18-088, 9.3)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from yunnao.kernel.errors import InvalidInput
from yunnao.modules.sensing.sensorthings.domain.model import ENTITY_SETS, EntitySet, Navigation
from yunnao.modules.sensing.sensorthings.domain.syntax import parse, split

top_default = 100
top_max = 10_000
expanded_top_default = 20
expanded_top_max = 1_000
skip_max = 1_000_000
expand_depth_max = 6
expands_max = 30
"""Expands of one request, on all levels together."""

_NAMES = ("filter", "orderby", "select", "expand", "top", "skip", "count", "resultFormat", "skiptoken")


@dataclass
class Options:
    """Options as given; `top` is None where none was. `filter` and `orderby` are parsed.

    `after` is the id of the last row of the page before. `given` is what the client wrote.
    """

    given: dict[str, str] = field(default_factory=dict)
    filter: Any = None
    orderby: list[tuple[Any, bool]] = field(default_factory=list)
    select: list[str] | None = None
    expand: dict[str, "Options"] = field(default_factory=dict)
    top: int | None = None
    skip: int = 0
    after: str | None = None
    count: bool = False
    data_array: bool = False

    def size(self) -> int:
        """Expands on all levels."""
        return sum(1 + inner.size() for inner in self.expand.values())


def options_of(given: Mapping[str, str], entity_set: EntitySet, depth: int = 0) -> Options:
    """The options for rows of `entity_set`. `given` maps names with their `$` to their text.

    Raises InvalidInput, each saying which option and why.
    """
    unknown = sorted(name for name in given if name.startswith("$") and name[1:] not in _NAMES)
    if unknown:
        raise InvalidInput(
            "odata_option_unknown", option=unknown[0], known=", ".join(f"${n}" for n in _NAMES)
        )
    found = Options(given=dict(given), after=given.get("$skiptoken"))
    if "$filter" in given:
        found.filter = parse(given["$filter"])
    if "$orderby" in given:
        found.orderby = [_ordering(part) for part in split(given["$orderby"], ",")]
    if "$select" in given:
        found.select = [_selected(part, entity_set) for part in split(given["$select"], ",")]
    found.top = _whole("$top", given.get("$top"))
    found.skip = _whole("$skip", given.get("$skip")) or 0
    if found.skip > skip_max:
        raise InvalidInput("odata_skip_too_far", limit_rows=skip_max)
    found.count = _yes("$count", given.get("$count", "false"))
    layout = given.get("$resultFormat", given.get("resultFormat"))
    if layout is not None:
        if layout != "dataArray" or entity_set.name != "Observations":
            raise InvalidInput("odata_result_format", format=layout)
        found.data_array = True
    if "$expand" in given:
        if depth == expand_depth_max:
            raise InvalidInput("odata_expand_too_deep", limit_levels=expand_depth_max)
        for part in split(given["$expand"], ","):
            _expanded(part, entity_set, found.expand, depth)
    if depth == 0 and found.size() > expands_max:
        raise InvalidInput("odata_expands_too_many", limit=expands_max)
    return found


def target_of(entity_set: EntitySet, name: str) -> Navigation:
    """Raises InvalidInput `odata_navigation_unknown`."""
    navigation = entity_set.navigation(name)
    if navigation is None:
        known = ", ".join(n.name for n in entity_set.navigations)
        raise InvalidInput("odata_navigation_unknown", name=name[:60], set=entity_set.name, known=known)
    return navigation


def _expanded(part: str, entity_set: EntitySet, into: dict[str, Options], depth: int) -> None:
    """One item of $expand: `Path/To($options)`; each step of a path is an expand of its own."""
    path, _, inner = part.partition("(")
    if inner and not inner.endswith(")"):
        raise InvalidInput("odata_syntax", expression=part[:200])
    first, _, rest = path.strip().partition("/")
    navigation = target_of(entity_set, first)
    target = ENTITY_SETS[navigation.target]
    if rest:
        given = {"$expand": rest + (f"({inner}" if inner else "")}
    else:
        given = {}
        for option in split(inner[:-1], ";") if inner else ():
            name, equals, value = option.partition("=")
            if not equals:
                raise InvalidInput("odata_syntax", expression=option[:200])
            given[name.strip()] = value.strip()
    options = options_of(given, target, depth + 1)
    if first in into:
        into[first].expand.update(options.expand)
    else:
        into[first] = options


def _ordering(part: str) -> tuple[Any, bool]:
    words = part.rsplit(maxsplit=1)
    direction = words[1].lower() if len(words) == 2 else ""
    if direction in {"asc", "desc"}:
        return parse(words[0]), direction == "desc"
    return parse(part), False


def _selected(name: str, entity_set: EntitySet) -> str:
    if name in {"id", "@iot.id"}:
        return "id"
    if name in {"selfLink", "@iot.selfLink"}:
        return "selfLink"
    if name == "*" or entity_set.property(name) or entity_set.navigation(name):
        return name
    known = ", ".join(["id", *(p.name for p in entity_set.properties)])
    raise InvalidInput("odata_property_unknown", name=name[:60], set=entity_set.name, known=known)


def _whole(option: str, text: str | None) -> int | None:
    if text is None:
        return None
    if not (text.isascii() and text.isdigit()):
        raise InvalidInput("odata_not_whole", option=option, value=text[:60])
    return int(text[:18])


def _yes(option: str, text: str) -> bool:
    if text not in {"true", "false"}:
        raise InvalidInput("odata_not_boolean", option=option, value=text[:60])
    return text == "true"
