"""Resource paths (OGC 18-088, 9.2): `Datastreams(1)/Observations`, `Things(1)/name/$value`, `…/$ref`."""

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from yunnao.kernel.errors import InvalidInput, NotFound
from yunnao.modules.sensing.sensorthings.domain.model import ENTITY_SETS, EntitySet, Navigation

path_segments_max = 20

_SEGMENT = re.compile(r"(?P<name>\$?[A-Za-z]\w*)(?:\((?P<key>'(?:[^']|'')*'|-?\d{1,18})\))?")
_OBSERVATION = re.compile(r"(\d{1,10})-(-?\d{1,17})")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Key = tuple[int | datetime, ...]


@dataclass(frozen=True)
class Step:
    """One entity set on the way: reached by `navigation` (none: the first), narrowed to `key`."""

    entity_set: EntitySet
    navigation: Navigation | None
    key: Key | None


@dataclass(frozen=True)
class ResourcePath:
    """The way to rows (`single`: one at most), and what of them: a property, its raw value, references."""

    steps: tuple[Step, ...]
    single: bool
    prop: tuple[str, ...] = field(default=())
    raw: bool = False
    references: bool = False

    @property
    def target(self) -> EntitySet:
        return self.steps[-1].entity_set


def observation_id(series: int, time: datetime) -> str:
    """The id of a reading, of its identity alone: series and time in microseconds since 1970."""
    return f"{series}-{(time - _EPOCH) // timedelta(microseconds=1)}"


def key_of(entity_set: EntitySet, text: str) -> Key:
    """The key that an id names. Raises NotFound `sta_entity_unknown`."""
    inside = text[1:-1].replace("''", "'") if text.startswith("'") else text
    if entity_set.name == "Observations":
        found = _OBSERVATION.fullmatch(inside)
        if found:
            try:
                return int(found[1]), _EPOCH + timedelta(microseconds=int(found[2]))
            except OverflowError:
                found = None
    elif inside.isascii() and inside.isdigit() and len(inside) <= 18:
        return (int(inside),)
    raise NotFound("sta_entity_unknown", set=entity_set.name, id=inside[:60])


def parse_path(path: str) -> ResourcePath:
    """Raises NotFound `sta_path_unknown`, `sta_entity_unknown`; InvalidInput `sta_path_too_long`."""
    segments = re.split(r"/(?=(?:[^']*'[^']*')*[^']*$)", path.strip("/"))
    if len(segments) > path_segments_max:
        raise InvalidInput("sta_path_too_long", limit=path_segments_max)
    steps: list[Step] = []
    single = False
    for place, segment in enumerate(segments):
        found = _SEGMENT.fullmatch(segment)
        if found is None:
            raise NotFound("sta_path_unknown", segment=segment[:60])
        name, key = found["name"], found["key"]
        if steps and name == "$ref" and place == len(segments) - 1:
            return ResourcePath(tuple(steps), single, references=True)
        navigation = steps[-1].entity_set.navigation(name) if steps else None
        known = ENTITY_SETS.get(navigation.target) if navigation else None if steps else ENTITY_SETS.get(name)
        if known is None:
            return _property(steps, single, segments[place:])
        if steps and not single:
            raise NotFound("sta_path_unknown", segment=segment[:60])
        if key is not None and navigation is not None and not navigation.many:
            raise NotFound("sta_path_unknown", segment=segment[:60])
        steps.append(Step(known, navigation, key_of(known, key) if key is not None else None))
        single = key is not None or (navigation is not None and not navigation.many)
    return ResourcePath(tuple(steps), single)


def _property(steps: list[Step], single: bool, rest: list[str]) -> ResourcePath:
    raw = rest[-1] == "$value"
    names = rest[:-1] if raw else rest
    if not steps or not single or not names:
        raise NotFound("sta_path_unknown", segment=rest[0][:60])
    first = names[0]
    if first != "id" and steps[-1].entity_set.property(first) is None:
        raise NotFound("sta_path_unknown", segment=first[:60])
    return ResourcePath(tuple(steps), True, prop=tuple(names), raw=raw)
