"""A device gets its commands, also after it was away, and what it answers is written down once."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from tests.integration.sensing_support import City, city_of, until
from tests.integration.test_mqtt_downlink import Device, came

from yunnao.infra.embedded.nats import EmbeddedNats, ensure_mqtt_stream
from yunnao.infra.nats_subjects import MQTT_STREAM, ack_topic, command_topic
from yunnao.kernel.errors import Conflict, Forbidden, InvalidInput
from yunnao.kernel.ids import UUID, new_id
from yunnao.kernel.principal import Principal
from yunnao.kernel.text import Text
from yunnao.modules.identity.facade import Identity, Policies
from yunnao.modules.sensing.commands.exchange import DURABLE, Exchange, ensure_answers
from yunnao.modules.sensing.commands.facade import Commands
from yunnao.modules.sensing.sharing.rights import ReadingRights

LABEL = {"zh": "令", "en": "command"}
GATE: dict[str, Any] = {
    "close": {
        "label": LABEL, "timeout_s": 10, "expires_s": 600, "sets": {"gate": "=closed", "speed": "speed"},
        "parameters": {"speed": {"label": LABEL, "value_type": "integer", "minimum": 1, "maximum": 3}},
    },
    "open": {"label": LABEL, "grade": "critical", "sets": {"gate": "=open"}},
    "beep": {"label": LABEL, "grade": "routine", "timeout_s": 10, "retries": 1, "expires_s": 600},
}  # fmt: skip


def person(role: str, department: str | None = None) -> Principal:
    return Principal(new_id(), role, Text(zh=role, en=role), roles=frozenset({role}), department=department)


DISPATCHER = person("dispatcher")


@pytest.fixture
async def city(database_url: str, nats_server: EmbeddedNats, nats_url: str) -> AsyncIterator[City]:
    async with city_of(database_url, nats_url) as made:
        await ensure_mqtt_stream(made.nervous.jetstream, nats_server.platform)
        await ensure_answers(made.nervous)
        await made.rows(
            "UPDATE sensing.product SET spec = jsonb_set(spec, '{commands}', %s::jsonb)"
            " WHERE product = 'level' RETURNING 1",
            json.dumps(GATE),
        )
        yield made


@pytest.fixture
def commands(city: City) -> Commands:
    identity = Identity(city.clock, Policies.load())
    return Commands(city.clock, identity, ReadingRights(city.clock, identity))


async def ordered(
    city: City, commands: Commands, command: str = "close", device: str = "L-1", **parameters: Any
) -> UUID:
    if command == "close":
        parameters.setdefault("speed", 2)
    async with city.database.transaction() as tx:
        return (await commands.order(tx, DISPATCHER, [device], command, parameters))[0].id


async def state(city: City, commands: Commands, command: UUID) -> str:
    async with city.database.transaction() as tx:
        return (await commands.get(tx, DISPATCHER, command)).state


def exchange(city: City) -> Exchange:
    return Exchange(city.clock, city.database, city.nervous)


async def answer(device: Device, body: Any, name: str = "L-1") -> None:
    payload = body if isinstance(body, bytes) else json.dumps(body).encode()
    await asyncio.to_thread(device.paho.publish(ack_topic("level", name), payload, qos=1).wait_for_publish, 5)


async def hear(city: City, count: int) -> None:
    subscription = await city.nervous.jetstream.pull_subscribe_bind(DURABLE, MQTT_STREAM)
    for _ in range(count):
        await exchange(city).take(await subscription.fetch(1, timeout=5))
    await subscription.unsubscribe()


async def test_a_device_carries_a_command_out_and_reports_its_state(
    city: City, commands: Commands, nats_server: EmbeddedNats
) -> None:
    device = await asyncio.to_thread(Device, nats_server.device, "c-1", command_topic("level", "L-1"))
    command = await ordered(city, commands)
    stop = asyncio.Event()
    working = asyncio.create_task(exchange(city).run(stop))
    body = json.loads((await came(device, 1))[0][1])
    assert (body["id"], body["command"], body["parameters"]) == (str(command), "close", {"speed": 2})
    async with city.database.transaction() as tx:
        shadow = await commands.state(tx, DISPATCHER, "L-1")
    assert shadow.difference == {"gate": "closed", "speed": 2}
    await answer(device, {"id": body["id"], "status": "accepted"})
    await answer(
        device, {"id": body["id"], "status": "done", "result": {"ms": 800}, "reported": {"gate": "closed"}}
    )

    async def done() -> bool:
        return await state(city, commands, command) == "done"

    await until(done)
    stop.set()
    await working
    async with city.database.transaction() as tx:
        shadow = await commands.state(tx, DISPATCHER, "L-1")
    assert (shadow.reported, shadow.difference) == ({"gate": "closed"}, {"speed": 2})
    assert [s for s, _ in await city.events()] == ["sensing.command.ended"]
    audited = await city.rows("SELECT action FROM identity.audit")
    assert [row["action"] for row in audited] == ["command:order"]
    await asyncio.to_thread(device.close)


async def test_a_command_waits_for_a_device_that_is_away_and_comes_again_under_its_id(
    city: City, commands: Commands, nats_server: EmbeddedNats
) -> None:
    command = await ordered(city, commands)
    assert await exchange(city).send_due() == 1
    assert await exchange(city).send_due() == 0
    device = await asyncio.to_thread(Device, nats_server.device, "c-2", command_topic("level", "L-1"))
    city.clock.time += timedelta(seconds=10)
    assert await exchange(city).send_due() == 1
    assert json.loads((await came(device, 1))[0][1])["id"] == str(command)
    city.clock.time += timedelta(seconds=600)
    assert await exchange(city).send_due() == 0
    assert await state(city, commands, command) == "expired"
    await answer(device, {"id": str(command), "status": "done"})
    await hear(city, 1)
    assert await state(city, commands, command) == "done"
    await asyncio.to_thread(device.close)


async def test_a_command_out_of_retries_has_timed_out(city: City, commands: Commands) -> None:
    command = await ordered(city, commands, "beep")
    for expected in (1, 1, 0):
        assert await exchange(city).send_due() == expected
        city.clock.time += timedelta(seconds=20)
    assert await state(city, commands, command) == "timed_out"


async def test_a_worker_killed_between_sending_and_noting_it_sends_again(
    city: City, commands: Commands, nats_server: EmbeddedNats, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = await asyncio.to_thread(Device, nats_server.device, "c-3", command_topic("level", "L-1"))
    command = await ordered(city, commands)

    def killed(*_: Any) -> None:
        raise RuntimeError

    with monkeypatch.context() as patched:
        patched.setattr("yunnao.modules.sensing.commands.exchange.next_send", killed)
        with pytest.raises(RuntimeError):
            await exchange(city).send_due()
    assert await state(city, commands, command) == "requested"
    assert await exchange(city).send_due() == 1
    assert {json.loads(payload)["id"] for _, payload in await came(device, 2)} == {str(command)}
    await asyncio.to_thread(device.close)


async def test_answers_of_other_devices_late_ones_and_nonsense_change_nothing(
    city: City, commands: Commands, nats_server: EmbeddedNats
) -> None:
    command = await ordered(city, commands)
    await exchange(city).send_due()
    device = await asyncio.to_thread(Device, nats_server.device, "c-4")
    await answer(device, {"id": str(command), "status": "done"}, name="L-2")
    for nonsense in (b"{", b"[]", b"{}", {"id": "x", "status": "done"}, {"id": str(command), "status": "eh"}):
        await answer(device, nonsense)
    await hear(city, 6)
    assert await state(city, commands, command) == "sent"
    assert [code for code, _ in await city.letters()] == ["command_answer_invalid"] * 5
    await answer(device, {"id": str(command), "status": "failed", "result": "blocked"})
    await answer(device, {"id": str(command), "status": "accepted"})
    await hear(city, 2)
    assert await state(city, commands, command) == "failed"
    await asyncio.to_thread(device.close)


async def test_grades_decide_who_may_and_a_critical_command_needs_a_second_person(
    city: City, commands: Commands
) -> None:
    await city.rows("UPDATE sensing.device SET owner = 'water' WHERE id = 'L-1' RETURNING 1")
    async with city.database.transaction() as tx:
        for who in (person("leader"), person("department_staff", "roads"), person("field_worker", "water")):
            with pytest.raises(Forbidden):
                await commands.order(tx, who, ["L-1"], "close", {"speed": 1})
        await commands.order(tx, person("field_worker", "water"), ["L-1"], "beep", {})
        for wrong in ({}, {"speed": 9}, {"speed": 1.5}, {"speed": True}, {"speed": 1, "more": 1}):
            with pytest.raises(InvalidInput):
                await commands.order(tx, DISPATCHER, ["L-1"], "close", wrong)
        command = (await commands.order(tx, DISPATCHER, ["L-1"], "open", {}))[0]
        assert command.state == "awaiting_approval"
        assert [each.id for each in await commands.waiting(tx, person("leader"), limit=5)] == [command.id]
        with pytest.raises(Forbidden):
            await commands.waiting(tx, person("department_staff", "water"), limit=5)
        with pytest.raises(Conflict):
            await commands.approve(tx, DISPATCHER, command.id)
        approved = await commands.approve(tx, person("leader"), command.id)
        assert approved.state == "requested"
        assert approved.command_label == Text(**LABEL)
        assert await commands.waiting(tx, person("leader"), limit=5) == []
        assert (await commands.cancel(tx, DISPATCHER, command.id)).state == "cancelled"
        with pytest.raises(Conflict):
            await commands.cancel(tx, DISPATCHER, command.id)


async def test_a_desired_state_is_replaced_only_by_who_has_read_it(city: City, commands: Commands) -> None:
    async with city.database.transaction() as tx:
        assert (await commands.desire(tx, DISPATCHER, "L-1", {"gate": "open"}, None)).desired_version == 1
        with pytest.raises(Conflict):
            await commands.desire(tx, DISPATCHER, "L-1", {"gate": "closed"}, 0)
        found = await commands.desire(tx, DISPATCHER, "L-1", {"gate": "closed"}, 1)
        assert found.difference == {"gate": "closed"}
