"""A keeper of the lake as a process of its own, to be killed by tests: argv are the database's URL and a
home. It waits for nothing to settle."""

import asyncio
import sys
from datetime import timedelta

from yunnao.infra.clock import SystemClock
from yunnao.infra.postgres import Database
from yunnao.modules.sensing.lake import keeper, schedule
from yunnao.modules.sensing.lake.tables import lake_at


async def main(database_url: str, home: str) -> None:
    schedule.sealing_grace = schedule.settling = keeper.late_rest = timedelta(0)
    keeper.round_s = 0.2
    async with Database(database_url) as database:
        lake = lake_at(f"file://{home}/lake")
        await keeper.LakeKeeper(SystemClock(), database, lake).run(asyncio.Event())


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:3]))
