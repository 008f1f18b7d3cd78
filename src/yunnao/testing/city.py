"""Fixtures of a whole running city, for tests that go through its doors."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from yunnao.infra.child_city import ChildCity


@pytest.fixture(scope="session")
def running_city() -> Iterator[ChildCity]:
    """A city in demo mode without the simulator: only what the test does happens in it."""
    folder = Path(tempfile.mkdtemp(prefix="yunnao-city-"))
    folder.chmod(0o755)
    city = ChildCity(folder / "home")
    try:
        city.start()
        yield city
    finally:
        city.stop()
        shutil.rmtree(folder, ignore_errors=True)
