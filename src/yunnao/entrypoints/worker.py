"""The worker role: the relay, consumers of events, the keeper of the lake, jobs and timers."""

import asyncio
from contextlib import suppress

import structlog
from procrastinate import App

from yunnao.bootstrap import Platform, consumers, gate, timers
from yunnao.infra.consumers import ConsumerRunner
from yunnao.infra.jobs import CONCURRENCY_MAX, jobs_app
from yunnao.infra.relay import Relay
from yunnao.modules.sensing.commands.exchange import Exchange
from yunnao.modules.sensing.edge.receiving import EdgeReceiver
from yunnao.modules.sensing.lake.keeper import LakeKeeper

JOBS_RETRY_S = 1.0

log = structlog.get_logger()


async def run(platform: Platform, stop: asyncio.Event) -> None:
    """Works until `stop` is set, then ends what is under way."""
    async with asyncio.TaskGroup() as group:
        group.create_task(Relay(platform.database, platform.nervous).run(stop))
        for consumer in consumers(platform):
            group.create_task(ConsumerRunner(consumer, platform.database, platform.nervous).run(stop))
        group.create_task(LakeKeeper(platform.clock, platform.database, platform.lake).run(stop))
        group.create_task(platform.sharing.deliverer().run(stop))
        group.create_task(platform.notifications.deliverer(platform.database).run(stop))
        group.create_task(Exchange(platform.clock, platform.database, platform.nervous).run(stop))
        group.create_task(platform.cases.photos.preparer(platform.database).run(stop))
        group.create_task(platform.cases.imports.importer(platform.database).run(stop))
        group.create_task(_run_jobs(platform, stop))
        if (answering := gate(platform)) is not None:
            group.create_task(answering.run(stop))
        receiver = EdgeReceiver(platform.nervous, platform.database, platform.edges, platform.edge_programs)
        group.create_task(receiver.run(stop))


async def _run_jobs(platform: Platform, stop: asyncio.Event) -> None:
    """Runs jobs until `stop`; begins anew where the database went away under them."""
    while not stop.is_set():
        try:
            async with jobs_app(platform.database, timers(platform)).open_async() as app:
                await _run_worker(app, stop)
        except Exception as error:
            log.warning("jobs_wait", reason=repr(error))
        if not stop.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), JOBS_RETRY_S)


async def _run_worker(app: App, stop: asyncio.Event) -> None:
    working = asyncio.create_task(
        app.run_worker_async(
            concurrency=CONCURRENCY_MAX,
            install_signal_handlers=False,
            delete_jobs="successful",
            fetch_job_polling_interval=1.0,
        )
    )
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if not working.done():
        working.cancel()
    await asyncio.gather(working, stopping, return_exceptions=True)
