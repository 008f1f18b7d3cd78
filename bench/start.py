"""Seconds until `yunnao up` serves: cold from an empty folder, warm from one that ran before.

The baseline is what the raw parts need in the same run: PostgreSQL and NATS started again on
their existing data, with nothing of ours.
"""

import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from yunnao.infra.child_city import ChildCity
from yunnao.infra.embedded.nats import ensure_nats, stop_nats
from yunnao.infra.embedded.postgres import ensure_postgres, stop_postgres

WARM_RUNS = 3


def _timed_start(city: ChildCity) -> float:
    began = time.monotonic()
    city.start()
    return time.monotonic() - began


def run(quiet: bool = False) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="yunnao-bench-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        home = Path(folder) / "home"
        city = ChildCity(home)
        cold_s = _timed_start(city)
        city.stop()
        warm: list[float] = []
        for _ in range(WARM_RUNS):
            warm.append(_timed_start(city))
            city.stop()
            if not quiet:
                print(f"warm start: {warm[-1]:.2f} s", file=sys.stderr)
        raw: list[float] = []
        for _ in range(WARM_RUNS):
            began = time.monotonic()
            ensure_postgres(home)
            ensure_nats(home, mqtt_port=city.mqtt_port)
            raw.append(time.monotonic() - began)
            stop_nats(home)
            stop_postgres(home)
    value, baseline = statistics.median(warm), statistics.median(raw)
    return {
        "value": round(value, 2),
        "unit": "s",
        "baseline": round(baseline, 2),
        "baseline_what": "PostgreSQL and NATS alone, started on the same data",
        "ratio": round(value / baseline, 2),
        "details": {"cold_s": round(cold_s, 2), "warm_s": round(value, 2), "runs": WARM_RUNS},
    }
