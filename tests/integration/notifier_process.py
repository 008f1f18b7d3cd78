"""A worker that is killed when the mail server has taken a message and before that is written down."""

import asyncio
import os
import signal
import sys
from collections.abc import Sequence

from tests.integration.notifications_support import office_worker

from yunnao.modules.notifications.contracts import Letter, Outcome
from yunnao.modules.notifications.smtp import Smtp


class KilledAfterSending(Smtp):
    async def send(self, letters: Sequence[Letter]) -> Sequence[Outcome]:
        await super().send(letters)
        os.kill(os.getpid(), signal.SIGKILL)
        return []


async def main(database_url: str, smtp_url: str) -> None:
    async with office_worker(database_url, KilledAfterSending(smtp_url, "city@yunnao.example")) as worker:
        await worker.step()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2]))
