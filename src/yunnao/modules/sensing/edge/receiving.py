"""What edge sites hand up, into the intake; and answers to their questions.

A site's message is acknowledged to it when the stream `EDGE` has stored it. From there it is moved
into the stream that the intake reads; what is moved twice after a crash is one reading still.
"""

import asyncio
from contextlib import suppress

import nats.errors
import orjson
import psycopg
import structlog
from nats.aio.msg import Msg
from nats.js.api import (
    AckPolicy,
    ConsumerConfig,
    DiscardPolicy,
    RetentionPolicy,
    StorageType,
    StreamConfig,
)
from nats.js.errors import NotFoundError
from pydantic import TypeAdapter, ValidationError

from yunnao.infra import deadletters
from yunnao.infra.deadletters import DeadLetter
from yunnao.infra.nats_subjects import (
    EDGE_ASK_SUBJECTS,
    EDGE_PREFIX,
    EDGE_UP_SUBJECTS,
    intake_subject,
    read_edge_subject,
)
from yunnao.infra.nervous import Nervous
from yunnao.infra.postgres import Database
from yunnao.kernel.errors import InvalidInput, Unavailable, YunnaoError
from yunnao.modules.sensing.edge.centre import EdgeCentre
from yunnao.modules.sensing.edge.contracts import Report, Wanted
from yunnao.modules.sensing.edge.programs import Programs

EDGE_STREAM = "EDGE"
EDGE_BYTES_MAX = 20 * 1024**3
DURABLE = "edge-intake"
BATCH_ROWS_MAX = 2_000
FETCH_WAIT_S = 1.0
ACK_WAIT_S = 30
RETRY_S = 1.0
SOURCE = "edge"
"""Of this part's dead letters."""
_ASKED: TypeAdapter[Report | Wanted] = TypeAdapter(Report | Wanted)

log = structlog.get_logger()


async def ensure_edge_stream(nervous: Nervous) -> None:
    """Creates the stream of what edge sites hand up."""
    try:
        await nervous.jetstream.stream_info(EDGE_STREAM)
    except NotFoundError:
        await nervous.jetstream.add_stream(
            StreamConfig(
                name=EDGE_STREAM,
                subjects=[EDGE_UP_SUBJECTS],
                storage=StorageType.FILE,
                retention=RetentionPolicy.WORK_QUEUE,
                max_bytes=EDGE_BYTES_MAX,
                discard=DiscardPolicy.NEW,
            )
        )


class EdgeReceiver:
    """Part of the worker role; several processes take turns, one batch under way at a time."""

    def __init__(self, nervous: Nervous, database: Database, centre: EdgeCentre, programs: Programs) -> None:
        self._nervous = nervous
        self._database = database
        self._centre = centre
        self._programs = programs

    async def run(self, stop: asyncio.Event) -> None:
        """Works until `stop`; outages are waited out."""
        while not stop.is_set():
            try:
                await self._work(stop)
            except (nats.errors.Error, psycopg.Error, Unavailable, TimeoutError) as error:
                log.warning("edge_receiver_waits", reason=repr(error))
                with suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), RETRY_S)

    async def _work(self, stop: asyncio.Event) -> None:
        await ensure_edge_stream(self._nervous)
        asking = await self._nervous.client.subscribe(EDGE_ASK_SUBJECTS, queue=DURABLE, cb=self._answer)
        try:
            pulling = await self._nervous.jetstream.pull_subscribe(
                "",
                durable=DURABLE,
                stream=EDGE_STREAM,
                config=ConsumerConfig(
                    durable_name=DURABLE,
                    ack_policy=AckPolicy.EXPLICIT,
                    ack_wait=ACK_WAIT_S,
                    # As many as one batch: so that a device's messages stay in order.
                    max_ack_pending=BATCH_ROWS_MAX,
                ),
            )
            while not stop.is_set():
                with suppress(TimeoutError, nats.errors.TimeoutError):
                    await self._move(await pulling.fetch(BATCH_ROWS_MAX, timeout=FETCH_WAIT_S))
        finally:
            with suppress(nats.errors.Error):
                await asking.unsubscribe()

    async def _move(self, messages: list[Msg]) -> None:
        accepted: list[tuple[str, bytes, str | None]] = []
        letters: list[DeadLetter] = []
        for message in messages:
            try:
                _, product, device = read_edge_subject(message.subject)
                accepted.append((intake_subject(product, device), message.data, None))
            except InvalidInput as error:
                letters.append(DeadLetter(SOURCE, message.subject, message.data, error.code, error.params))
        await self._nervous.publish_stored(accepted)
        if letters:
            async with self._database.transaction() as tx:
                await deadletters.keep(tx, letters)
        for message in messages:
            await message.ack()

    async def _answer(self, message: Msg) -> None:
        """Answers a site's report, or hands it a part of a program; whom the centre does not know gets an
        error's code."""
        edge = message.subject.removeprefix(EDGE_PREFIX).split(".")[0]
        try:
            asked = _ASKED.validate_json(message.data)
            async with self._database.transaction() as tx:
                if isinstance(asked, Wanted):
                    answer = await self._programs.chunk(tx, asked.program, asked.offset)
                else:
                    told = await self._centre.hear(tx, edge, asked)
                    answer = told.model_dump_json(exclude_none=True).encode()
        except ValidationError:
            answer = orjson.dumps({"error": "report_invalid"})
        except YunnaoError as error:
            answer = orjson.dumps({"error": error.code})
        except psycopg.Error as error:
            log.warning("edge_unanswered", edge=edge, reason=repr(error))
            return
        await message.respond(answer)
