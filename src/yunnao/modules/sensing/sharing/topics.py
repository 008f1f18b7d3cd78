"""Delivery by MQTT: into the broker's stream, which keeps it for the subscriber's session.

The stream keeps a message only for consumers that exist when it arrives (retention by interest), and a
subscriber has one from the time that it subscribed at QoS 1. So a parcel is handed over only when
there is such a consumer; until then it waits here.
"""

import asyncio
from collections.abc import Mapping
from time import monotonic
from typing import Any

import nats.errors
import orjson

from yunnao.infra.nats_subjects import (
    MQTT_QOS1,
    MQTT_STREAM,
    STORED_PREFIX,
    observations_subject,
    shared_subject,
)
from yunnao.infra.nervous import Nervous
from yunnao.infra.webhooks import Outcome
from yunnao.modules.sensing.sharing.contracts import Parcel

LOOK_S = 2.0
"""How old the list of who listens may be."""
PREFIXES = (shared_subject("x").removesuffix("x"), f"{STORED_PREFIX}v1//1.Datastreams(")
publishing_max = 500
"""Observations on their way to the broker at once."""


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

    async def observe(self, parcel: Parcel) -> Outcome:
        """Hands each reading that somebody listens to over as an Observation; the others are dropped, as
        the standard has it: who is not subscribed has no claim. Of several subscriptions to one
        Datastream the broker keeps one message, by the Observation's id."""
        try:
            listening = await self._listeners()
            told = [
                (observations_subject(series), f"{series}-{time_us}", reading)
                for (series, time_us), reading in zip(parcel.keys, parcel.body["readings"], strict=True)
            ]
            heard = [one for one in told if one[0] in listening]
            for start in range(0, len(heard), publishing_max):
                part = heard[start : start + publishing_max]
                await asyncio.gather(*(self._publish(*one) for one in part))
        except (nats.errors.Error, TimeoutError) as error:
            return Outcome(repr(error))
        return Outcome()

    async def _publish(self, subject: str, observation: str, reading: Mapping[str, Any]) -> None:
        body = {
            "@iot.id": observation,
            "phenomenonTime": reading["time"],
            "resultTime": reading["time"],
            "result": reading["value"],
        }
        headers = {**MQTT_QOS1, "Nats-Msg-Id": f"observation.{observation}"}
        await self._nervous.jetstream.publish(subject, orjson.dumps(body), headers=headers)

    async def _listeners(self) -> frozenset[str]:
        now = monotonic()
        if self._looked_at is None or now - self._looked_at > LOOK_S:
            found: set[str] = set()
            offset = 0
            while True:
                page = await self._nervous.jetstream.consumers_info(MQTT_STREAM, offset=offset)
                found |= {s for c in page if (s := c.config.filter_subject) and s.startswith(PREFIXES)}
                offset += len(page)
                if not page:
                    break
            self._listening, self._looked_at = frozenset(found), now
        return self._listening
