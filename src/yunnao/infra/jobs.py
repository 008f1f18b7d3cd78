"""Jobs and timers on procrastinate, in the same PostgreSQL."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog
from procrastinate import App, PsycopgConnector

from yunnao.infra.postgres import Database, Transaction

CONCURRENCY_MAX = 4

log = structlog.get_logger()


@dataclass(frozen=True)
class Timer:
    """A job that runs by the clock, in a transaction of its own.

    `cron` has six fields, the last is seconds. Each firing runs once however many workers there
    are; one that has not ended when the next is due makes the next wait (queueing lock).
    """

    name: str
    cron: str
    run: Callable[[Transaction], Awaitable[object]]


def jobs_app(database: Database, timers: list[Timer]) -> App:
    """The procrastinate application of this process, with every timer registered."""
    app = App(connector=PsycopgConnector(conninfo=database.url, min_size=1, max_size=CONCURRENCY_MAX + 2))
    for timer in timers:
        _register(app, database, timer)
    return app


def _register(app: App, database: Database, timer: Timer) -> None:
    async def run(timestamp: int) -> None:
        async with database.transaction() as tx:
            await timer.run(tx)
        log.debug("timer_ran", timer=timer.name, due=timestamp)

    app.periodic(cron=timer.cron)(
        app.task(name=timer.name, queueing_lock=timer.name, lock=timer.name, pass_context=False)(run)
    )
