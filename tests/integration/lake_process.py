"""A keeper of the lake as a process that kills itself: argv are the database's URL, the lake's folder,
the time in seconds since 1970, and after how many steps it dies."""

import asyncio
import os
import signal
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.integration.lake_support import lake_in
from tests.integration.sensing_support import SetClock

from yunnao.infra.postgres import Database
from yunnao.modules.sensing.lake.keeper import LakeKeeper
from yunnao.modules.sensing.lake.schedule import settling


async def main(database_url: str, folder: str, now_s: str, steps: str) -> None:
    left = int(steps)

    def on_step(_: str) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)

    clock = SetClock(datetime.fromtimestamp(float(now_s), UTC))
    async with Database(database_url) as database:
        keeper = LakeKeeper(clock, database, lake_in(Path(folder)), on_step)
        await keeper.round()
        clock.time += settling + timedelta(seconds=1)
        await keeper.round()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:5]))
