"""Workers of notifications are killed at any moment: nothing is lost, nothing is told twice."""

import asyncio
import random
from collections import Counter

from tests.integration.notifications_support import (
    SENDER,
    assigned,
    mail_server,
    office,
    worker_process,
)

from yunnao.modules.notifications import delivering
from yunnao.modules.notifications.smtp import Smtp

NOTICES = 300
KILLS = 3


async def test_after_every_kill_each_is_told_once_and_mail_keeps_its_id(database_url: str) -> None:
    with mail_server() as mail:
        async with office(database_url, Smtp(mail.url, SENDER)) as city:
            await city.prefer("lin", email="lin@city.example")
            moments = random.Random(5)
            for round_ in range(KILLS):
                first = round_ * NOTICES // KILLS
                worker = await worker_process(database_url, mail.url, "runs")
                await city.send(*[assigned(f"case:{n}") for n in range(first, first + NOTICES // KILLS)])
                await asyncio.sleep(moments.uniform(0.02, 0.4))
                worker.kill()
                await worker.wait()
            for _ in range(40):
                city.clock.forward(seconds=delivering.LEASE.total_seconds() + 1)
                if not await city.deliverer.step():
                    break
            assert Counter(await city.states("email")) == {"sent": NOTICES}
            inbox = await city.rows(
                "SELECT key, recipient, count(*) AS n FROM notifications.message "
                "WHERE channel = 'in_app' GROUP BY key, recipient"
            )
            assert len(inbox) == 2 * NOTICES  # lin and mei work there
            assert {row["n"] for row in inbox} == {1}
            ids = Counter(message["Message-ID"] for message in mail.taken)
            assert len(ids) == NOTICES
            # Only what was on its way at a kill may have gone twice, under the same id.
            assert len(mail.taken) - NOTICES <= KILLS * delivering.CLAIMED_MAX
