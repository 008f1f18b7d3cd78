"""An ingest worker as a process of its own, to be killed by tests: argv are the two URLs and a home."""

import asyncio
import sys
from pathlib import Path
from zoneinfo import ZoneInfo

from tests.integration.sensing_support import NoAreas

from yunnao.infra.clock import SystemClock
from yunnao.infra.nervous import Nervous
from yunnao.infra.postgres import Database
from yunnao.modules.sensing.facade import Sensing
from yunnao.modules.sensing.ingest import IngestWorker
from yunnao.modules.sensing.lake.tables import lake_at
from yunnao.modules.sensing.live.owner import LiveOwner
from yunnao.modules.sensing.live.table import LiveTable
from yunnao.modules.twin.facade import Twin


async def main(database_url: str, nats_url: str, home: str) -> None:
    clock = SystemClock()
    async with Database(database_url) as database, Nervous(nats_url, "killed") as nervous:
        zone = ZoneInfo("Asia/Shanghai")
        table = LiveTable(Path(home) / "live")
        sensing = Sensing(clock, Twin(clock, NoAreas()), nervous, table, zone)
        owner = LiveOwner(clock, nervous, table, lake_at(f"file://{home}/lake"))
        await IngestWorker(clock, database, nervous, sensing, owner).run(asyncio.Event())


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:4]))
