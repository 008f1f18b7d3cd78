"""An edge site over real servers: a leaf of the centre's broker, that loses nothing without its link."""

import asyncio
import json
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion
from tests.integration.sensing_support import City, city_of, until, worker_of

from yunnao.infra.clock import SystemClock
from yunnao.infra.embedded.nats import (
    EmbeddedNats,
    ensure_mqtt_stream,
    ensure_nats,
    find_nats,
    stop_nats,
)
from yunnao.infra.embedded.nats_config import Leaf, add_edge, remove_edge
from yunnao.infra.embedded.processes import pick_port
from yunnao.infra.files import FileStore
from yunnao.infra.gateway import Gateway
from yunnao.infra.nats_subjects import MQTT_STREAM, intake_subject
from yunnao.infra.nervous import Nervous
from yunnao.kernel.text import Text
from yunnao.modules.sensing.edge.centre import EdgeCentre
from yunnao.modules.sensing.edge.programs import Programs
from yunnao.modules.sensing.edge.receiving import EdgeReceiver
from yunnao.modules.sensing.edge.site import EdgeSite
from yunnao.modules.sensing.lanes import ensure_consumers

START = datetime.now(UTC)
PATIENCE_S = 40.0
SITE = """
import asyncio, sys
from pathlib import Path
from yunnao.infra.clock import SystemClock
from yunnao.infra.embedded.nats import ensure_mqtt_stream, ensure_nats
from yunnao.infra.nats_subjects import MQTT_STREAM, intake_subject
from yunnao.infra.nervous import Nervous
from yunnao.modules.sensing.edge.site import EdgeSite

async def main():
    home = Path(sys.argv[1])
    broker = ensure_nats(home)
    async with Nervous(broker.url, "edge") as nervous:
        await ensure_mqtt_stream(nervous.jetstream, broker.platform, partitioned=False)
        await EdgeSite("harbour", home, SystemClock(), nervous).run(asyncio.Event())

asyncio.run(main())
"""


class Homes:
    """A centre and a site, each with a broker of its own."""

    def __init__(self, folder: Path) -> None:
        self.centre, self.site = folder / "centre", folder / "site"
        self.leaf = Leaf(listen_port=pick_port())
        self.mqtt_port = pick_port()
        self.site.mkdir()
        (self.centre / "nats").mkdir(parents=True)
        self.secret = add_edge(self.centre / "nats", "harbour")
        self._site_mqtt = pick_port(besides=(self.mqtt_port,))

    def programs(self) -> Programs:
        """What the centre releases."""
        return Programs(SystemClock(), FileStore(str(self.centre / "files")))

    def start_centre(self) -> EmbeddedNats:
        return ensure_nats(self.centre, mqtt_port=self.mqtt_port, leaf=self.leaf)

    def start_site(self) -> EmbeddedNats:
        url = f"nats-leaf://edge-harbour:{self.secret}@127.0.0.1:{self.leaf.listen_port}"
        leaf = Leaf(centre_url=url, domain="edge-harbour")
        return ensure_nats(self.site, mqtt_port=self._site_mqtt, leaf=leaf)

    def start_process(self) -> subprocess.Popen[bytes]:
        """The site as a process, over the broker that runs already."""
        return subprocess.Popen([sys.executable, "-c", SITE, self.site], stderr=subprocess.DEVNULL)

    def stop(self) -> None:
        stop_nats(self.site)
        stop_nats(self.centre)


@pytest.fixture
def homes(tmp_path: Path) -> Iterator[Homes]:
    made = Homes(tmp_path)
    yield made
    made.stop()


@pytest.fixture
async def city(database_url: str, homes: Homes) -> AsyncIterator[City]:
    """The centre, with an edge receiver and an ingest worker at work."""
    broker = homes.start_centre()
    async with city_of(database_url, broker.url, START) as made:
        await made.nervous.ensure_stream()
        await ensure_mqtt_stream(made.nervous.jetstream, broker.platform)
        await ensure_consumers(made.nervous)
        centre = EdgeCentre(SystemClock())
        async with made.database.transaction() as tx:
            await centre.register(tx, "harbour", Text(zh="港区", en="Harbour"))
        stop = asyncio.Event()
        receiving = asyncio.create_task(
            EdgeReceiver(made.nervous, made.database, centre, homes.programs()).run(stop)
        )
        async with worker_of(made):
            yield made
        stop.set()
        await asyncio.wait_for(receiving, 20)


@asynccontextmanager
async def site_of(homes: Homes) -> AsyncIterator[EdgeSite]:
    """The site within this process."""
    broker = homes.start_site()
    async with Nervous(broker.url, "edge") as nervous:
        await ensure_mqtt_stream(nervous.jetstream, broker.platform, partitioned=False)
        site = EdgeSite("harbour", homes.site, SystemClock(), nervous)
        stop = asyncio.Event()
        running = asyncio.create_task(site.run(stop))
        try:
            await until(lambda: _holds(site.bundle is not None))
            yield site
        finally:
            stop.set()
            await asyncio.wait_for(running, 20)


async def _holds(what: bool) -> bool:
    return what


async def stored(city: City) -> int:
    return int((await city.rows("SELECT count(*) AS n FROM sensing.reading"))[0]["n"])


def say(broker: EmbeddedNats, *seconds: float, level: float = 0.1) -> None:
    """Devices of the site speak; returns when its broker has acknowledged all."""
    with Gateway(broker.device) as gateway:
        for second in seconds:
            at = (START - timedelta(hours=2) + timedelta(seconds=second)).isoformat()
            gateway.publish("level", "L-1", {"level": level, "t": at})
        gateway.wait_acknowledged(PATIENCE_S)


