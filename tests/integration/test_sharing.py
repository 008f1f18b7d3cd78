"""Another department asks for readings, gets them by query and by subscription, and misses none."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_network
from threading import Thread
from typing import Any

import pytest
from standardwebhooks import Webhook
from tests.integration.sensing_support import City, at, city_of

from yunnao.infra.embedded.nats import EmbeddedNats, ensure_mqtt_stream
from yunnao.infra.webhook_targets import Targets
from yunnao.kernel.errors import Conflict, Forbidden, InvalidInput, NotFound
from yunnao.kernel.ids import UUID, new_id
from yunnao.kernel.principal import Principal
from yunnao.kernel.text import Text
from yunnao.modules.identity.facade import Identity, Policies
from yunnao.modules.sensing.sharing import delivering
from yunnao.modules.sensing.sharing.contracts import ShareDraft, SubscriptionDraft
from yunnao.modules.sensing.sharing.facade import Sharing

LOOPBACK = (ip_network("127.0.0.0/8"),)


def person(role: str, department: str | None) -> Principal:
    return Principal(new_id(), role, Text(zh=role, en=role), roles=frozenset({role}), department=department)


WATER, ROADS = person("department_staff", "water"), person("department_staff", "roads")
STEWARD = person("data_steward", "water")
ADMINISTRATOR = person("administrator", None)


@dataclass
class Receiver:
    """A subscriber's HTTP server: `status` is what it answers."""

    status: int = 200
    taken: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    refused: int = 0
    port: int = 0
    redirect: str | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    @property
    def bodies(self) -> list[dict[str, Any]]:
        return [json.loads(body) for _, body in self.taken]

    @property
    def values(self) -> list[Any]:
        return [r["value"] for body in self.bodies for r in body.get("readings", [])]


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            if receiver.status == 200:
                receiver.taken.append((dict(self.headers.items()), body))
            else:
                receiver.refused += 1
            self.send_response(receiver.status)
            if receiver.redirect:
                self.send_header("Location", receiver.redirect)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver.port = server.server_port
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
async def city(database_url: str, nats_server: EmbeddedNats, nats_url: str) -> AsyncIterator[City]:
    async with city_of(database_url, nats_url) as made:
        await ensure_mqtt_stream(made.nervous.jetstream, nats_server.platform)
        await made.rows("UPDATE sensing.device SET owner = 'water' WHERE id IN ('L-1', 'L-2') RETURNING id")
        yield made


@pytest.fixture
def sharing(city: City) -> Sharing:
    identity = Identity(city.clock, Policies.load())
    return Sharing(city.clock, city.database, city.nervous, identity, LOOPBACK)


async def granted(city: City, sharing: Sharing, **scope: Any) -> UUID:
    draft = ShareDraft(
        "plan road works", city.clock.now() + timedelta(days=30), **(scope or {"devices": ["L-1"]})
    )
    async with city.database.transaction() as tx:
        share = await sharing.shares.ask(tx, ROADS, draft)
        await sharing.shares.grant(tx, STEWARD, share.id)
    return share.id


async def subscribed(
    city: City, sharing: Sharing, share: UUID, receiver: Receiver | None = None, **options: Any
) -> tuple[UUID, str]:
    chosen: dict[str, Any] = {"channel": "webhook", "url": receiver.url} if receiver else {}
    async with city.database.transaction() as tx:
        made, secret = await sharing.subscriptions.make(
            tx, ROADS, share, SubscriptionDraft("water levels", **(chosen | options))
        )
    return made.id, secret


async def grade(city: City, grade: str) -> None:
    await city.rows(
        "UPDATE sensing.product SET spec = jsonb_set(spec, '{grade}', to_jsonb(%s::text))"
        " WHERE product = 'level' RETURNING 1",
        grade,
    )


async def send(city: City, *values: float, device: str = "L-1", start: float = 0) -> None:
    """One batch a value, a second apart."""
    for i, value in enumerate(values):
        await city.take(("level", device, {"level": value, "t": at(start + i)}))


