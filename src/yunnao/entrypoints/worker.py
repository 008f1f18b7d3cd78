"""The worker role: the relay, consumers of events, jobs and timers."""

import asyncio

import structlog

from yunnao.bootstrap import Platform, consumers, timers
from yunnao.infra.consumers import ConsumerRunner
from yunnao.infra.jobs import CONCURRENCY_MAX, jobs_app
from yunnao.infra.relay import Relay

log = structlog.get_logger()


async def run(platform: Platform, stop: asyncio.Event) -> None:
    """Works until `stop` is set, then ends what is under way."""
    async with asyncio.TaskGroup() as group:
        group.create_task(Relay(platform.database, platform.nervous).run(stop))
        for consumer in consumers(platform):
            group.create_task(ConsumerRunner(consumer, platform.database, platform.nervous).run(stop))
        group.create_task(_run_jobs(platform, stop))


async def _run_jobs(platform: Platform, stop: asyncio.Event) -> None:
    app = jobs_app(platform.database, timers(platform))
    async with app.open_async():
        jobs = asyncio.create_task(
            app.run_worker_async(
                concurrency=CONCURRENCY_MAX,
                install_signal_handlers=False,
                delete_jobs="successful",
                fetch_job_polling_interval=1.0,
            )
        )
        await stop.wait()
        jobs.cancel()
        await asyncio.gather(jobs, return_exceptions=True)
