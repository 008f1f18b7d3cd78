"""What a process that takes lanes over owes to the live table and to other machines."""

from collections.abc import Mapping

from yunnao.infra.nervous import Nervous
from yunnao.infra.postgres import Database
from yunnao.kernel.time import Clock
from yunnao.modules.sensing.lake.tables import Lake
from yunnao.modules.sensing.live.exchange import Answers
from yunnao.modules.sensing.live.rebuild import Rebuild
from yunnao.modules.sensing.live.table import LiveTable


class LiveOwner:
    """One of each ingest process."""

    def __init__(self, clock: Clock, nervous: Nervous, table: LiveTable, lake: Lake) -> None:
        self._rebuild = Rebuild(clock, table, lake)
        self._answers = Answers(nervous, table)

    async def took(self, database: Database, lanes: Mapping[int, int]) -> None:
        """Call it with lanes just taken and their last batches, before anything of them is stored."""
        if not lanes:
            return
        await self._rebuild.ensure(database, lanes)
        for lane in lanes:
            await self._answers.own(lane)

    async def left(self, lane: int) -> None:
        """Call it when the lane is another's."""
        await self._answers.leave(lane)
