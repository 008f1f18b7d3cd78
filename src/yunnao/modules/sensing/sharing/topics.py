"""Delivery by MQTT: into the broker's stream, which keeps it for the subscriber's session.

The stream keeps a message only for consumers that exist when it arrives (retention by interest), and a
subscriber has one from the time that it subscribed at QoS 1. So a parcel is handed over only when
there is such a consumer; until then it waits here.
"""

from time import monotonic

import nats.errors
import orjson

from yunnao.infra.nats_subjects import MQTT_QOS1, MQTT_STREAM, shared_subject
from yunnao.infra.nervous import Nervous
from yunnao.modules.sensing.sharing.contracts import Parcel
from yunnao.modules.sensing.sharing.webhooks import Outcome

LOOK_S = 2.0
"""How old the list of who listens may be."""
PREFIX = shared_subject("x").removesuffix("x")


class Topics:
    """Sends parcels to topics and knows who listens."""

    def __init__(self, nervous: Nervous) -> None:
        self._nervous = nervous
        self._listening: frozenset[str] = frozenset()
        self._looked_at: float | None = None

    async def send(self, parcel: Parcel) -> Outcome:
        """Hands a parcel to the broker; taken means stored for the subscriber's session."""
        subject = shared_subject(str(parcel.subscription))
        try:
            if subject not in await self._listeners():
                return Outcome("nobody is subscribed to the topic at QoS 1")
            await self._nervous.jetstream.publish(
                subject, orjson.dumps(parcel.body), headers={**MQTT_QOS1, "Nats-Msg-Id": parcel.id}
            )
        except (nats.errors.Error, TimeoutError) as error:
            return Outcome(repr(error))
        return Outcome()

    async def _listeners(self) -> frozenset[str]:
        now = monotonic()
        if self._looked_at is None or now - self._looked_at > LOOK_S:
            found: set[str] = set()
            offset = 0
            while True:
                page = await self._nervous.jetstream.consumers_info(MQTT_STREAM, offset=offset)
                found |= {s for c in page if (s := c.config.filter_subject) and s.startswith(PREFIX)}
                offset += len(page)
                if not page:
                    break
            self._listening, self._looked_at = frozenset(found), now
        return self._listening
