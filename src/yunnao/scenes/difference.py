"""What a new version of a pack adds, changes and takes away."""

from dataclasses import dataclass

from yunnao.kernel.packs.city import CityPack
from yunnao.kernel.packs.scene import ScenePack

Pack = CityPack | ScenePack

identified_by = {"areas": "code", "departments": "id", "demo_accounts": "account", "devices": "device"}
"""Lists whose items have an identity; other lists are compared as a whole."""


@dataclass(frozen=True)
class Difference:
    """Dotted names, e.g. `rules.deep-water`, in order."""

    added: tuple[str, ...]
    changed: tuple[str, ...]
    removed: tuple[str, ...]

    @property
    def empty(self) -> bool:
        return not (self.added or self.changed or self.removed)


def diff(old: Pack | None, new: Pack) -> Difference:
    """How `new` differs from `old`; with no old pack everything is added."""
    before = {} if old is None else _parts(old)
    after = _parts(new)
    return Difference(
        added=tuple(sorted(after.keys() - before.keys())),
        changed=tuple(sorted(name for name in after.keys() & before.keys() if after[name] != before[name])),
        removed=tuple(sorted(before.keys() - after.keys())),
    )


def _parts(pack: Pack) -> dict[str, object]:
    parts: dict[str, object] = {}
    for section, value in pack.model_dump(mode="json").items():
        if isinstance(value, dict) and section not in ("manifest", "calendar", "quality"):
            parts.update({f"{section}.{name}": item for name, item in value.items()})
        elif isinstance(value, list) and section in identified_by:
            parts.update({f"{section}.{item[identified_by[section]]}": item for item in value})
        elif value is not None:
            parts[section] = value
    return parts
