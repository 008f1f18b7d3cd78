"""Carrying an edge site's messages to the centre: kept by the local broker until the centre has them."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from time import monotonic

import nats.errors
import structlog
from nats.aio.msg import Msg
from nats.js.api import AckPolicy, ConsumerConfig

from yunnao.infra.nats_subjects import MQTT_STREAM, TRANSFORM_FROM, edge_up_subject
from yunnao.infra.nervous import Nervous
from yunnao.kernel.errors import InvalidInput, Unavailable
from yunnao.kernel.time import Clock
from yunnao.modules.sensing.domain.decoding import decode, documents_of
from yunnao.modules.sensing.domain.times import to_us
from yunnao.modules.sensing.edge.contracts import Bundle
from yunnao.modules.sensing.edge.messages import Taken, arrivals
from yunnao.modules.sensing.edge.windows import thin

DURABLE = "edge-carrier"
FETCH_ROWS_MAX = 2_000
FETCH_WAIT_S = 0.5
HELD_ROWS_MAX = 50_000
"""Messages received and not yet handed up; beyond it the broker keeps them."""
ACK_WAIT_S = 30
KEEP_S = 10.0
"""How often the broker is told that what is held is still being worked on."""
RETRY_S = 1.0
WINDOW_GRACE_US = 2_000_000

log = structlog.get_logger()


@dataclass
class Counts:
    """Since the start; `link_down_s` is the length of the gap that lasts or was the last."""

    received: int = 0
    forwarded: int = 0
    held: int = 0
    link_down_s: float = 0.0


@dataclass
class Going:
    """What goes up together, and the messages that are done with it."""

    up: list[tuple[str, bytes, str | None]] = field(default_factory=list)
    done: list[Taken] = field(default_factory=list)


class Carrier:
    """`bundle` gives what is known now; `judge` sees each message as it comes, before it is thinned."""

    def __init__(
        self,
        edge: str,
        clock: Clock,
        nervous: Nervous,
        bundle: Callable[[], Bundle | None],
        judge: Callable[[Sequence[Taken]], Awaitable[None]],
    ) -> None:
        self._edge = edge
        self._clock = clock
        self._nervous = nervous
        self._bundle = bundle
        self._judge = judge
        self._windows: dict[tuple[str, int], list[Taken]] = defaultdict(list)
        self._kept_at = 0.0
        self.counts = Counts()

    async def run(self, stop: asyncio.Event) -> None:
        """Works until `stop`. What is not handed up by then comes again at the next start."""
        while not stop.is_set():
            try:
                await self._work(stop)
            except (nats.errors.Error, Unavailable, TimeoutError) as error:
                log.warning("edge_carrier_waits", reason=repr(error))
                self._windows.clear()
                with suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), RETRY_S)

    async def _work(self, stop: asyncio.Event) -> None:
        pulling = await self._nervous.jetstream.pull_subscribe(
            "",
            durable=DURABLE,
            stream=MQTT_STREAM,
            config=ConsumerConfig(
                durable_name=DURABLE,
                filter_subject=TRANSFORM_FROM,
                ack_policy=AckPolicy.EXPLICIT,
                ack_wait=ACK_WAIT_S,
                max_ack_pending=HELD_ROWS_MAX,
            ),
        )
        while not stop.is_set():
            found: list[Msg] = []
            with suppress(TimeoutError, nats.errors.TimeoutError):
                found = await pulling.fetch(FETCH_ROWS_MAX, timeout=FETCH_WAIT_S)
            taken = [Taken.of(message) for message in found]
            self.counts.received += len(taken)
            await self._judge(taken)
            going = self._sorted(taken)
            self._close(going)
            self.counts.held = sum(map(len, self._windows.values()))
            await self._hand_up(going, stop)
            await self._keep([held for window in self._windows.values() for held in window])

    def _sorted(self, taken: Sequence[Taken]) -> Going:
        """What goes up as it came; the rest is put into windows."""
        bundle, going = self._bundle(), Going()
        for one in taken:
            product = None if bundle is None else bundle.products.get(one.product)
            if product is not None and product.edge is not None:
                self._windows[one.product, one.arrival_us // (product.edge.every_s * 1_000_000)].append(one)
                continue
            going.done.append(one)
            # What names no device goes no further: the centre could not tell whose it is either.
            with suppress(InvalidInput):
                subject = edge_up_subject(self._edge, one.product, one.device)
                going.up.append((subject, one.message.data, None))
        return going

    def _close(self, going: Going) -> None:
        """Adds the windows whose time is over. By arrival, which the broker keeps: after a crash the
        same messages make the same windows."""
        bundle, now_us = self._bundle(), to_us(self._clock.now())
        for key in sorted(self._windows):
            name, number = key
            product = None if bundle is None else bundle.products.get(name)
            every_us = 0 if product is None or product.edge is None else product.edge.every_s * 1_000_000
            if now_us < (number + 1) * every_us + WINDOW_GRACE_US:
                continue
            held = self._windows.pop(key)
            going.done += held
            if product is None or product.edge is None:
                going.up += [
                    (edge_up_subject(self._edge, name, h.device), h.message.data, None) for h in held
                ]
                continue
            payloads = [h.message.data for h in held]
            documents, unreadable = documents_of(product.decoder, payloads)
            decoded = decode(product, documents, arrivals(held))
            for one in thin(product, product.edge, [h.device for h in held], decoded):
                going.up.append((edge_up_subject(self._edge, name, one.device), one.payload, None))
            # What cannot be read goes up as it came: the centre keeps it as a dead letter.
            for index in {r.index for r in (*unreadable, *decoded.refusals)}:
                subject = edge_up_subject(self._edge, name, held[index].device)
                going.up.append((subject, held[index].message.data, None))

    async def _hand_up(self, going: Going, stop: asyncio.Event) -> None:
        """Returns when the centre has stored all, or on `stop`; the link may be down for hours."""
        began = monotonic()
        while going.up:
            try:
                await self._nervous.publish_stored(going.up)
                break
            except Unavailable as error:
                self.counts.link_down_s = monotonic() - began
                log.warning("edge_link_down", for_s=round(self.counts.link_down_s), reason=str(error))
                await self._keep([*going.done, *(h for window in self._windows.values() for h in window)])
                with suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), RETRY_S)
                if stop.is_set():
                    return
        self.counts.forwarded += len(going.up)
        for one in going.done:
            await one.message.ack()

    async def _keep(self, held: Sequence[Taken]) -> None:
        """Keeps the broker from delivering again what is held here."""
        if monotonic() - self._kept_at < KEEP_S:
            return
        self._kept_at = monotonic()
        for one in held:
            await one.message.in_progress()
