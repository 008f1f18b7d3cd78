"""The worker of notifications: it addresses notices, gathers digests, and delivers messages.

A message is leased, sent outside of any transaction, and settled. A worker that dies in between leaves its
lease to run out, and the message goes again under the same id: at least once, and recognisably the same.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from zoneinfo import ZoneInfo

import orjson
import structlog

from yunnao.infra.postgres import Database, Row, Transaction, load_queries
from yunnao.infra.telemetry import DEAD_LETTERS
from yunnao.infra.webhook_targets import Targets
from yunnao.infra.webhooks import Webhooks
from yunnao.kernel.ids import UUID, new_id
from yunnao.kernel.text import Language, say
from yunnao.kernel.time import Clock
from yunnao.modules.identity.facade import Identity
from yunnao.modules.notifications import store
from yunnao.modules.notifications.addressing import address
from yunnao.modules.notifications.contracts import Letter, Outcome, Post
from yunnao.modules.notifications.domain import PATIENCE, quiet_until, wait_s, wording

QUERIES = load_queries("yunnao.modules.notifications", "delivery.sql")
LEASE = timedelta(seconds=90)
"""Longer than an attempt of a whole batch: a lease that runs out belongs to a worker that died."""
ATTEMPT_S = 60.0
CLAIMED_MAX = 20
DIGESTS_MAX = 200
DIGEST_LINES_MAX = 50
IDLE_S = 1.0
RETRY_S = 1.0
ERROR_CHARS_MAX = 500
HELD_BACK = frozenset({"email", "sms"})
"""What makes a noise; a webhook is a program, and the inbox is silent."""

log = structlog.get_logger()


@dataclass(frozen=True)
class _Batch:
    """Messages on their way together, by one channel."""

    rows: Sequence[Row]
    send: Callable[[], Awaitable[Sequence[Outcome]]]


class Deliverer:
    """One worker; any number may run."""

    def __init__(
        self,
        clock: Clock,
        database: Database,
        identity: Identity,
        zone: ZoneInfo,
        targets: Targets,
        email: Post | None,
        sms: Post | None,
        public_url: str | None,
    ) -> None:
        self._clock = clock
        self._database = database
        self._identity = identity
        self._zone = zone
        self._posts = {"email": email, "sms": sms}
        self._public_url = public_url
        self._webhooks = Webhooks(clock, targets)
        self._lease = new_id()
        self._random = random.Random()

    async def run(self, stop: asyncio.Event) -> None:
        """Works until `stop`; what is under way is ended first. Outages are waited out."""
        try:
            while not stop.is_set():
                try:
                    await self._work(stop)
                except Exception:
                    log.exception("notification_failed")
                with suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), RETRY_S)
        finally:
            await self._webhooks.close()

    async def _work(self, stop: asyncio.Event) -> None:
        async with self._database.connection() as listening:
            await listening.execute("LISTEN notice")
            try:
                while not stop.is_set():
                    if not await self.step():
                        async for _ in listening.notifies(timeout=IDLE_S, stop_after=1):
                            pass
            finally:
                with suppress(Exception):
                    await listening.execute("UNLISTEN *")

    async def step(self) -> int:
        """Addresses, gathers and delivers once what waits now; returns how much there was."""
        async with self._database.transaction() as tx:
            done = await address(tx, self._identity, self._clock.now(), self._zone)
        async with self._database.transaction() as tx:
            done += await self._gather(tx)
        async with self._database.transaction() as tx:
            claimed, batches = await self._claim(tx)
        await asyncio.gather(*(self._deliver(batch) for batch in batches))
        return done + claimed

    async def _gather(self, tx: Transaction) -> int:
        """What waited for a digest that is due becomes one message a recipient."""
        lock = await (await tx.execute(QUERIES["gather_lock"])).fetchone()
        if not lock or not lock["mine"]:
            return 0
        now = self._clock.now()
        due = await (await tx.execute(QUERIES["digests_due"], {"now": now, "limit": DIGESTS_MAX})).fetchall()
        if not due:
            return 0
        ids, notices = [new_id() for _ in due], [new_id() for _ in due]
        keys = [f"digest:{each}" for each in ids]
        accounts, channels = [row["account"] for row in due], [row["channel"] for row in due]
        languages = [row["language"] for row in due]
        await tx.execute(QUERIES["digest_notices"], {"ids": notices, "keys": keys, "now": now})
        await store.run(
            tx,
            "messages_insert",
            ids=ids,
            notices=notices,
            keys=keys,
            recipients=[f"account:{account}" for account in accounts],
            channels=channels,
            accounts=accounts,
            addresses=[None] * len(due),
            languages=languages,
            states=["waiting"] * len(due),
            due=[now] * len(due),
            now=now,
        )
        of = {"accounts": accounts, "channels": channels, "languages": languages}
        await tx.execute(QUERIES["gather"], {"ids": ids, "now": now, **of})
        return len(due)

    async def _claim(self, tx: Transaction) -> tuple[int, list[_Batch]]:
        """Leases what is due; those in their quiet hours are put off."""
        now = self._clock.now()
        leased = {"now": now, "limit": CLAIMED_MAX, "lease": self._lease, "leased_until": now + LEASE}
        claimed = await (await tx.execute(QUERIES["claim"], leased)).fetchall()
        if not claimed:
            return 0, []
        ids = [row["id"] for row in claimed]
        rows = await (await tx.execute(QUERIES["claimed"], {"ids": ids})).fetchall()
        quiet = {row["id"]: until for row in rows if (until := self._quiet(row)) is not None}
        if quiet:
            put_off = {"ids": list(quiet), "ats": list(quiet.values()), "lease": self._lease}
            await tx.execute(QUERIES["postpone"], put_off)
        awake = [row for row in rows if row["id"] not in quiet]
        return len(rows), self._batches(awake, await self._digests(tx, awake))

    def _quiet(self, row: Row) -> object:
        if row["urgent"] or row["channel"] not in HELD_BACK:
            return None
        return quiet_until(row["quiet_from"], row["quiet_until"], self._clock.now(), self._zone)

    async def _digests(self, tx: Transaction, rows: Sequence[Row]) -> dict[UUID, tuple[str, str]]:
        """The wording of the digests among `rows`."""
        languages: dict[UUID, Language] = {r["id"]: r["language"] for r in rows if r["template"] == "digest"}
        if not languages:
            return {}
        asked = {"digests": list(languages), "limit": DIGEST_LINES_MAX}
        lines: dict[UUID, list[str]] = {each: [] for each in languages}
        totals: dict[UUID, int] = dict.fromkeys(languages, 0)
        for item in await (await tx.execute(QUERIES["digest_items"], asked)).fetchall():
            line = wording(item["template"], item["params"], languages[item["digest"]], self._zone)[0]
            lines[item["digest"]].append(f"- {line}")
            totals[item["digest"]] = item["total"]
        return {
            each: (
                say("notice_digest", language, count=totals[each]),
                say(
                    "notice_digest_text",
                    language,
                    count=totals[each],
                    shown=len(lines[each]),
                    lines="\n".join(lines[each]),
                ),
            )
            for each, language in languages.items()
        }

    def _batches(self, rows: Sequence[Row], digests: dict[UUID, tuple[str, str]]) -> list[_Batch]:
        """E-mails and SMS go together, a webhook by itself: each has another receiver."""
        batches = []
        for channel in ("email", "sms"):
            of_channel = [row for row in rows if row["channel"] == channel]
            if of_channel:
                letters = [self._letter(row, digests) for row in of_channel]
                batches.append(_Batch(of_channel, self._by_post(channel, letters)))
        batches += [_Batch([row], self._by_webhook(row)) for row in rows if row["channel"] == "webhook"]
        return batches

    def _letter(self, row: Row, digests: dict[UUID, tuple[str, str]]) -> Letter:
        title, text = digests.get(row["id"]) or wording(
            row["template"], row["params"], row["language"], self._zone
        )
        if self._public_url and (row["subject"] or "").startswith("Case/") and row["account"]:
            link = f"{self._public_url.rstrip('/')}/cases/{row['subject'].removeprefix('Case/')}"
            text = f"{text}\n\n{link}"
        return Letter(
            row["id"], row["address"] or "", title, text, row["language"], row["template"], row["made_at"],
            row["subject"],
        )  # fmt: skip

    def _by_post(self, channel: str, letters: list[Letter]) -> Callable[[], Awaitable[Sequence[Outcome]]]:
        async def send() -> Sequence[Outcome]:
            post = self._posts[channel]
            if post is None:
                return [Outcome(f"{channel}_not_configured", final=True)] * len(letters)
            return await post.send(letters)

        return send

    def _by_webhook(self, row: Row) -> Callable[[], Awaitable[Sequence[Outcome]]]:
        async def send() -> Sequence[Outcome]:
            if not row["address"]:
                return [Outcome("address_missing", final=True)]
            zh, en = (wording(row["template"], row["params"], each, self._zone) for each in ("zh", "en"))
            body = {
                "type": f"notice.{row['template']}",
                "timestamp": row["made_at"].isoformat(),
                "data": {
                    "id": str(row["id"]),
                    "title": {"zh": zh[0], "en": en[0]},
                    "text": {"zh": zh[1], "en": en[1]},
                    "subject": row["subject"],
                    "params": row["params"],
                    "urgent": row["urgent"],
                },
            }
            sent = await self._webhooks.send(
                row["address"], row["webhook_secret"], str(row["id"]), orjson.dumps(body)
            )
            return [Outcome(sent.error, sent.final)]

        return send

    async def _deliver(self, batch: _Batch) -> None:
        """Sends a batch and writes down what came of it."""
        try:
            async with asyncio.timeout(ATTEMPT_S):
                outcomes = await batch.send()
        except Exception as error:
            outcomes = [Outcome(repr(error))] * len(batch.rows)
        async with self._database.transaction() as tx:
            await self._settle(tx, list(zip(batch.rows, outcomes, strict=True)))

    async def _settle(self, tx: Transaction, ended: list[tuple[Row, Outcome]]) -> None:
        now = self._clock.now()
        sent = [row["id"] for row, outcome in ended if outcome.error is None]
        failed = [(row, outcome) for row, outcome in ended if outcome.error is not None]
        if sent:
            await tx.execute(QUERIES["settle_sent"], {"ids": sent, "lease": self._lease, "now": now})
        if not failed:
            return
        settled = await (
            await tx.execute(
                QUERIES["settle_failed"],
                {
                    "ids": [row["id"] for row, _ in failed],
                    "errors": [_storable(outcome.error or "") for _, outcome in failed],
                    "next": [
                        now + timedelta(seconds=wait_s(row["attempts"], self._random.random()))
                        for row, _ in failed
                    ],
                    "final": [outcome.final for _, outcome in failed],
                    "patience_from": now - PATIENCE,
                    "lease": self._lease,
                },
            )
        ).fetchall()
        for row in settled:
            log.warning("notification_not_delivered", id=str(row["id"]), state=row["state"])
            if row["state"] == "dead":
                DEAD_LETTERS.labels(f"notifications-{row['channel']}").inc()


def _storable(error: str) -> str:
    return error.replace("\x00", "")[:ERROR_CHARS_MAX]
