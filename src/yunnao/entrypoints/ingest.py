"""The ingest role: messages of devices become stored readings, alarms, a living twin."""

import asyncio

from yunnao.bootstrap import Platform


async def run(platform: Platform, stop: asyncio.Event) -> None:
    """Works until `stop` is set; a batch under way is committed and acknowledged first."""
    await platform.sensing.ingest_worker(platform.database, platform.nervous).run(stop)
