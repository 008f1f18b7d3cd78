"""An open-loop sender of HTTP requests: each goes out at its own moment, however slow the answers are.

`python -m bench._cases_load` reads its plan as JSON from standard input and answers with the latencies,
in a process of its own, so that sending takes no time from whoever asks.
"""

import asyncio
import json
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from typing import Any

CONNECTIONS = 64
HEAD_END = b"\r\n\r\n"
PATIENCE_S = 60.0
READ_BYTES_MAX = 1 << 22


@dataclass(frozen=True)
class Plan:
    """`requests` are (path, token, JSON body), sent in turn at `rate_per_s` for `duration_s`."""

    host: str
    port: int
    rate_per_s: float
    duration_s: float
    requests: list[tuple[str, str, str]]


@dataclass(frozen=True)
class Sent:
    """Seconds from the planned moment of each request to the end of its answer."""

    seconds: list[float]
    statuses: dict[str, int]
    took_s: float


def send(plan: Plan) -> Sent:
    """Runs the plan in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "bench._cases_load"],
        input=json.dumps(asdict(plan)).encode(),
        stdout=subprocess.PIPE,
        check=True,
    )
    return Sent(**json.loads(done.stdout))


class Connection:
    """One HTTP/1.1 connection that is kept."""

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def post(self, content: bytes) -> int:
        """The status of the answer; the body is read and left."""
        if self._streams is None:
            self._streams = await asyncio.open_connection(self._host, self._port, limit=READ_BYTES_MAX)
        reader, writer = self._streams
        writer.write(content)
        head = await reader.readuntil(HEAD_END)
        status = int(head[9:12])
        length = next(
            (int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")),
            None,
        )
        if length is None:
            raise ConnectionError("an answer without its length")
        await reader.readexactly(length)
        return status

    def close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


def request(host: str, path: str, token: str, body: str) -> bytes:
    content = body.encode()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
    )
    return head.encode() + content


async def run(plan: Plan) -> Sent:
    free: asyncio.Queue[Connection] = asyncio.Queue()
    for _ in range(CONNECTIONS):
        free.put_nowait(Connection(plan.host, plan.port))
    seconds: list[float] = []
    statuses: dict[str, int] = {}
    ready = [request(plan.host, *each) for each in plan.requests]

    async def one(content: bytes, due: float) -> None:
        connection = await free.get()
        try:
            status = str(await asyncio.wait_for(connection.post(content), PATIENCE_S))
        except (OSError, EOFError, TimeoutError) as error:
            connection.close()
            status = type(error).__name__
        free.put_nowait(connection)
        seconds.append(time.perf_counter() - due)
        statuses[status] = statuses.get(status, 0) + 1

    began = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for number in range(round(plan.rate_per_s * plan.duration_s)):
            due = began + number / plan.rate_per_s
            wait = due - time.perf_counter()
            if wait > 0:
                await asyncio.sleep(wait)
            group.create_task(one(ready[number % len(ready)], due))
    return Sent(seconds, statuses, time.perf_counter() - began)


def main() -> None:
    read: dict[str, Any] = json.load(sys.stdin)
    plan = Plan(**{**read, "requests": [tuple(each) for each in read["requests"]]})
    json.dump(asdict(asyncio.run(run(plan))), sys.stdout)


if __name__ == "__main__":
    main()
