"""`yunnao demo`: one reading and one report followed to their end, then counts, without a browser.

Runs a city of its own in a temporary folder, goes through the real doors (MQTT QoS 1, HTTP), and
ends with 0 only if every record that must be in the database is there.
"""

import asyncio
import tempfile
import time
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import typer

from yunnao.bootstrap import open_database
from yunnao.entrypoints.cli.run import settings
from yunnao.entrypoints.story import Story, calm_messages, flood_messages
from yunnao.infra.child_city import ChildCity
from yunnao.infra.embedded.nats import find_nats
from yunnao.infra.gateway import Gateway
from yunnao.infra.paths import project_root
from yunnao.infra.postgres import load_queries
from yunnao.infra.settings import Settings
from yunnao.kernel.errors import Unavailable
from yunnao.kernel.packs.decoders import JsonDecoder
from yunnao.kernel.text import Language, Text, catalogue, say
from yunnao.scenes import load_scenes

QUERIES = load_queries("yunnao.entrypoints.cli", "demo.sql")
ROUNDS = 20
REPORTS = 40
ACKNOWLEDGED_WAIT_S = 30.0
STORED_WAIT_S = 30.0
UNDERPASS_PRODUCT = "underpass-level"
CITY_ZONE = ZoneInfo("Asia/Shanghai")
REPORT_PLACE = (120.3826, 36.0671)
"""Longitude and latitude (WGS 84) of a crossing in Shinan District."""


def register(app: typer.Typer) -> None:
    app.command("demo", help="Follow one reading and one report to their end, in a city of its own.")(demo)


def demo() -> None:
    language = settings().language
    with tempfile.TemporaryDirectory(prefix="yunnao-demo-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        city = ChildCity(Path(folder) / "home")
        line(language, "demo_starts")
        began = time.monotonic()
        city.start()
        line(language, "demo_serves", seconds=f"{time.monotonic() - began:.1f}")
        try:
            whole = Demonstration(city, language).run()
        finally:
            city.stop()
    raise typer.Exit(0 if whole else 1)


def line(language: Language, code: str, /, **params: object) -> None:
    print(say(code, language, **params), flush=True)


class Demonstration:
    """Two stories, some traffic, and the count after them."""

    def __init__(self, city: ChildCity, language: Language) -> None:
        self._city = city
        self._language = language
        self._story = Story(city)
        scenes = [f.parent for f in sorted((project_root() / "scenes").glob("*/scene.yaml"))]
        self._packs = load_scenes(scenes)
        self._expected = {"alarms": 1, "closed": 2, "rated": 2}

    def run(self) -> bool:
        """Whether every expected record is in the database."""
        device = next(d for p in self._packs for d in p.devices if d.product == UNDERPASS_PRODUCT)
        broker = find_nats(self._city.home)
        if broker is None:
            raise Unavailable("unavailable", part="NATS")
        with Gateway(broker.device) as gateway:
            self._reading(gateway, device.device, device.name)
            self._report()
            self._traffic(gateway, device.device)
        return self._count()

    def _told(self, title: str, steps: list[tuple[str, str]]) -> None:
        line(self._language, title)
        for when, what in steps:
            local = datetime.fromisoformat(when).astimezone(CITY_ZONE)
            print(f"  {local:%H:%M:%S.%f%z}  {what}", flush=True)

    def _reading(self, gateway: Gateway, device: str, name: Text) -> None:
        sent = flood_messages()
        for payload in sent:
            gateway.publish(UNDERPASS_PRODUCT, device, payload)
        gateway.wait_acknowledged(ACKNOWLEDGED_WAIT_S)
        self._expected["readings"] = len(sent)
        alarm = self._story.alarm(device)
        self._story.handle(alarm["case_id"], self._language)
        self._story.rate(alarm["case_id"], 5)
        where = name.to(self._language)
        self._told(
            "demo_story_reading",
            [
                (
                    sent[0]["t"],
                    say("demo_reading_sent", self._language, value=sent[0]["level"], where=where),
                ),
                (
                    alarm["opened_at"],
                    say(
                        "demo_alarm_opened", self._language, what=Text(**alarm["message"]).to(self._language)
                    ),
                ),
                *self._story.timeline(alarm["case_id"], self._language),
            ],
        )

    def _report(self) -> None:
        report = self._story.report(catalogue()["demo_report_text"].zh, *REPORT_PLACE)
        self._story.handle(report["case_id"], self._language)
        self._story.rate_by_code(report["tracking_code"], 4)
        self._told("demo_story_report", self._story.timeline(report["case_id"], self._language))

    def _traffic(self, gateway: Gateway, without: str) -> None:
        """More readings of every other synthetic device, and citizens' reports of the scenes."""
        messages = calm_messages(self._packs, ROUNDS, without)
        reports = [r for pack in self._packs for r in pack.reports][:REPORTS]
        line(self._language, "demo_traffic", messages=len(messages), reports=len(reports))
        for product, device, payload in messages:
            gateway.publish(product, device, payload)
        gateway.wait_acknowledged(ACKNOWLEDGED_WAIT_S)
        metrics = {
            p: len(product.decoder.metrics) for pack in self._packs for p, product in pack.products.items()
        }
        times = {
            p: isinstance(product.decoder, JsonDecoder) and product.decoder.time is not None
            for pack in self._packs
            for p, product in pack.products.items()
        }
        self._expected["readings"] += sum(
            len(payload) - (1 if times[product] else 0)
            for product, _, payload in messages
            if metrics[product]
        )
        for report in reports:
            self._story.report_by_open311(report.text, report.lon, report.lat)
        self._expected["reports"] = len(reports) + 1
        self._expected["cases"] = self._expected["reports"] + 1

    def _count(self) -> bool:
        found = asyncio.run(self._counts())
        line(self._language, "demo_counts")
        for name, value in found.items():
            want = self._expected.get(name)
            mark = (
                ""
                if want is None
                else say("demo_right" if value == want else "demo_wrong", self._language, want=want)
            )
            print(f"  {value:>8}  {say('demo_count_' + name, self._language)}  {mark}", flush=True)
        whole = self._whole(found)
        line(self._language, "demo_whole" if whole else "demo_incomplete")
        return whole

    def _whole(self, found: dict[str, int]) -> bool:
        exact = all(found[name] == want for name, want in self._expected.items())
        return exact and found["automatic"] + found["on_desk"] == found["cases"] and not found["dead_letters"]

    async def _counts(self) -> dict[str, int]:
        child = Settings.from_environment(self._city.environment, project_root())
        deadline = time.monotonic() + STORED_WAIT_S
        async with open_database(child) as database:
            while True:
                async with database.transaction() as tx:
                    row = await (await tx.execute(QUERIES["demo_counts"])).fetchone() or {}
                found = {name: int(value) for name, value in row.items()}
                if self._whole(found) or time.monotonic() > deadline:
                    return found
                await asyncio.sleep(0.2)
