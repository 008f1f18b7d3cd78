"""A worker of notifications as a process of its own, to be killed.

`killed`: it kills itself when the mail server has taken a message and before that is written down.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Sequence

from tests.integration.notifications_support import SENDER, office_worker

from yunnao.modules.notifications.contracts import Letter, Outcome
from yunnao.modules.notifications.smtp import Smtp


class KilledAfterSending(Smtp):
    async def send(self, letters: Sequence[Letter]) -> Sequence[Outcome]:
        await super().send(letters)
        os.kill(os.getpid(), signal.SIGKILL)
        return []


async def main(database_url: str, smtp_url: str, how: str) -> None:
    post = KilledAfterSending if how == "killed" else Smtp
    async with office_worker(database_url, post(smtp_url, SENDER)) as worker:
        print("works", flush=True)
        await worker.run(asyncio.Event())


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:4]))
