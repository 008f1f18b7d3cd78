"""What benchmarks share: a city of their own, a device's connection, percentiles."""

import asyncio
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from yunnao.bootstrap import open_platform
from yunnao.infra.child_city import ChildCity
from yunnao.infra.embedded.nats import find_nats, stop_nats
from yunnao.infra.embedded.postgres import stop_postgres
from yunnao.infra.gateway import Gateway
from yunnao.infra.paths import project_root
from yunnao.infra.settings import Settings
from yunnao.kernel.text import Text
from yunnao.modules.sensing.contracts import DeviceDraft


@contextmanager
def own_city(**options: Any) -> Iterator[ChildCity]:
    """A city in a temporary folder, stopped and removed at the end."""
    with tempfile.TemporaryDirectory(prefix="yunnao-bench-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        city = ChildCity(Path(folder) / "home", **options)
        try:
            city.start()
            yield city
        finally:
            city.stop()
            # Those of a city that did not end by itself live on.
            stop_nats(city.home)
            stop_postgres(city.home)


def gateway_of(city: ChildCity) -> Gateway:
    """A gateway with the credentials of the city's devices."""
    broker = find_nats(city.home)
    if broker is None:
        raise RuntimeError("the city's broker does not run")
    return Gateway(broker.device, "bench")


def percentile(seconds: list[float], share: float) -> float:
    return round(float(np.percentile(seconds, share * 100)), 4) if seconds else float("nan")


def register_underpasses(city: ChildCity, names: list[str]) -> None:
    """Registers a water-level sensor in an underpass of its own for each name."""
    asyncio.run(_register(city, names))


async def _register(city: ChildCity, names: list[str]) -> None:
    drafts = [
        DeviceDraft(
            id=name,
            product="underpass-level",
            entity=name,
            name=Text(zh=f" {name} ", en=f" {name} "),
            lon=120.35 + (n % 25) * 0.002,
            lat=36.08 + (n // 25) * 0.002,
            synthetic=True,
        )
        for n, name in enumerate(names)
    ]
    settings = Settings.from_environment(city.environment, project_root())
    async with open_platform(settings, "bench") as platform, platform.database.transaction() as tx:
        await platform.sensing.register_devices(tx, drafts)
