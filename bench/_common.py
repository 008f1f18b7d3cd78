"""What benchmarks share: a city of their own, a device's connection, percentiles."""

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from yunnao.infra.child_city import ChildCity
from yunnao.infra.embedded.nats import find_nats
from yunnao.infra.gateway import Gateway


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


def gateway_of(city: ChildCity) -> Gateway:
    """A gateway with the credentials of the city's devices."""
    broker = find_nats(city.home)
    if broker is None:
        raise RuntimeError("the city's broker does not run")
    return Gateway(broker.device, "bench")


def percentile(seconds: list[float], share: float) -> float:
    return round(float(np.percentile(seconds, share * 100)), 4) if seconds else float("nan")
