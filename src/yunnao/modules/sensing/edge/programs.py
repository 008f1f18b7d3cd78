"""The centre's releases of the program that edge sites run."""

import hashlib
import io
import zipfile
from importlib.metadata import version as package_version
from pathlib import Path

from nacl.signing import SigningKey

from yunnao.infra.files import FileStore
from yunnao.infra.postgres import Transaction, load_queries
from yunnao.infra.signing import sign
from yunnao.kernel.errors import NotFound
from yunnao.kernel.time import Clock
from yunnao.modules.sensing.edge.contracts import Program

QUERIES = load_queries("yunnao.modules.sensing.edge")
CHUNK_BYTES = 512 * 1024
"""Half of what NATS takes in one message by default."""
programs_shown_max = 20
_EPOCH = (1980, 1, 1, 0, 0, 0)
"""The same time for every file, so that the same program has the same hash."""


class Programs:
    """Every method runs in the caller's transaction."""

    def __init__(self, clock: Clock, files: FileStore) -> None:
        self._clock = clock
        self._files = files
        self._last: tuple[str, bytes] = ("", b"")

    async def release(self, tx: Transaction, content: bytes, key: SigningKey) -> Program:
        """Keeps a program (zip), signed with `key`; of one that was released before, the release stays."""
        found = hashlib.sha256(content).hexdigest()
        program = Program(
            version=f"{package_version('yunnao')}+{found[:8]}",
            hash=await self._files.put(content),
            size=len(content),
            signature=sign(key, found.encode()),
        )
        await tx.execute(QUERIES["program_insert"], {**program.model_dump(), "now": self._clock.now()})
        return program

    async def roll_out(self, tx: Transaction, version: str | None, edge: str | None) -> int:
        """Tells a site (none: all) to run a version (none: its own); answers how many sites.

        Raises NotFound `program_unknown`, `edge_unknown`.
        """
        if version is not None and await self._get(tx, version) is None:
            raise NotFound("program_unknown", version=version)
        told = await tx.execute(QUERIES["program_roll_out"], {"version": version, "edge": edge})
        if edge is not None and told.rowcount == 0:
            raise NotFound("edge_unknown", edge=edge)
        return told.rowcount

    async def versions(self, tx: Transaction) -> list[str]:
        """The newest releases, newest first."""
        rows = await (await tx.execute(QUERIES["programs_list"], {"limit": programs_shown_max})).fetchall()
        return [row["version"] for row in rows]

    async def chunk(self, tx: Transaction, version: str, offset: int) -> bytes:
        """A part of a release. Raises NotFound `program_unknown`."""
        if self._last[0] != version:
            program = await self._get(tx, version)
            if program is None:
                raise NotFound("program_unknown", version=version)
            self._last = version, await self._files.get(program.hash)
        return self._last[1][offset : offset + CHUNK_BYTES]

    async def _get(self, tx: Transaction, version: str) -> Program | None:
        row = await (await tx.execute(QUERIES["program_get"], {"version": version})).fetchone()
        return None if row is None else Program.model_validate(row)


def packed(package: Path) -> bytes:
    """The folder of a Python package as a zip, the same bytes for the same files."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(package.rglob("*")):
            if file.is_file() and "__pycache__" not in file.parts:
                entry = zipfile.ZipInfo(str(file.relative_to(package.parent)), _EPOCH)
                entry.compress_type = zipfile.ZIP_DEFLATED
                archive.writestr(entry, file.read_bytes())
    return target.getvalue()
