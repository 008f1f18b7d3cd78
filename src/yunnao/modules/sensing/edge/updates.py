"""The site's side of new programs: fetched from the centre, proven before the old one is forgotten."""

import asyncio
import hashlib
import io
import shutil
import zipfile
from importlib.metadata import version as package_version
from pathlib import Path

import nats.errors
import structlog
from nats.aio.client import Client

from yunnao.infra.embedded.processes import read_state, write_state
from yunnao.infra.nats_subjects import edge_ask_subject
from yunnao.infra.signing import is_signed
from yunnao.modules.sensing.edge.contracts import Program, Wanted

PROGRAM_BYTES_MAX = 64 * 1024 * 1024
PART_WAIT_S = 30.0

log = structlog.get_logger()


class ProgramFolder:
    """Programs unpacked below `folder`, each by its version, and which of them runs.

    A new one runs on trial until it is proven; one that fails its trial is refused, and the one before
    runs again. Without any the installed program runs.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._state = folder / "state.json"

    @property
    def version(self) -> str:
        """Of the program that runs, or is to run next."""
        return str(read_state(self._state).get("current") or package_version("yunnao"))

    @property
    def refused(self) -> str | None:
        return read_state(self._state).get("refused")

    @property
    def proven(self) -> bool:
        return bool(read_state(self._state).get("proven", True))

    @property
    def path(self) -> Path | None:
        """Where the package lies that is to run; none: the installed one."""
        current = read_state(self._state).get("current")
        return self._folder / current if current else None

    def take(self, version: str, content: bytes) -> None:
        """Unpacks a program (zip), to run next on trial."""
        part = self._folder / f"{version}.part"
        shutil.rmtree(part, ignore_errors=True)
        shutil.rmtree(self._folder / version, ignore_errors=True)
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            archive.extractall(part)
        part.rename(self._folder / version)
        state = read_state(self._state)
        write_state(
            self._state, {**state, "current": version, "previous": state.get("current"), "proven": False}
        )

    def prove(self) -> None:
        """The program that runs has reached the centre: it can be replaced again. Others are forgotten."""
        state = read_state(self._state)
        if state.get("proven", True):
            return
        write_state(self._state, {**state, "proven": True, "refused": None})
        for other in self._folder.iterdir():
            if other.is_dir() and other.name not in {state["current"], state["previous"]}:
                shutil.rmtree(other, ignore_errors=True)

    def go_back(self, *, refuse: bool) -> None:
        """The one before runs again; with `refuse` the failed one is not taken a second time."""
        state = read_state(self._state)
        refused = state["current"] if refuse else state.get("refused")
        write_state(self._state, {"current": state["previous"], "proven": True, "refused": refused})


class Updates:
    """Fetches programs that the holder of `signer`'s other half released."""

    def __init__(self, edge: str, client: Client, folder: ProgramFolder, signer: str) -> None:
        self._edge = edge
        self._client = client
        self.folder = folder
        self._signer = signer

    async def fetch(self, program: Program) -> bool:
        """Whether the program is there now, to run next. What is broken or not signed is left alone."""
        if not is_signed(self._signer, program.hash.encode(), program.signature):
            log.error("edge_program_unsigned", version=program.version)
            return False
        if program.size > PROGRAM_BYTES_MAX:
            log.error("edge_program_too_large", version=program.version, bytes=program.size)
            return False
        content = b""
        while len(content) < program.size:
            wanted = Wanted(program=program.version, offset=len(content)).model_dump_json().encode()
            try:
                answer = await self._client.request(edge_ask_subject(self._edge), wanted, PART_WAIT_S)
            except (nats.errors.Error, TimeoutError) as error:
                log.warning("edge_program_waits", version=program.version, reason=repr(error))
                return False
            if not answer.data:
                break
            content += answer.data
        if hashlib.sha256(content).hexdigest() != program.hash:
            log.error("edge_program_broken", version=program.version)
            return False
        await asyncio.to_thread(self.folder.take, program.version, content)
        log.info("edge_program_taken", version=program.version)
        return True
