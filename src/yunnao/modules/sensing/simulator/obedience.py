"""Demo devices carry out commands: they accept, take a moment, say what they are like then; some fail."""

import asyncio
import random
from collections import OrderedDict
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

import orjson
import paho.mqtt.client as mqtt
import structlog
from paho.mqtt.enums import CallbackAPIVersion

from yunnao.infra.clock import SystemClock
from yunnao.infra.embedded.nats import MqttAddress
from yunnao.infra.nats_subjects import ack_topic, command_topic
from yunnao.kernel.ids import new_id
from yunnao.kernel.packs.commands import Command
from yunnao.kernel.packs.scene import Product, ScenePack
from yunnao.modules.sensing.commands.domain import effects

TAKES_S = (1.5, 4.0)
"""How long it takes to carry out a command: from, to."""
FAILING_SHARE = 0.05
FAULT = {"fault": "E-17"}
"""What a device that fails answers."""
waiting_max = 1_000
remembered_max = 10_000
"""Commands that are known to be carried out, since each may come more than once."""

log = structlog.get_logger()


class Obedience:
    """All demo devices whose products have commands, behind one MQTT client."""

    def __init__(
        self,
        scenes: Sequence[ScenePack],
        address: MqttAddress,
        *,
        takes_s: tuple[float, float] = TAKES_S,
        failing_share: float = FAILING_SHARE,
    ) -> None:
        products = {name: product for scene in scenes for name, product in scene.products.items()}
        self._devices: dict[tuple[str, str], Product] = {
            (device.product, device.device): products[device.product]
            for scene in scenes
            for device in scene.devices
            if products[device.product].commands
        }
        self._address = address
        self._takes_s = takes_s
        self._failing_share = failing_share
        self._chance = random.Random()
        self._seen: OrderedDict[str, None] = OrderedDict()
        self._client = mqtt.Client(
            CallbackAPIVersion.VERSION2, client_id=f"obedience-{new_id().hex[-12:]}", clean_session=True
        )
        self._client.username_pw_set(address.user, address.password)

    async def run(self, stop: asyncio.Event) -> None:
        """Answers until `stop`; an unreachable broker is tried again by the client."""
        if not self._devices:
            return
        arrived: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue(waiting_max)
        loop = asyncio.get_running_loop()

        def take(topic: str, payload: bytes) -> None:
            # What finds no room is sent again by the platform.
            with suppress(asyncio.QueueFull):
                arrived.put_nowait((topic, payload))

        topics = [(command_topic(*key), 1) for key in sorted(self._devices)]

        def connected(*_: Any) -> None:
            self._client.subscribe(topics)

        def came(_: mqtt.Client, __: Any, message: mqtt.MQTTMessage) -> None:
            loop.call_soon_threadsafe(take, message.topic, bytes(message.payload))

        self._client.on_connect = connected
        self._client.on_message = came
        self._client.connect_async(self._address.host, self._address.port)
        self._client.loop_start()
        tasks: set[asyncio.Task[None]] = set()
        try:
            while not stop.is_set():
                with suppress(TimeoutError):
                    task = asyncio.create_task(self._obey(*await asyncio.wait_for(arrived.get(), 0.5)))
                    tasks.add(task)
                    task.add_done_callback(tasks.discard)
        finally:
            for task in tasks:
                task.cancel()
            self._client.disconnect()
            await asyncio.to_thread(self._client.loop_stop)

    async def _obey(self, topic: str, payload: bytes) -> None:
        *_, name, device = topic.split("/")
        product, order = self._devices[name, device], orjson.loads(payload)
        command = product.commands.get(order["command"])
        if command is None or self._known(order["id"]) or _is_over(order):
            return
        self._say(name, device, id=order["id"], status="accepted")
        await asyncio.sleep(self._chance.uniform(*self._takes_s))
        self._say(name, device, id=order["id"], **self._outcome(command, order["parameters"]))

    def _outcome(self, command: Command, parameters: dict[str, Any]) -> dict[str, Any]:
        if self._chance.random() < self._failing_share:
            return {"status": "failed", "result": FAULT}
        return {"status": "done", "reported": effects(command, parameters)}

    def _known(self, command: str) -> bool:
        if command in self._seen:
            return True
        self._seen[command] = None
        if len(self._seen) > remembered_max:
            self._seen.popitem(last=False)
        return False

    def _say(self, product: str, device: str, **answer: Any) -> None:
        self._client.publish(ack_topic(product, device), orjson.dumps(answer), qos=1)
        log.info("demo_device_answers", device=device, status=answer["status"])


def _is_over(order: dict[str, Any]) -> bool:
    return datetime.fromisoformat(order["expires_at"]) <= SystemClock().now()
