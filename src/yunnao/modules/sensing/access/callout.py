"""The gate: answers the NATS server's question whether a device may connect, and as what."""

import asyncio
import hmac
import random
from collections.abc import Sequence
from contextlib import suppress

import psycopg
import structlog
from nats.aio.msg import Msg

from yunnao.infra.nats_auth import CALLOUT_SUBJECT, AuthRequest, Issuer, Permit, read_request
from yunnao.infra.nats_subjects import (
    device_permissions,
    is_client_of,
    observer_permissions,
    subscriber_permissions,
)
from yunnao.infra.nervous import Nervous
from yunnao.infra.postgres import Database, Row
from yunnao.infra.telemetry import DEVICES_REFUSED
from yunnao.kernel.errors import Unavailable
from yunnao.kernel.time import Clock
from yunnao.modules.sensing.access.proofs import proofs_of
from yunnao.modules.sensing.sharing.subscribers import Subscriber, subscribers_of

QUEUE = "yunnao-gate"
"""Roles that live share the questions."""
GATHER_S = 0.003
"""A question waits so long for company: thousands knock at once when a network comes back."""
BATCH_MAX = 256
WAITING_MAX = 20_000
PERMIT_S = 24 * 3600
"""After it a device must prove itself again, whatever else failed to cut it off."""
OBSERVER_PERMIT_S = 3600
"""Of who reads Datastreams: which ones are shared is asked again so often."""
PERMIT_SPREAD = 0.25
"""Less by up to this share, so that devices do not all come back at once."""

log = structlog.get_logger()


class Gate:
    """Lets devices in that show their token or certificate, each to its own topics."""

    def __init__(self, clock: Clock, database: Database, nervous: Nervous, issuer_seed: str) -> None:
        self._clock = clock
        self._database = database
        self._nervous = nervous
        self._issuer = Issuer(issuer_seed)
        self._waiting: asyncio.Queue[Msg] = asyncio.Queue(WAITING_MAX)
        self.listening = asyncio.Event()
        """Set once the server puts its questions here: who knocks before is refused."""

    async def run(self, stop: asyncio.Event) -> None:
        """Answers until `stop`. Who gets no answer is refused by the server and tries again."""
        subscription = await self._nervous.client.subscribe(CALLOUT_SUBJECT, queue=QUEUE, cb=self._take)
        await self._nervous.client.flush()
        self.listening.set()
        try:
            while not stop.is_set():
                with suppress(TimeoutError):
                    first = await asyncio.wait_for(self._waiting.get(), 0.5)
                    await self._answer([first, *await self._company()])
        finally:
            with suppress(Exception):
                await subscription.unsubscribe()

    async def _take(self, message: Msg) -> None:
        with suppress(asyncio.QueueFull):
            self._waiting.put_nowait(message)

    async def _company(self) -> list[Msg]:
        await asyncio.sleep(GATHER_S)
        return [self._waiting.get_nowait() for _ in range(min(self._waiting.qsize(), BATCH_MAX - 1))]

    async def _answer(self, messages: Sequence[Msg]) -> None:
        asked: list[tuple[Msg, AuthRequest]] = []
        for message in messages:
            try:
                asked.append((message, read_request(message.data)))
            except ValueError:
                log.warning("auth_request_unreadable")
        try:
            answers = await self.answers([request for _, request in asked])
        except (psycopg.Error, Unavailable) as error:
            log.warning("gate_waits", reason=repr(error))
            return
        for (message, _), answer in zip(asked, answers, strict=True):
            await message.respond(answer)

    async def answers(self, asked: Sequence[AuthRequest]) -> list[bytes]:
        """The signed answer to each question."""
        now = self._clock.now()
        users = list({request.user for request in asked if "\x00" not in request.user})
        async with self._database.transaction() as tx:
            proofs = await proofs_of(tx, asked, now)
            subscribers = await subscribers_of(tx, users, now)
        return [
            self._subscribed(request, subscribers[request.user])
            if request.user in subscribers
            else self._said(request, proof)
            for request, proof in zip(asked, proofs, strict=True)
        ]

    def _subscribed(self, request: AuthRequest, subscriber: Subscriber) -> bytes:
        """The answer to who reads the topic of a subscription to shared readings."""
        now = int(self._clock.now().timestamp())
        own = request.mqtt and is_client_of(request.client_id, str(subscriber.subscription))
        if not own or not hmac.compare_digest(subscriber.secret, request.password):
            return self._issuer.refuse(request, now, "credentials")
        if subscriber.series is None:
            (publish, subscribe), lasts_s = subscriber_permissions(str(subscriber.subscription)), PERMIT_S
        else:
            (publish, subscribe), lasts_s = observer_permissions(subscriber.series), OBSERVER_PERMIT_S
        until = min(now + lasts_s, int(subscriber.valid_until.timestamp()))
        return self._issuer.permit(request, Permit(request.user, publish, subscribe, now, int(until)))

    def _said(self, request: AuthRequest, proof: Row | None) -> bytes:
        now = int(self._clock.now().timestamp())
        if proof is None:
            DEVICES_REFUSED.inc()
            return self._issuer.refuse(request, now, "credentials")
        publish, subscribe = device_permissions(proof["product"], proof["device"])
        until = now + int(PERMIT_S * (1 - PERMIT_SPREAD * random.random()))
        if proof["expires_at"] is not None:
            until = min(until, int(proof["expires_at"].timestamp()))
        return self._issuer.permit(request, Permit(proof["device"], publish, subscribe, now, until))
