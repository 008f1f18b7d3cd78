"""One attempt at a webhook, signed after Standard Webhooks 1.0.

Redirects are not followed, no proxy of the environment is used, and of the answer only the beginning
is read: the other side is not ours.
"""

import asyncio
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

import httpx
from standardwebhooks import Webhook

from yunnao.infra.webhook_targets import Targets
from yunnao.kernel.errors import InvalidInput
from yunnao.kernel.time import Clock

attempt_s = 15.0
connect_s = 5.0
answer_bytes_max = 500
connections_max = 32
USER_AGENT = "Yunnao-Webhooks/1"


@dataclass(frozen=True)
class Outcome:
    """`error` None: taken. `final`: the receiver wants nothing more (HTTP 410)."""

    error: str | None = None
    final: bool = False
    status: int | None = None


class Webhooks:
    """The client of all webhooks of a process."""

    def __init__(self, clock: Clock, targets: Targets) -> None:
        self._clock = clock
        self._targets = targets
        self._client = httpx.AsyncClient(
            follow_redirects=False,
            trust_env=False,
            timeout=httpx.Timeout(attempt_s, connect=connect_s),
            limits=httpx.Limits(max_connections=connections_max),
            headers={"User-Agent": USER_AGENT, "Content-Type": "application/json"},
        )

    async def close(self) -> None:
        await self._client.aclose()

    async def send(self, url: str, secret: str, message_id: str, body: bytes) -> Outcome:
        """Delivers `body`; any answer 2xx within the time means taken."""
        now = self._clock.now()
        signature = Webhook(secret).sign(message_id, now, body.decode())
        headers = {
            "webhook-id": message_id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": signature,
        }
        try:
            target = await self._targets.check(url)
            async with asyncio.timeout(attempt_s):
                return await self._post(target.url, target.host, target.address, headers, body)
        except InvalidInput as error:
            return Outcome(str(error))
        except TimeoutError:
            return Outcome(f"timeout after {attempt_s} s")
        except (httpx.HTTPError, OSError) as error:
            return Outcome(repr(error))

    async def _post(self, url: str, host: str, address: str, headers: dict[str, str], body: bytes) -> Outcome:
        parts = urlsplit(url)
        literal = f"[{address}]" if ":" in address else address
        there = urlunsplit(parts._replace(netloc=f"{literal}:{parts.port}" if parts.port else literal))
        request = self._client.build_request(
            "POST",
            there,
            content=body,
            headers={**headers, "Host": parts.netloc},
            extensions={"sni_hostname": host},
        )
        answer = await self._client.send(request, stream=True)
        try:
            if answer.is_success:
                return Outcome(status=answer.status_code)
            said = b""
            async for part in answer.aiter_raw():
                said += part
                if len(said) >= answer_bytes_max:
                    break
        finally:
            await answer.aclose()
        text = said[:answer_bytes_max].decode(errors="replace").replace("\x00", "")
        status = answer.status_code
        return Outcome(f"HTTP {status} {text}".strip(), status == httpx.codes.GONE, status)
