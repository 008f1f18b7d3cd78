"""Shared readings by MQTT: none is handed over before somebody listens, none lost while they are away."""

import asyncio
import json
from datetime import timedelta

from tests.integration.sensing_support import City
from tests.integration.test_mqtt_downlink import Device, came
from tests.integration.test_sharing import city, granted, send, sharing, subscribed

from yunnao.infra.embedded.nats import EmbeddedNats
from yunnao.infra.nats_subjects import shared_topic
from yunnao.modules.sensing.sharing.facade import Sharing
from yunnao.modules.sensing.sharing.topics import LOOK_S

__all__ = ["city", "sharing"]


def values(device: Device) -> list[float]:
    return [r["value"] for _, payload in device.received for r in json.loads(payload)["readings"]]


async def test_a_persistent_session_gets_what_came_while_it_was_away(
    city: City,
    sharing: Sharing,
    nats_server: EmbeddedNats,
) -> None:
    share = await granted(city, sharing)
    subscription, _ = await subscribed(city, sharing, share, channel="mqtt")
    topic = shared_topic(str(subscription))
    worker = sharing.deliverer()
    await send(city, 0.1)
    await worker.deliver_due()  # nobody has subscribed: it waits here
    client = await asyncio.to_thread(Device, nats_server.platform, f"s-{subscription}", topic)
    await asyncio.sleep(LOOK_S * 1.1)
    city.clock.time += timedelta(seconds=10)
    await worker.deliver_due()
    await came(client, 1)
    assert values(client) == [0.1]
    await asyncio.to_thread(client.close)
    await send(city, 0.2, 0.3, start=5)
    await worker.deliver_due()
    client = await asyncio.to_thread(Device, nats_server.platform, f"s-{subscription}", topic)
    await came(client, 1)
    assert values(client) == [0.2, 0.3]
    await asyncio.to_thread(client.close)