async def test_readings_are_read_by_whoever_they_are_shared_with(city: City, sharing: Sharing) -> None:
    async with city.database.transaction() as tx:
        await sharing.rights.authorize(tx, WATER, [("L-1", None)])
        with pytest.raises(Forbidden):
            await sharing.rights.authorize(tx, ROADS, [("L-1", None)])
    share = await granted(city, sharing, devices=["L-1"], metrics=["level"])
    async with city.database.transaction() as tx:
        await sharing.rights.authorize(tx, ROADS, [("L-1", "level")])
        for device, metric in (("L-1", "note"), ("L-2", "level")):
            with pytest.raises(Forbidden):
                await sharing.rights.authorize(tx, ROADS, [(device, metric)])
        assert [use.department for use in await sharing.shares.uses(tx, WATER, "L-1")] == ["roads"]
        await sharing.shares.revoke(tx, STEWARD, share, "works are done")
        with pytest.raises(Forbidden):
            await sharing.rights.authorize(tx, ROADS, [("L-1", "level")])


async def test_the_owner_decides_and_nobody_else(city: City, sharing: Sharing) -> None:
    until = city.clock.now() + timedelta(days=1)
    async with city.database.transaction() as tx:
        share = (await sharing.shares.ask(tx, ROADS, ShareDraft("why", until, devices=["L-1"]))).id
        for other in (WATER, ROADS, person("data_steward", "roads")):
            with pytest.raises(Forbidden):
                await sharing.shares.grant(tx, other, share)
        with pytest.raises(NotFound):
            await sharing.shares.share(tx, person("department_staff", "parks"), share)
        found = await sharing.shares.refuse(tx, STEWARD, share, "not needed")
        assert (found.state, found.reason, found.valid) == ("refused", "not needed", False)
        with pytest.raises(Conflict):
            await sharing.shares.grant(tx, ADMINISTRATOR, share)
        with pytest.raises(InvalidInput):
            await sharing.shares.ask(tx, ROADS, ShareDraft("why", until, devices=["L-1", "P-1"]))
        own = await sharing.shares.ask(tx, WATER, ShareDraft("own", until, devices=["L-2"]))
        assert own.valid
        assert [name.en for name in own.names] == ["L-2"]
        asked, owned = [
            (await sharing.shares.page(tx, ROADS, limit=9, side=side)).items for side in ("asking", "owning")
        ]
        assert ([each.id for each in asked], owned) == ([share], [])
        waiting = await sharing.shares.page(tx, STEWARD, limit=9, side="owning", state="asked")
        assert waiting.items == []


async def test_the_catalogue_tells_of_devices_what_their_grade_allows(city: City, sharing: Sharing) -> None:
    await granted(city, sharing)
    await grade(city, "important")
    async with city.database.transaction() as tx:
        page = await sharing.shares.catalogue(tx, ROADS, limit=10)
        assert {d.id: (d.access, d.lon is None) for d in page.items} == {
            "L-1": ("granted", False), "L-2": ("none", True), "P-1": ("open", False),
        }  # fmt: skip
        found = await sharing.shares.catalogue(tx, ROADS, limit=10, q="counter", owner=None)
        assert [d.id for d in found.items] == ["P-1"]
    await grade(city, "core")
    async with city.database.transaction() as tx:
        assert [d.id for d in (await sharing.shares.catalogue(tx, ROADS, limit=10)).items] == ["P-1"]
        assert len((await sharing.shares.catalogue(tx, WATER, limit=10)).items) == 3


async def test_a_webhook_is_signed_labelled_and_in_order(city: City, sharing: Sharing) -> None:
    async with receiving() as receiver:
        share = await granted(city, sharing)
        _, secret = await subscribed(city, sharing, share, receiver)
        await city.take(("level", "L-1", {"level": 0.1, "closed": True, "note": "dry", "t": at(0)}))
        await send(city, 0.2, 0.3, start=1)
        await send(city, 9.9, device="L-2")
        await sharing.deliverer().deliver_due()
        headers, body = receiver.taken[0]
        # The signature's own time is the test's, so it is computed anew rather than verified by age.
        moment = datetime.fromtimestamp(int(headers["webhook-timestamp"]), UTC)
        expected = Webhook(secret).sign(headers["webhook-id"], moment, body.decode())
        assert headers["webhook-signature"] == expected
        found = receiver.bodies[0]
        others = [(r["metric"], r["value"]) for r in found["readings"] if r["metric"] != "level"]
        assert sorted(others) == [("closed", True), ("note", "dry")]
        levels = [r["value"] for r in found["readings"] if r["metric"] == "level"]
        assert levels == [0.1, 0.2, 0.3]
        assert found["labels"]["devices"]["L-1"]["name"]["en"] == "L-1"
        assert found["labels"]["metrics"]["level"]["level"]["unit"] == "MTR"
        assert await city.rows("SELECT number FROM sensing.delivery") == []


