"""An edge site: a broker for its devices, local rules, and everything kept until the centre has it."""

import asyncio
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path

import nats.errors
import orjson
import structlog
from pydantic import Field, ValidationError

from yunnao.infra.embedded.processes import write_private
from yunnao.infra.nats_subjects import edge_ask_subject
from yunnao.infra.nervous import Nervous
from yunnao.kernel.packs.common import Model, Slug
from yunnao.kernel.time import Clock
from yunnao.modules.sensing.edge.carrier import Carrier
from yunnao.modules.sensing.edge.contracts import Bundle, Program, Report, Told
from yunnao.modules.sensing.edge.judge import LocalJudge
from yunnao.modules.sensing.edge.updates import Updates

ASK_EVERY_S = 30.0
ASK_WAIT_S = 10.0

log = structlog.get_logger()


class EdgeKey(Model):
    """What a site is given at its registration: who it is, and where its centre is."""

    edge: Slug
    centre: str
    """host:port of the centre's listener for edge sites."""
    secret: str
    program_key: str | None = None
    """The public half of the key that new programs are signed with; none: the program stays."""
    ask_every_s: float = Field(ASK_EVERY_S, gt=0)


class EdgeSite:
    """Runs over a local broker that is a leaf of the centre's; `folder` keeps what the site knows."""

    def __init__(
        self,
        edge: str,
        folder: Path,
        clock: Clock,
        nervous: Nervous,
        updates: Updates | None = None,
        ask_every_s: float = ASK_EVERY_S,
    ) -> None:
        self._edge = edge
        self._updates = updates
        self._ask_every_s = ask_every_s
        self.replaced = False
        """Whether it ended because another program shall run."""
        self._file = folder / "bundle.json"
        self._nervous = nervous
        self._told = _read(self._file)
        self._judge = LocalJudge(nervous.client)
        if self.bundle is not None:
            self._judge.learn(self.bundle)
        self._carrier = Carrier(edge, clock, nervous, lambda: self.bundle, self._judge.see)

    @property
    def bundle(self) -> Bundle | None:
        return None if self._told is None else self._told.bundle

    async def run(self, stop: asyncio.Event) -> None:
        """Works until `stop`, with the centre or without."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._carrier.run(stop))
            group.create_task(self._keep_up(stop))

    async def _keep_up(self, stop: asyncio.Event) -> None:
        """Tells the centre how the site is, and takes over what it should know."""
        while not stop.is_set():
            try:
                answer = await self._nervous.client.request(
                    edge_ask_subject(self._edge), self._report().model_dump_json().encode(), ASK_WAIT_S
                )
                told = self._take(answer.data)
                if told is not None and await self._renewed(told.program):
                    self.replaced = True
                    stop.set()
            except (nats.errors.Error, TimeoutError) as error:
                log.debug("edge_centre_silent", reason=repr(error))
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), self._ask_every_s)

    def _report(self) -> Report:
        counts = self._carrier.counts
        programs = self._updates.folder if self._updates else None
        return Report(
            program=programs.version if programs else version("yunnao"),
            refused=programs.refused if programs else None,
            bundle=None if self._told is None else self._told.version,
            waiting=counts.held,
            received=counts.received,
            forwarded=counts.forwarded,
            alarms_open=len(self._judge.open),
            link_down_s=round(counts.link_down_s, 1),
        )

    async def _renewed(self, program: Program | None) -> bool:
        """Whether another program is there to run. That the centre answered proves the one that runs."""
        if self._updates is None:
            return False
        self._updates.folder.prove()
        return program is not None and await self._updates.fetch(program)

    def _take(self, answer: bytes) -> Told | None:
        """What the centre told; none where it refused."""
        try:
            told = Told.model_validate_json(answer)
        except ValidationError:
            log.error("edge_refused", answer=orjson.loads(answer).get("error", "?"))
            return None
        if told.bundle is not None:
            # Written before it is used, so that a site that starts without its centre judges the same.
            write_private(self._file, told.model_dump_json())
            self._told = told
            self._judge.learn(told.bundle)
            log.info("edge_bundle_taken", version=told.version)
        return told


def _read(file: Path) -> Told | None:
    """What the site was last told; none where there is no such file, or one of another release."""
    try:
        return Told.model_validate_json(file.read_bytes())
    except (OSError, ValidationError):
        return None
