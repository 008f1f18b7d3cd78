"""Readings that come by HTTP: checked where the sender can be told, then into the same stream."""

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from yunnao.infra import deadletters
from yunnao.infra.deadletters import DeadLetter
from yunnao.infra.nats_subjects import intake_subject
from yunnao.infra.nervous import Nervous
from yunnao.infra.postgres import Transaction
from yunnao.infra.telemetry import READINGS_REFUSED
from yunnao.kernel.errors import InvalidInput, TooLarge
from yunnao.kernel.packs.decoders import JsonDecoder
from yunnao.kernel.time import Clock, require_aware
from yunnao.modules.sensing import store
from yunnao.modules.sensing.columns import Documents, columns_of
from yunnao.modules.sensing.contracts import InstalledProduct, MessageDraft, ReadingDraft, Rejected
from yunnao.modules.sensing.domain.decoding import payload_bytes_max
from yunnao.modules.sensing.domain.encoding import encode
from yunnao.modules.sensing.domain.payloads import payload_of
from yunnao.modules.sensing.domain.times import to_us
from yunnao.modules.sensing.registry import Registry

batch_rows_max = 10_000
JSON = JsonDecoder(metrics={})
SOURCE = "http"
"""Of this door's dead letters."""


class HttpDoor:
    """Takes batches; what is accepted is in the stream when the method returns."""

    def __init__(self, clock: Clock, nervous: Nervous) -> None:
        self._clock = clock
        self._nervous = nervous
        self._registry = Registry()
        self._one_at_a_time = asyncio.Lock()

    async def messages(self, tx: Transaction, drafts: Sequence[MessageDraft]) -> list[Rejected]:
        """Publishes what every rule allows; keeps the rest as dead letters and answers it.

        Raises TooLarge `batch_too_large`, Unavailable where the stream does not confirm.
        """
        if len(drafts) > batch_rows_max:
            raise TooLarge("batch_too_large", limit_rows=batch_rows_max)
        owners = await store.products_of_devices(tx, [d.device for d in drafts if d.product is None])
        products = [draft.product or owners.get(draft.device, "") for draft in drafts]
        specs = await store.products(tx, sorted(set(products)))
        rejected: dict[int, Rejected] = {}
        accepted: list[tuple[int, str, bytes]] = []
        for index, (draft, product) in enumerate(zip(drafts, products, strict=True)):
            try:
                if not product:
                    raise InvalidInput("device_unknown", device=draft.device, product="")
                accepted.append(
                    (
                        index,
                        intake_subject(product, draft.device),
                        _written(specs.get(product), draft.payload),
                    )
                )
            except InvalidInput as error:
                rejected[index] = Rejected(index, error.code, error.params)
        messages = Documents(
            products,
            [draft.device for draft in drafts],
            [draft.payload for draft in drafts],
            np.full(len(drafts), to_us(self._clock.now()), np.int64),
        )
        # The registry's columns grow while it looks devices up: one request at a time.
        async with self._one_at_a_time:
            found = await columns_of(tx, self._registry, messages, set(rejected))
        rejected |= {i: Rejected(i, r.code, r.params) for i, r in found.refusals.items()}
        await deadletters.keep(tx, [_letter(drafts[i], products[i], r) for i, r in rejected.items()])
        for refusal in rejected.values():
            READINGS_REFUSED.labels(refusal.code).inc()
        await self._nervous.publish_stored(
            [(subject, payload, None) for index, subject, payload in accepted if index not in rejected]
        )
        return [rejected[index] for index in sorted(rejected)]

    async def readings(self, tx: Transaction, drafts: Sequence[ReadingDraft]) -> list[Rejected]:
        """Plain readings, each as the message that its product's device would send."""
        if len(drafts) > batch_rows_max:
            raise TooLarge("batch_too_large", limit_rows=batch_rows_max)
        owners = await store.products_of_devices(tx, [draft.device for draft in drafts])
        specs = await store.products(tx, sorted(set(owners.values())))
        rejected: list[Rejected] = []
        letters: list[DeadLetter] = []
        places: list[int] = []
        messages: list[MessageDraft] = []
        for index, draft in enumerate(drafts):
            product = owners.get(draft.device)
            try:
                if product is None:
                    raise InvalidInput("device_unknown", device=draft.device, product="")
                time = require_aware(draft.time) if draft.time is not None else self._clock.now()
                payload = encode(specs[product].spec, {draft.metric: draft.value}, time)
            except InvalidInput as error:
                rejected.append(Rejected(index, error.code, error.params))
                body = {"device": draft.device, "metric": draft.metric, "value": draft.value}
                letters.append(
                    DeadLetter(SOURCE, SOURCE, json.dumps(body).encode(), error.code, error.params)
                )
            else:
                places.append(index)
                messages.append(MessageDraft(product, draft.device, payload))
        await deadletters.keep(tx, letters)
        refused = await self.messages(tx, messages)
        rejected += [Rejected(places[r.index], r.code, r.params) for r in refused]
        return sorted(rejected, key=lambda found: found.index)

    async def again(self, subject: str, payload: bytes) -> None:
        """Sends a dead letter's message through the stream once more."""
        await self._nervous.publish_stored([(subject, payload, None)])


def _written(product: InstalledProduct | None, payload: Any) -> bytes:
    """As the product's device would write it; of an unknown product, which is told later, as JSON."""
    written = payload_of(JSON if product is None else product.spec.decoder, payload)
    if len(written) > payload_bytes_max:
        raise InvalidInput("payload_too_large", limit_bytes=payload_bytes_max)
    return written


def _letter(draft: MessageDraft, product: str, rejected: Rejected) -> DeadLetter:
    """The message as it came: `json` keeps a NaN that `orjson` would turn into null."""
    try:
        subject = intake_subject(product, draft.device)
    except InvalidInput:
        subject = SOURCE
    payload = draft.payload if isinstance(draft.payload, bytes) else json.dumps(draft.payload).encode()
    return DeadLetter(SOURCE, subject, payload, rejected.code, rejected.params)
