"""SensorThings: the standard's view of things, their sensors and what they observe."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from yunnao.infra.postgres import Transaction
from yunnao.kernel.principal import Principal
from yunnao.kernel.text import Language
from yunnao.kernel.time import Clock
from yunnao.modules.sensing.facade import Sensing
from yunnao.modules.sensing.sensorthings.creating import Creator
from yunnao.modules.sensing.sensorthings.domain.options import Options
from yunnao.modules.sensing.sensorthings.domain.paths import ResourcePath
from yunnao.modules.sensing.sensorthings.latest import Newest
from yunnao.modules.sensing.sensorthings.observing import Observer
from yunnao.modules.sensing.sensorthings.past import History
from yunnao.modules.sensing.sensorthings.reading import Page, Reader
from yunnao.modules.sensing.sharing.rights import ReadingRights
from yunnao.modules.twin.facade import Twin


@dataclass(frozen=True)
class _Access:
    rights: ReadingRights
    principal: Principal

    async def views(self, tx: Transaction) -> tuple[Mapping[str, str], Mapping[str, Any]]:
        return await self.rights.views(tx, self.principal)

    async def hidden(self, tx: Transaction, series: Sequence[int]) -> Collection[int]:
        return await self.rights.hidden_among(tx, self.principal, series)


class SensorThings:
    """What the doors ask; every method runs in the caller's transaction."""

    def __init__(
        self,
        clock: Clock,
        newest: Newest,
        history: History,
        sensing: Sensing,
        twin: Twin,
        rights: ReadingRights,
    ) -> None:
        self._clock = clock
        self._newest = newest
        self._history = history
        self._sensing = sensing
        self._twin = twin
        self._rights = rights

    async def read(
        self, tx: Transaction, principal: Principal, path: ResourcePath, options: Options, language: Language
    ) -> Page:
        """Rows at the end of a path that `principal` may read; see `Reader.read`."""
        access = _Access(self._rights, principal)
        return await Reader(tx, self._clock, self._newest, self._history, language, access).read(
            path, options
        )

    async def create(self, tx: Transaction, entity_set: str, body: dict[str, Any]) -> int | str:
        """The id of the new entity; an Observation is in the stream, and stored within moments."""
        if entity_set == "Observations":
            return await self._observer(tx).one(body)
        return await self._creator(tx).create(entity_set, body)

    async def create_observations(self, tx: Transaction, body: Any) -> list[str | None]:
        """Data arrays; see `Observer.arrays`."""
        return await self._observer(tx).arrays(body)

    async def change(self, tx: Transaction, entity_set: str, found_id: int, body: dict[str, Any]) -> None:
        await self._creator(tx).change(entity_set, found_id, body)

    async def delete(self, tx: Transaction, entity_set: str, found_id: int) -> None:
        await self._creator(tx).delete(entity_set, found_id)

    def _creator(self, tx: Transaction) -> Creator:
        return Creator(tx, self._clock, self._sensing, self._twin)

    def _observer(self, tx: Transaction) -> Observer:
        return Observer(tx, self._clock, self._sensing, self._creator(tx))