async def test_nothing_is_lost_while_a_subscriber_is_down_for_an_hour(city: City, sharing: Sharing) -> None:
    async with receiving() as receiver:
        share = await granted(city, sharing)
        subscription, _ = await subscribed(city, sharing, share, receiver)
        await send(city, 0.0)
        receiver.status = 503
        worker, other = sharing.deliverer(), sharing.deliverer()
        for minute in range(60):
            city.clock.time += timedelta(minutes=1)
            await city.take(("level", "L-1", {"level": minute / 100, "t": at(60.0 * (minute + 1))}))
            await (worker if minute % 2 else other).deliver_due()
        assert receiver.refused > 5
        async with city.database.transaction() as tx:
            state = await sharing.subscriptions.get(tx, ROADS, subscription)
        assert (state.state, state.backlog, state.delivered) == ("active", 61, 0)
        assert "503" in (state.last_error or "")
        receiver.status = 200
        city.clock.time += timedelta(minutes=15)
        await worker.deliver_due()
        assert receiver.values == [0.0, *[minute / 100 for minute in range(60)]]
        assert [body["parcel"] for body in receiver.bodies] == [1, 2]


async def test_a_killed_worker_sends_the_same_parcel_again_under_its_id(city: City, sharing: Sharing) -> None:
    async with receiving() as receiver:
        share = await granted(city, sharing)
        await subscribed(city, sharing, share, receiver)
        await send(city, 0.1)
        killed = sharing.deliverer()
        await killed._begin()
        await next(iter(killed._sending))
        await send(city, 0.2, start=5)
        other = sharing.deliverer()
        assert await other.deliver_due() == 0  # the lease is the killed worker's
        city.clock.time += delivering.LEASE
        await other.deliver_due()
        assert [headers["webhook-id"][-2:] for headers, _ in receiver.taken] == [".1", ".1", ".2"]
        assert receiver.bodies[0]["readings"] == receiver.bodies[1]["readings"]
        await killed._settle_ended()  # whose lease is over settles nothing
        assert receiver.values == [0.1, 0.1, 0.2]


async def test_a_receiver_that_stays_down_is_parked_told_and_resumed_by_hand(
    city: City, sharing: Sharing
) -> None:
    async with receiving() as receiver:
        receiver.status = 500
        share = await granted(city, sharing)
        subscription, _ = await subscribed(city, sharing, share, receiver)
        await send(city, 0.1)
        worker = sharing.deliverer()
        await worker.deliver_due()
        city.clock.time += delivering.PATIENCE
        await worker.deliver_due()
        await send(city, 0.2, start=9)
        city.clock.time += timedelta(days=1)
        assert await worker.deliver_due() == 0
        assert [s for s, _ in await city.events() if "parked" in s] == ["sensing.subscription.parked"]
        receiver.status = 200
        async with city.database.transaction() as tx:
            assert (await sharing.subscriptions.get(tx, ROADS, subscription)).state == "parked"
            await sharing.subscriptions.resume(tx, ROADS, subscription)
        await worker.deliver_due()
        assert receiver.values == [0.1, 0.2]


async def test_a_full_backlog_is_told_as_a_gap_and_not_lost_in_silence(
    city: City, sharing: Sharing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivering, "backlog_readings_max", 2)
    async with receiving() as receiver:
        share = await granted(city, sharing)
        subscription, _ = await subscribed(city, sharing, share, receiver)
        await send(city, 0.1, 0.2)
        worker = sharing.deliverer()
        await worker.keep_house()
        await send(city, 0.3, start=5)
        async with city.database.transaction() as tx:
            assert (await sharing.subscriptions.get(tx, ROADS, subscription)).state == "full"
        await worker.deliver_due()
        await worker.keep_house()
        await send(city, 0.4, start=9)
        await worker.deliver_due()
        assert receiver.values == [0.1, 0.2, 0.4]
        assert len(receiver.bodies[1]["gaps"]) == 1


