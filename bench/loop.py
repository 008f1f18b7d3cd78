"""Seconds from a reading's publish to its case visible through the API, at 1,000 readings/s.

Readings go in by MQTT QoS 1 at a steady rate; every half second one of them floods an underpass,
and the clock runs from its publish until `GET /cases` shows the case. The baseline is the raw
path in the same run: acknowledgement of a QoS 1 publish plus one answer of the same API.
"""

import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from bench._common import gateway_of, own_city, percentile, register_underpasses

from yunnao.infra.gateway import Gateway

PRODUCT = "underpass-level"
RATE_PER_S = 1_000
SLICE_S = 0.02
WARM_UP_S = 3.0
FLOODS = 60
FLOOD_EVERY_S = 0.5
DEVICES = 500
POLL_S = 0.05
PATIENCE_S = 30.0
CALM_M, FLOOD_M = 0.01, 0.2


def _name(number: int) -> str:
    return f"loop-{number:04}"


def _payload(level: float, age_s: float = 0) -> dict[str, Any]:
    return {"level": level, "t": (datetime.now(UTC) - timedelta(seconds=age_s)).isoformat()}


class Steady(threading.Thread):
    """Calm readings at the rate, in slices, until told to stop."""

    def __init__(self, gateway: Gateway) -> None:
        super().__init__(daemon=True)
        self.gateway = gateway
        self.stop = threading.Event()
        self.rate_per_s = 0.0

    def run(self) -> None:
        began, sent = time.monotonic(), 0
        while not self.stop.wait(SLICE_S):
            due = int((time.monotonic() - began) * RATE_PER_S)
            payload = _payload(CALM_M)
            for number in range(sent, due):
                self.gateway.publish(PRODUCT, _name(number % DEVICES), payload)
            sent = due
        self.rate_per_s = sent / (time.monotonic() - began)


class Watcher(threading.Thread):
    """Asks the API for the newest cases and notes when each flood's case first shows."""

    def __init__(self, client: httpx.Client) -> None:
        super().__init__(daemon=True)
        self.client = client
        self.stop = threading.Event()
        self.seen: dict[str, float] = {}

    def run(self) -> None:
        while not self.stop.wait(POLL_S):
            items = self.client.get("/cases", params={"source": "alarm", "limit": 20}).json()["items"]
            at = time.monotonic()
            for item in items:
                for word in item["text"].split():
                    if word.startswith("loop-"):
                        self.seen.setdefault(word, at)


def run(quiet: bool = False) -> dict[str, Any]:
    with own_city() as city:
        register_underpasses(city, [_name(n) for n in range(DEVICES + FLOODS)])
        client = city.signed_in(city.accounts()["dispatcher"])
        with gateway_of(city) as steady_gateway, gateway_of(city) as floods:
            steady, watcher = Steady(steady_gateway), Watcher(client)
            steady.start()
            time.sleep(WARM_UP_S)
            raw = [_raw(floods, client) for _ in range(50)]
            watcher.start()
            published = {}
            for number in range(DEVICES, DEVICES + FLOODS):
                floods.publish(PRODUCT, _name(number), _payload(FLOOD_M, age_s=90)).wait_for_publish(10)
                time.sleep(FLOOD_EVERY_S)
                published[_name(number)] = time.monotonic()
                floods.publish(PRODUCT, _name(number), _payload(FLOOD_M))
            deadline = time.monotonic() + PATIENCE_S
            while len(watcher.seen) < FLOODS and time.monotonic() < deadline:
                time.sleep(POLL_S)
            watcher.stop.set()
            steady.stop.set()
            steady.join()
            steady_gateway.wait_acknowledged(PATIENCE_S)
    took = [watcher.seen[name] - at for name, at in published.items() if name in watcher.seen]
    if not quiet:
        print(f"{len(took)} of {FLOODS} floods became cases", file=sys.stderr)
    return _result(took, raw, steady)


def _raw(gateway: Gateway, client: httpx.Client) -> float:
    began = time.monotonic()
    gateway.publish(PRODUCT, _name(0), _payload(CALM_M)).wait_for_publish(10)
    client.get("/meta")
    return time.monotonic() - began


def _result(took: list[float], raw: list[float], steady: Steady) -> dict[str, Any]:
    value, baseline = percentile(took, 0.99), percentile(raw, 0.99)
    return {
        "value": value,
        "unit": "s",
        "baseline": baseline,
        "baseline_what": "QoS 1 acknowledgement plus one answer of the same API, p99, under the same load",
        "ratio": round(value / baseline, 2),
        "details": {
            "p50_s": percentile(took, 0.5),
            "p99_s": value,
            "max_s": round(max(took), 4) if took else None,
            "floods": FLOODS,
            "cases": len(took),
            "readings_per_s": round(steady.rate_per_s, 1),
            "acknowledged": steady.gateway.acknowledged,
        },
    }
