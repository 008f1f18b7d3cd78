"""The ingest role: messages of devices become stored readings, alarms, a living twin."""

import asyncio

from yunnao.bootstrap import Platform
from yunnao.modules.sensing.ingest import IngestWorker


async def run(platform: Platform, stop: asyncio.Event) -> None:
    """Works until `stop` is set; a batch under way is committed and acknowledged first."""
    worker = IngestWorker(
        platform.clock, platform.database, platform.nervous, platform.sensing, platform.live_owner
    )
    await worker.run(stop)
