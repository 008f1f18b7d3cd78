"""What benchmarks share: a city of their own, a device's connection, percentiles."""

import json
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import paho.mqtt.client as mqtt

from yunnao.infra.child_city import ChildCity


@contextmanager
def own_city(**options: Any) -> Iterator[ChildCity]:
    """A city in a temporary folder, stopped and removed at the end."""
    with tempfile.TemporaryDirectory(prefix="yunnao-bench-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        city = ChildCity(Path(folder) / "home", **options)
        city.start()
        try:
            yield city
        finally:
            city.stop()


class Publisher:
    """A device gateway: MQTT 3.1.1, QoS 1, counting acknowledgements."""

    def __init__(self, city: ChildCity, name: str) -> None:
        credentials = json.loads((city.home / "nats" / "credentials.json").read_text())
        self.acknowledged = 0
        self._connected = threading.Event()
        self._client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id=name, clean_session=True)
        self._client.username_pw_set("device", credentials["device"])
        self._client.max_inflight_messages_set(1000)
        self._client.max_queued_messages_set(0)
        self._client.on_connect = lambda *_: self._connected.set()
        self._client.on_publish = self._count
        self._client.connect("127.0.0.1", city.mqtt_port)
        self._client.loop_start()
        if not self._connected.wait(10):
            raise RuntimeError("the broker did not accept the connection")

    def _count(self, *_: Any) -> None:
        self.acknowledged += 1

    def publish(self, product: str, device: str, payload: dict[str, Any]) -> mqtt.MQTTMessageInfo:
        return self._client.publish(f"yunnao/v1/{product}/{device}", json.dumps(payload), qos=1)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


def percentile(seconds: list[float], share: float) -> float:
    return round(float(np.percentile(seconds, share * 100)), 4) if seconds else float("nan")


def wait_until(found: Any, timeout_s: float, step_s: float = 0.05) -> bool:
    """Polls `found()`; whether it came true in time."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if found():
            return True
        time.sleep(step_s)
    return False
