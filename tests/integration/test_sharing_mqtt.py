"""Shared readings by MQTT: none is handed over before somebody listens, none lost while they are away."""

import asyncio
import json
from datetime import timedelta

import pytest
from tests.integration.sensing_support import City, gate_of, until
from tests.integration.test_device_credentials import Device as Client
from tests.integration.test_mqtt_downlink import Device, came
from tests.integration.test_sharing import STEWARD, city, granted, send, sharing, subscribed

from yunnao.infra.clock import SystemClock
from yunnao.infra.embedded.nats import EmbeddedNats
from yunnao.infra.nats_subjects import observations_topic, shared_topic
from yunnao.kernel.errors import InvalidInput
from yunnao.modules.sensing.access.credentials import CUT
from yunnao.modules.sensing.access.cutting import cut
from yunnao.modules.sensing.domain.times import to_us
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
    async with gate_of(city, nats_server):
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


async def test_observations_of_shared_datastreams_come_on_the_standards_topics(
    city: City,
    sharing: Sharing,
    nats_server: EmbeddedNats,
) -> None:
    """OGC 18-088, clause 14: `v1.1/Datastreams(id)/Observations`."""
    city.clock.time = SystemClock().now()
    share = await granted(city, sharing)
    own, secret = await subscribed(city, sharing, share, channel="sensorthings", metrics=["level"])
    with pytest.raises(InvalidInput):
        await subscribed(city, sharing, share, channel="sensorthings", mode="interval", interval_s=9)
    found = await city.rows(
        "SELECT s.series, d.id || ':' || s.metric AS name FROM sensing.series s JOIN sensing.device d"
        " ON d.number = s.device WHERE d.id IN ('L-1', 'L-2')"
    )
    series = {row["name"]: row["series"] for row in found}
    async with gate_of(city, nats_server):
        reader = await asyncio.to_thread(Client, nats_server, f"subscription:{own}", secret, str(own))
        messages: list[tuple[str, bytes]] = []
        reader.paho.on_message = lambda _, __, m: messages.append((m.topic, m.payload))
        topic = observations_topic(series["L-1:level"])
        assert await asyncio.to_thread(reader.may_subscribe, topic)
        for other in ("L-1:closed", "L-2:level"):
            assert not await asyncio.to_thread(reader.may_subscribe, observations_topic(series[other])), other
        for wild in ("v1.1/+/Observations", "v1.1/#", f"yunnao/shared/{own}"):
            assert not await asyncio.to_thread(reader.may_subscribe, wild), wild
        moment = city.clock.now()
        for device in ("L-1", "L-2"):
            await city.take(("level", device, {"level": 0.4, "closed": True, "t": moment.isoformat()}))
        worker = sharing.deliverer()
        await worker.deliver_due()

        async def heard() -> bool:
            return len(messages) > 0

        await until(heard)
        ((told, payload),) = messages
        body = json.loads(payload)
        assert (told, body["result"]) == (topic, 0.4)
        assert body["@iot.id"] == f"{series['L-1:level']}-{to_us(moment)}"
        async with city.database.transaction() as tx:
            await sharing.shares.revoke(tx, STEWARD, share, "over")
        cuts = [event["device"] for subject, event in await city.events() if subject == CUT]
        assert cuts == [f"subscription:{own}"]
        assert nats_server.system_url is not None
        await cut(nats_server.system_url, [f"subscription:{own}"])
        assert await asyncio.to_thread(reader.gone.wait, 5)
        again = await asyncio.to_thread(Client, nats_server, f"subscription:{own}", secret, str(own))
        assert again.refused
        for client in (reader, again):
            await asyncio.to_thread(client.close)
