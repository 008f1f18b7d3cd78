"""Identifiers: what each stands for, many at once."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from yunnao.infra.postgres import Transaction, load_queries
from yunnao.kernel.errors import NotFound, TooLarge
from yunnao.kernel.text import Text
from yunnao.modules.sensing.identifiers import domain
from yunnao.modules.sensing.identifiers.contracts import KnownDevice
from yunnao.modules.sensing.identifiers.domain import Record
from yunnao.modules.twin.contracts import Entity
from yunnao.modules.twin.facade import Twin

QUERIES = load_queries("yunnao.modules.sensing.identifiers")
identifiers_max = 1_000
devices_of_entity_max = 20


@dataclass(frozen=True)
class Resolved:
    """What an identifier stands for: the device, or the entity with devices that watch it."""

    device: KnownDevice | None
    entity: Entity | None
    watchers: list[KnownDevice]

    @property
    def page(self) -> str:
        """Of the console, for a person."""
        return domain.device_page(self.device.id) if self.device else domain.entity_page(self.watchers)

    def linked(self, hidden: Collection[tuple[str, str]] = ()) -> dict[str, Any]:
        """As JSON-LD, without the `hidden` attributes (entity, attribute)."""
        if self.device is not None:
            return domain.linked_device(self.device)
        assert self.entity is not None
        without = {attribute for entity, attribute in hidden if entity == self.entity.id}
        return domain.linked_entity(self.entity, without)


class Identifiers:
    """Resolves the city's identifiers; every method runs in the caller's transaction."""

    def __init__(self, twin: Twin, prefix: str) -> None:
        self._twin = twin
        self.prefix = prefix

    def of(self, suffix: str) -> str:
        """The identifier of a device's id or an entity's URN."""
        return f"{self.prefix}/{suffix}"

    async def resolve(self, tx: Transaction, prefix: str, suffix: str) -> Resolved:
        """Raises NotFound `identifier_prefix_foreign`, `identifier_unknown`."""
        if prefix.casefold() != self.prefix.casefold():
            raise NotFound("identifier_prefix_foreign", prefix=prefix[:64], ours=self.prefix)
        found = (await self._resolved(tx, [suffix])).get(suffix)
        if found is None:
            raise NotFound("identifier_unknown", identifier=f"{prefix}/{suffix}"[:200])
        return found

    async def resolve_many(
        self, tx: Transaction, identifiers: Sequence[str], base: str
    ) -> list[dict[str, Any]]:
        """An answer in the protocol's form for each, in the order given.

        Raises TooLarge `identifiers_too_many`.
        """
        if len(identifiers) > identifiers_max:
            raise TooLarge("identifiers_too_many", limit=identifiers_max)
        parts = [identifier.partition("/") for identifier in identifiers]
        ours = [prefix.casefold() == self.prefix.casefold() for prefix, _, _ in parts]
        found = await self._resolved(
            tx, [suffix for (_, _, suffix), own in zip(parts, ours, strict=True) if own]
        )
        out: list[dict[str, Any]] = []
        for identifier, (_, _, suffix), own in zip(identifiers, parts, ours, strict=True):
            if own and suffix in found:
                out.append(domain.answer(self.record(found[suffix], base)))
            else:
                code = domain.UNKNOWN if own else domain.FOREIGN_PREFIX
                out.append({"responseCode": code, "handle": identifier})
        return out

    def record(self, found: Resolved, base: str) -> Record:
        if found.device is not None:
            return domain.device_record(self.prefix, found.device, base)
        assert found.entity is not None
        return domain.entity_record(self.prefix, found.entity, found.watchers, base)

    async def _resolved(self, tx: Transaction, suffixes: Sequence[str]) -> dict[str, Resolved]:
        urns = sorted({s for s in suffixes if domain.is_entity(s)})
        ids = sorted({s for s in suffixes if not domain.is_entity(s)})
        given = {"ids": ids, "entities": urns, "each_max": devices_of_entity_max}
        rows = await (await tx.execute(QUERIES["devices"], given)).fetchall()
        devices = [KnownDevice(**{**row, "name": Text(**row["name"])}) for row in rows]
        found = {device.id: Resolved(device, None, []) for device in devices if device.id in set(ids)}
        for urn, entity in (await self._twin.entities(tx, urns)).items() if urns else ():
            found[urn] = Resolved(None, entity, [d for d in devices if d.entity == urn])
        return found
