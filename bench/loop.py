"""Seconds from a reading's publish to its case visible through the API, at 1,000 readings/s.

Readings go in by MQTT QoS 1 at a steady rate; every half second one of them floods an underpass,
and the clock runs from its publish until `GET /cases` shows the case. The baseline is the raw
path in the same run: acknowledgement of a QoS 1 publish plus one empty answer of the same API.
"""

import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Any

from bench._common import Publisher, own_city, percentile, wait_until

RATE_PER_S = 1_000
FLOODS = 60
FLOOD_EVERY_S = 0.5
DEVICES = 500
POLL_S = 0.05
LATEST_S = 30.0


def _register(client: Any) -> None:
    devices = [
        {
            "device": f"loop-{n:04}",
            "product": "underpass-level",
            "entity": f"loop-{n:04}",
            "name": {"zh": f"测速通道{n:04}", "en": f"Loop underpass {n:04}"},
            "lon": 120.35 + (n % 25) * 0.002,
            "lat": 36.08 + (n // 25) * 0.002,
        }
        for n in range(DEVICES + FLOODS)
    ]
    client.post("/devices", json={"devices": devices}).raise_for_status()


def _steady(publisher: Publisher, stop: threading.Event) -> int:
    """Publishes at the rate, in slices of 20 ms, until told to stop; returns how many."""
    began, sent = time.monotonic(), 0
    while not stop.is_set():
        due = int((time.monotonic() - began) * RATE_PER_S)
        now = datetime.now(UTC).isoformat()
        for n in range(sent, due):
            publisher.publish("underpass-level", f"loop-{n % DEVICES:04}", {"level": 0.01, "t": now})
        sent = due
        time.sleep(0.02)
    return sent


def run(quiet: bool = False) -> dict[str, Any]:
    with own_city() as city:
        admin = city.signed_in(city.accounts()["administrator"])
        reader = city.signed_in(city.accounts()["dispatcher"])
        _register(admin)
        steady, floods = Publisher(city, "bench-steady"), Publisher(city, "bench-floods")
        stop = threading.Event()
        counted: list[int] = []
        thread = threading.Thread(target=lambda: counted.append(_steady(steady, stop)))
        thread.start()
        time.sleep(3)
        published: dict[str, float] = {}
        seen: dict[str, float] = {}
        raw = _raw(floods, reader)

        def look() -> None:
            while not stop.is_set() or len(seen) < len(published):
                if stop.is_set() and time.monotonic() > max(published.values()) + LATEST_S:
                    return
                items = reader.get("/cases", params={"source": "alarm", "limit": 100}).json()["items"]
                at = time.monotonic()
                for item in items:
                    for device in list(published):
                        if device not in seen and device[-4:] in item["title"]:
                            seen[device] = at
                time.sleep(POLL_S)

        looker = threading.Thread(target=look)
        looker.start()
        began = time.monotonic()
        for n in range(DEVICES, DEVICES + FLOODS):
            device, now = f"loop-{n:04}", datetime.now(UTC)
            before = (now - timedelta(seconds=90)).isoformat()
            floods.publish("underpass-level", device, {"level": 0.2, "t": before}).wait_for_publish(10)
            time.sleep(FLOOD_EVERY_S)
            published[device] = time.monotonic()
            floods.publish("underpass-level", device, {"level": 0.2, "t": now.isoformat()})
        lasted = time.monotonic() - began
        stop.set()
        thread.join()
        looker.join()
        wait_until(lambda: steady.acknowledged >= counted[0], 30)
        steady.close()
        floods.close()
    took = [seen[d] - published[d] for d in seen]
    value, baseline = percentile(took, 0.99), percentile(raw, 0.99)
    if not quiet:
        print(f"{len(took)} of {FLOODS} floods became cases", file=sys.stderr)
    return {
        "value": value,
        "unit": "s",
        "baseline": baseline,
        "baseline_what": "QoS 1 acknowledgement plus one request of the same API",
        "ratio": round(value / baseline, 2),
        "details": {
            "p50_s": percentile(took, 0.5),
            "p99_s": value,
            "max_s": round(max(took), 4) if took else None,
            "floods": FLOODS,
            "cases": len(took),
            "rate_per_s": round(counted[0] / (lasted + 3), 1),
            "acknowledged": steady.acknowledged,
        },
    }


def _raw(publisher: Publisher, client: Any) -> list[float]:
    took = []
    for _ in range(50):
        began = time.monotonic()
        publisher.publish(
            "underpass-level", "loop-0000", {"level": 0.01, "t": datetime.now(UTC).isoformat()}
        ).wait_for_publish(5)
        client.get("/meta")
        took.append(time.monotonic() - began)
    return took
