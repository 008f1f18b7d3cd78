"""Cuts connections of devices, by the NATS server's own account."""

import json
from collections.abc import Sequence
from typing import Any

import nats
import structlog
from nats.aio.client import Client

ASK_ALL = "$SYS.REQ.SERVER.PING.CONNZ"
CONNECT_S = 5
ANSWERS_S = 0.3
"""So long after the last one another server of the cluster may answer."""
CONNECTIONS_MAX = 1_024

log = structlog.get_logger()


async def cut(system_url: str, devices: Sequence[str]) -> int:
    """Ends every MQTT connection of these devices, at every server of the cluster; answers how many."""
    client = await nats.connect(system_url, connect_timeout=CONNECT_S, allow_reconnect=False)
    try:
        return sum([await _cut_one(client, device) for device in devices])
    finally:
        await client.close()


async def _cut_one(client: Client, device: str) -> int:
    count = 0
    for answer in await _ask(client, {"user": device, "auth": True, "limit": CONNECTIONS_MAX}):
        server = answer["server"]["id"]
        for connection in answer.get("data", {}).get("connections") or []:
            if connection.get("type") == "mqtt":
                order = json.dumps({"cid": connection["cid"]}).encode()
                await client.request(f"$SYS.REQ.SERVER.{server}.KICK", order, timeout=CONNECT_S)
                count += 1
    log.info("device_cut", device=device, connections=count)
    return count


async def _ask(client: Client, question: dict[str, Any]) -> list[dict[str, Any]]:
    """The answers of all servers."""
    inbox = client.new_inbox()
    subscription = await client.subscribe(inbox)
    await client.publish(ASK_ALL, json.dumps(question).encode(), reply=inbox)
    answers: list[dict[str, Any]] = []
    try:
        while True:
            message = await subscription.next_msg(timeout=CONNECT_S if not answers else ANSWERS_S)
            answers.append(json.loads(message.data))
    except TimeoutError:
        return answers
    finally:
        await subscription.unsubscribe()
