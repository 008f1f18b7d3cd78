"""Shared readings by MQTT: none is handed over before somebody listens, none lost while they are away."""

import asyncio
import json
from datetime import timedelta

from tests.integration.sensing_support import City, until
from tests.integration.test_device_credentials import Device as Client
from tests.integration.test_mqtt_downlink import Device, came
from tests.integration.test_sharing import city, granted, send, sharing, subscribed

from yunnao.infra.clock import SystemClock
from yunnao.infra.embedded.nats import EmbeddedNats
from yunnao.infra.nats_subjects import shared_topic
from yunnao.modules.sensing.access.callout import Gate
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


async def test_a_subscriber_signs_in_with_its_secret_and_reads_its_own_topic_only(
    city: City,
    sharing: Sharing,
    nats_server: EmbeddedNats,
) -> None:
    city.clock.time = SystemClock().now()
    share = await granted(city, sharing)
    own, secret = await subscribed(city, sharing, share, channel="mqtt")
    other, _ = await subscribed(city, sharing, share, channel="mqtt")
    gate, stop = Gate(city.clock, city.database, city.nervous, nats_server.issuer_seed), asyncio.Event()
    running = asyncio.create_task(gate.run(stop))
    clients = [
        await asyncio.to_thread(Client, nats_server, f"subscription:{own}", password, str(own))
        for password in ("wrong", secret)
    ]
    assert [bool(client.refused) for client in clients] == [True, False]
    reader = clients[1]
    assert await asyncio.to_thread(reader.may_subscribe, shared_topic(str(own)))
    for topic in (shared_topic(str(other)), "yunnao/shared/+", "yunnao/#"):
        assert not await asyncio.to_thread(reader.may_subscribe, topic), topic
    await city.take(("level", "L-1", {"level": 0.1, "t": city.clock.now().isoformat()}))
    await sharing.deliverer().deliver_due()
    await until(reader.heard)
    for client in clients:
        await asyncio.to_thread(client.close)
    stop.set()
    await running
