"""The bridge: what devices say to another broker, into the stream of the city's own.

A message is acknowledged to the other broker after the stream has stored it, so that killing the
bridge or the stream loses nothing; what is sent again is one reading still, by its series and time.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress

import psycopg
import structlog

from yunnao.infra import deadletters
from yunnao.infra.deadletters import DeadLetter
from yunnao.infra.nats_subjects import intake_subject
from yunnao.infra.nervous import Nervous
from yunnao.infra.postgres import Database
from yunnao.kernel.errors import InvalidInput, Unavailable
from yunnao.modules.sensing.bridge.session import BrokerSession, Received, queue_limit
from yunnao.modules.sensing.bridge.spec import BrokerBridge
from yunnao.modules.sensing.domain.decoding import payload_bytes_max

BATCH_ROWS_MAX = 2_000
IDLE_S = 0.25
RETRY_S = 1.0
SOURCE = "bridge"
"""Of this part's dead letters."""
QUEUED_MESSAGES_MAX = {"mosquitto": 1_000, "emqx": 1_000}
"""Messages that these brokers keep for a session that is away, unless configured otherwise
(`max_queued_messages`, `mqtt.max_mqueue_len`). Beyond it they drop what devices had acknowledged."""

log = structlog.get_logger()


class Bridge:
    """One session at one broker. Several of the same bridge share its messages (MQTT 5)."""

    def __init__(
        self, spec: BrokerBridge, client_id: str, password: str | None, nervous: Nervous, database: Database
    ) -> None:
        self._spec = spec
        self._client_id = client_id
        self._password = password
        self._nervous = nervous
        self._database = database
        self._warned = False

    async def run(self, stop: asyncio.Event) -> None:
        """Carries messages over until `stop`."""
        session = BrokerSession(self._spec, self._client_id, self._password, self._judge, self._lost)
        session.open()
        try:
            while not stop.is_set():
                session.arrived.clear()
                batch = session.waiting[:BATCH_ROWS_MAX]
                if not batch:
                    with suppress(TimeoutError):
                        await asyncio.wait_for(session.arrived.wait(), IDLE_S)
                elif await self._carried(batch):
                    session.acknowledge(batch)
                    del session.waiting[: len(batch)]
                else:
                    with suppress(TimeoutError):
                        await asyncio.wait_for(stop.wait(), RETRY_S)
        finally:
            await asyncio.to_thread(session.close)

    async def _carried(self, batch: Sequence[Received]) -> bool:
        """Whether all of the batch is safe: in the stream, or among the dead letters."""
        accepted: list[tuple[str, bytes, str | None]] = []
        letters: list[DeadLetter] = []
        for message in batch:
            try:
                accepted.append((self._subject(message), message.payload, None))
            except InvalidInput as error:
                name = f"{self._spec.name}:{message.topic}"
                kept = message.payload[: payload_bytes_max + 1]
                letters.append(DeadLetter(SOURCE, name, kept, error.code, error.params))
        try:
            await self._nervous.publish_stored(accepted)
            if letters:
                async with self._database.transaction() as tx:
                    await deadletters.keep(tx, letters)
        except (Unavailable, psycopg.Error) as error:
            log.warning("bridge_waits", bridge=self._spec.name, reason=repr(error))
            return False
        return True

    def _subject(self, message: Received) -> str:
        """Raises InvalidInput `topic_unmapped`, `topic_level_invalid`, `payload_too_large`."""
        if len(message.payload) > payload_bytes_max:
            raise InvalidInput("payload_too_large", limit_bytes=payload_bytes_max)
        for mapping in self._spec.topics:
            named = mapping.named(message.topic)
            if named is not None:
                return intake_subject(*named)
        raise InvalidInput("topic_unmapped", topic=message.topic)

    def _judge(self, version: str) -> None:
        """Warns of a broker that drops what it acknowledged when we are away for long."""
        found = queue_limit(version, QUEUED_MESSAGES_MAX)
        if found and not self._warned:
            self._warned = True
            log.warning(
                "bridge_broker_drops_beyond", bridge=self._spec.name, broker=version, messages=found[1]
            )

    def _lost(self) -> None:
        """The broker no longer had our session: what came while we were away may be gone."""
        log.error("bridge_session_lost", bridge=self._spec.name)
