"""The program of an edge site is replaced from the centre, and the one before runs again where it fails."""

import asyncio
import io
import os
import signal
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from nacl.signing import SigningKey
from tests.integration.sensing_support import City, until
from tests.integration.test_edge_site import Homes, city, homes

import yunnao
from yunnao.infra.clock import SystemClock
from yunnao.infra.embedded.processes import pick_port
from yunnao.infra.signing import public_half
from yunnao.kernel.errors import NotFound
from yunnao.modules.sensing.edge.centre import EdgeCentre
from yunnao.modules.sensing.edge.contracts import Program, Report
from yunnao.modules.sensing.edge.programs import packed
from yunnao.modules.sensing.edge.site import EdgeKey

__all__ = ["city", "homes"]

PATIENCE_S = 60.0


@pytest.fixture
def signer() -> SigningKey:
    return SigningKey.generate()


@pytest.fixture
def launched(homes: Homes, city: City, signer: SigningKey, tmp_path: Path) -> Iterator[Path]:
    """`yunnao edge run`, as it is run at a site."""
    centre = f"127.0.0.1:{homes.leaf.listen_port}"
    key = EdgeKey(
        edge="harbour",
        centre=centre,
        secret=homes.secret,
        program_key=public_half(signer),
        ask_every_s=0.5,
    )
    file = tmp_path / "harbour.json"
    file.write_text(key.model_dump_json(), encoding="utf-8")
    environment = {
        **os.environ,
        "YUNNAO_HOME": str(homes.site),
        "YUNNAO_MQTT_PORT": str(pick_port(besides=(homes.mqtt_port,))),
    }
    command = [sys.executable, "-m", "yunnao.entrypoints.cli.main", "edge", "run", str(file)]
    with (tmp_path / "site.log").open("wb") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        yield tmp_path / "site.log"
        process.send_signal(signal.SIGTERM)
        process.wait(30)


async def report(city: City) -> Report | None:
    async with city.database.transaction() as tx:
        return (await EdgeCentre(SystemClock()).sites(tx))[0].report


async def roll_out(city: City, homes: Homes, content: bytes, signer: SigningKey) -> Program:
    async with city.database.transaction() as tx:
        program = await homes.programs().release(tx, content, signer)
        assert await homes.programs().roll_out(tx, program.version, "harbour") == 1
    return program


def changed(**files: bytes) -> bytes:
    """This program with other files beside its own."""
    target = io.BytesIO(packed(Path(yunnao.__file__).parent))
    with zipfile.ZipFile(target, "a", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return target.getvalue()


async def test_a_site_runs_what_is_rolled_out_and_goes_back_from_what_fails(
    city: City, homes: Homes, signer: SigningKey, launched: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def runs(version: str, refused: str | None) -> bool:
        found = await report(city)
        return found is not None and (found.program, found.refused) == (version, refused)

    good = await roll_out(city, homes, packed(Path(yunnao.__file__).parent), signer)
    await until(lambda: runs(good.version, None), PATIENCE_S)
    broken = await roll_out(city, homes, changed(**{"structlog.py": b"1 / 0"}), signer)
    await until(lambda: runs(good.version, broken.version), PATIENCE_S)
    unpacked = {path.name for path in (homes.site / "program").iterdir() if path.is_dir()}
    assert good.version in unpacked
    stranger = await roll_out(city, homes, changed(**{"note.txt": b"by a stranger"}), SigningKey.generate())
    await until(lambda: _told(launched, "edge_program_unsigned"), PATIENCE_S)
    assert stranger.version not in {path.name for path in (homes.site / "program").iterdir()}


async def test_only_what_was_released_can_be_rolled_out(city: City, homes: Homes, signer: SigningKey) -> None:
    async with city.database.transaction() as tx:
        with pytest.raises(NotFound):
            await homes.programs().roll_out(tx, "0.0.0", None)
        program = await homes.programs().release(tx, b"a program", signer)
        with pytest.raises(NotFound):
            await homes.programs().roll_out(tx, program.version, "nowhere")
        assert await homes.programs().roll_out(tx, program.version, None) == 1
        assert await homes.programs().roll_out(tx, None, None) == 1
        assert await homes.programs().versions(tx) == [program.version]


async def _told(file: Path, event: str) -> bool:
    return event in await asyncio.to_thread(file.read_text, encoding="utf-8")