async def test_an_hour_without_the_link_loses_nothing_and_doubles_nothing(city: City, homes: Homes) -> None:
    """The centre's broker is away while a site speaks, and the site is killed meanwhile."""
    async with site_of(homes):
        broker = homes.start_site()
        await asyncio.to_thread(say, broker, *range(100))
        await until(lambda: _are(city, 100))
    stop_nats(homes.centre)
    site = homes.start_process()
    try:
        await asyncio.to_thread(say, broker, *range(100, 2_000))
        site.kill()
        site.wait()
        site = homes.start_process()
        await asyncio.to_thread(say, broker, *range(2_000, 3_600))
        homes.start_centre()
        await until(lambda: _are(city, 3_600), PATIENCE_S * 2)
    finally:
        site.send_signal(signal.SIGKILL)
        site.wait()
    assert await stored(city) == 3_600


async def _are(city: City, readings: int) -> bool:
    return await stored(city) == readings


async def test_a_site_tells_of_an_alarm_on_the_spot(city: City, homes: Homes) -> None:
    async with site_of(homes):
        broker = homes.start_site()
        heard: list[dict[str, object]] = []
        client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="siren")
        client.username_pw_set(broker.device.user, broker.device.password)
        client.on_message = lambda _, __, message: heard.append(json.loads(message.payload))
        client.on_connect = lambda *_: client.subscribe("yunnao/alarms/level/+")
        client.connect(broker.device.host, broker.device.port)
        client.loop_start()
        await asyncio.sleep(1)
        await asyncio.to_thread(say, broker, 0, 60, 120, level=0.5)
        await asyncio.to_thread(say, broker, 180, level=0.0)
        await until(lambda: _holds(len(heard) == 2))
        client.disconnect()
        client.loop_stop()
    assert [(told["rule"], told["state"]) for told in heard] == [
        ("water.flooded", "open"),
        ("water.flooded", "cleared"),
    ]


async def test_a_site_thins_out_what_its_product_says(city: City, homes: Homes) -> None:
    spec = orjson.dumps({"every_s": 2, "aggregate": "maximum"}).decode()
    async with city.database.transaction() as tx:
        await tx.execute(
            "UPDATE sensing.product SET spec = jsonb_set(spec, '{edge}', %s::jsonb) WHERE product = 'level'",
            (spec,),
        )
    async with site_of(homes):
        broker = homes.start_site()
        await asyncio.to_thread(say, broker, *range(50), level=0.1)
        await asyncio.to_thread(say, broker, 50, level=0.25)
        await until(lambda: _at_least_one(city))
        await asyncio.sleep(3)
    values = [row["value"] for row in await city.rows("SELECT value FROM sensing.reading ORDER BY time")]
    assert len(values) < 10
    assert max(values) == 0.25


async def _at_least_one(city: City) -> bool:
    return await stored(city) > 0


async def test_a_site_runs_what_the_centre_rolls_out(city: City, homes: Homes) -> None:
    centre = EdgeCentre(SystemClock())
    async with site_of(homes) as site:
        async with city.database.transaction() as tx:
            [told] = await centre.sites(tx)
            first = (await centre.versions(tx))[0]
            await tx.execute("UPDATE sensing.rule SET active = false WHERE rule = 'flooded'")
        assert told.online
        async with city.database.transaction() as tx:
            assert (await centre.versions(tx))[0] != first
            await centre.pin(tx, "harbour", first)
        assert site.bundle is not None
        assert "water.flooded" in site.bundle.rules
    async with site_of(homes) as site:
        await asyncio.sleep(1)
        assert "water.flooded" in site.bundle.rules  # type: ignore[union-attr]
        async with city.database.transaction() as tx:
            await centre.pin(tx, "harbour", None)
    async with site_of(homes) as site:
        await until(lambda: _holds("water.flooded" not in site.bundle.rules))  # type: ignore[union-attr]


async def test_a_site_may_speak_for_itself_only_and_is_cut_off_when_it_is_taken_out(
    city: City, homes: Homes
) -> None:
    broker = homes.start_site()
    async with Nervous(broker.url, "edge") as nervous:

        async def may(subject: str) -> bool:
            try:
                await nervous.publish_stored([(subject, b"{}", None)])
            except Exception:
                return False
            return True

        await until(lambda: may("yunnao.edge.harbour.up.level.L-1"))
        await until(lambda: _moved(city))
        assert not await may("yunnao.edge.other.up.level.L-1")
        assert not await may("yunnao.event.cases.case.opened")
        before = await stored_messages(city)
        await may(intake_subject("level", "L-1"))
        assert await stored_messages(city) == before
        remove_edge(homes.centre / "nats", "harbour")
        homes.start_centre()
        await until(lambda: _not(may("yunnao.edge.harbour.up.level.L-1")))
    assert find_nats(homes.centre) is not None


async def _moved(city: City) -> bool:
    """Whether what the site handed up is in the centre's device stream."""
    return await stored_messages(city) > 0


async def stored_messages(city: City) -> int:
    """All that the centre's device stream ever took."""
    return int((await city.nervous.jetstream.stream_info(MQTT_STREAM)).state.last_seq)


async def _not(answer: "asyncio.Future[bool] | object") -> bool:
    return not await answer  # type: ignore[misc]