async def test_thinned_subscriptions_get_one_an_interval_or_changes(city: City, sharing: Sharing) -> None:
    async with receiving() as slow, receiving() as coarse:
        share = await granted(city, sharing, product="level", owner="water", metrics=["level"])
        await subscribed(city, sharing, share, slow, mode="interval", interval_s=60)
        await subscribed(city, sharing, share, coarse, mode="change", change_min=0.5)
        for i, value in enumerate([1.0, 1.2, 1.4, 1.6, 1.7, 3.0]):
            await city.take(("level", "L-1", {"level": value, "t": at(i * 25.0)}))
        await sharing.deliverer().deliver_due()
        assert slow.values == [1.0, 1.6, 3.0]
        assert coarse.values == [1.0, 1.6, 3.0]


async def test_devices_registered_later_belong_to_a_products_share(city: City, sharing: Sharing) -> None:
    async with receiving() as receiver:
        share = await granted(city, sharing, product="level", owner="water")
        await subscribed(city, sharing, share, receiver)
        await send(city, 0.1)
        await city.register("level", "L-9")
        async with city.database.transaction() as tx:
            await tx.execute("UPDATE sensing.registry SET version = version + 1")
            await tx.execute(
                "UPDATE sensing.device SET owner = 'water', changed = (SELECT version FROM sensing.registry)"
                " WHERE id = 'L-9'"
            )
        await send(city, 0.9, device="L-9")
        await sharing.deliverer().deliver_due()
        assert receiver.values == [0.1, 0.9]


async def test_targets_inside_are_refused_and_redirects_not_followed(city: City, sharing: Sharing) -> None:
    public_only = Targets()
    for url in (
        "http://127.0.0.1/", "https://localhost/x", "http://[::1]/", "http://[::ffff:10.0.0.1]/",
        "http://169.254.169.254/latest", "http://0.0.0.0/", "http://user:pw@8.8.8.8/", "ftp://8.8.8.8/",
        "http://8.8.8.8/", "http://[64:ff9b::7f00:1]/", "https:///x",
    ):  # fmt: skip
        with pytest.raises(InvalidInput):
            await public_only.check(url)
    assert (await public_only.check("https://8.8.8.8/hook")).address == "8.8.8.8"
    async with receiving() as inside, receiving() as receiver:
        receiver.status, receiver.redirect = 307, inside.url
        share = await granted(city, sharing)
        await subscribed(city, sharing, share, receiver)
        await send(city, 0.1)
        await sharing.deliverer().deliver_due()
        assert receiver.refused == 1
        assert inside.taken == []


async def test_a_stream_of_events_goes_on_after_the_last_id(city: City, sharing: Sharing) -> None:
    share = await granted(city, sharing)
    subscription, _ = await subscribed(city, sharing, share, channel="events")
    await send(city, 0.1)
    frames = sharing.streams.frames(subscription, None)
    await anext(frames)
    first = await anext(frames)
    assert b"id: 1\n" in first
    assert b"0.1" in first
    await send(city, 0.2, start=3)
    assert b"id: 2\n" in await anext(frames)
    await frames.aclose()
    await send(city, 0.3, start=6)
    resumed = sharing.streams.frames(subscription, 1)
    await anext(resumed)
    assert b"id: 2\n" in await anext(resumed)
    assert b"id: 3\n" in await anext(resumed)
    await resumed.aclose()
    city.clock.time += delivering.EVENTS_KEPT * 2
    await sharing.deliverer().keep_house()
    await send(city, 0.4, start=9)
    late = sharing.streams.frames(subscription, 1)
    await anext(late)
    assert b'event: gap\ndata: {"first":2,"last":3}' in await anext(late)
    async with city.database.transaction() as tx:
        await sharing.shares.revoke(tx, STEWARD, share, "over")
    assert b"event: ended" in await anext(late)
    await late.aclose()
