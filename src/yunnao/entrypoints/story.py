"""The people of the demonstration: they act through the same HTTP API as everybody."""

import asyncio
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from yunnao.bootstrap import Platform, open_platform
from yunnao.infra.child_city import ChildCity
from yunnao.infra.paths import project_root
from yunnao.infra.settings import Settings
from yunnao.kernel.errors import Unavailable
from yunnao.kernel.packs.decoders import JsonDecoder
from yunnao.kernel.packs.scene import Rhythm, ScenePack
from yunnao.kernel.principal import SYSTEM
from yunnao.kernel.text import Language, Text, catalogue

POLL_S = 0.1
STEP_WAIT_S = 30.0
FLOOD_LEVEL_M = 0.22
FLOOD_AGES_S = (120, 90, 60, 30, 0)
CALM_SHARE = 0.5
ROUND_S = 2
Message = tuple[str, str, dict[str, Any]]
"""Product, device, payload."""


def flood_messages() -> list[dict[str, Any]]:
    """Water over the alarm's bound for two minutes, as an underpass sensor says it (level in metres)."""
    now = datetime.now(UTC)
    return [
        {"level": FLOOD_LEVEL_M, "t": (now - timedelta(seconds=age)).isoformat(timespec="milliseconds")}
        for age in FLOOD_AGES_S
    ]


def calm_messages(packs: Sequence[ScenePack], rounds: int, without: str) -> list[Message]:
    """Every synthetic device that speaks JSON but one, `rounds` times, at its resting values."""
    now = datetime.now(UTC)
    messages: list[Message] = []
    for pack in packs:
        for device in pack.devices:
            decoder = pack.products[device.product].decoder
            if not isinstance(decoder, JsonDecoder):
                continue
            values = {
                pointer.lstrip("/"): _resting(device.rhythm[metric], device.attributes)
                for metric, pointer in decoder.metrics.items()
                if metric in device.rhythm
            }
            if not values or device.device == without:
                continue
            for turn in range(rounds):
                at = (now - timedelta(seconds=(rounds - turn) * ROUND_S)).isoformat(timespec="milliseconds")
                time_key = {decoder.time.lstrip("/"): at} if decoder.time else {}
                messages.append((device.product, device.device, {**values, **time_key}))
    return messages


def _resting(rhythm: Rhythm, attributes: Mapping[str, Any]) -> float:
    if rhythm.share_of:
        return float(round(CALM_SHARE * float(attributes[rhythm.share_of])))
    return rhythm.base


class Story:
    """A citizen, a dispatcher and the department's staff at work in a child city."""

    def __init__(self, city: ChildCity) -> None:
        self._city = city
        self._citizen = httpx.Client(base_url=f"{city.base_url}/api/v1", timeout=30)
        self._dispatcher = city.signed_in(city.accounts()["dispatcher"])
        self._staff: dict[str, httpx.Client] = {}
        self._key: str | None = None

    def report(self, text: str, lon: float | None, lat: float | None) -> dict[str, Any]:
        """A citizen's report; returns case_id, number and tracking_code."""
        answer = self._citizen.post("/reports", json={"text": text, "lon": lon, "lat": lat})
        answer.raise_for_status()
        return dict(answer.json())

    def report_by_open311(self, text: str, lon: float, lat: float) -> None:
        """A report that another system passes on: Open311 GeoReport v2, POST requests."""
        form = {
            "api_key": self._api_key(),
            "service_code": "auto",
            "description": text,
            "long": lon,
            "lat": lat,
        }
        self._citizen.post(f"{self._city.base_url}/open311/v2/requests.json", data=form).raise_for_status()

    def _api_key(self) -> str:
        if self._key is None:
            made = self._dispatcher.post("/tokens", json={"name": "demo", "expires_in_days": 1})
            self._key = str(made.raise_for_status().json()["token"])
        return self._key

    def alarm(self, device: str) -> dict[str, Any]:
        """The newest alarm of `device` that has a case; raises Unavailable when none comes in time."""

        def found() -> dict[str, Any] | None:
            items = self._dispatcher.get("/alarms", params={"limit": 200}).json()["items"]
            return next((a for a in items if a["device"] == device and a["case_id"]), None)

        return self._until(found)

    def case(self, case_id: str) -> dict[str, Any]:
        return dict(self._dispatcher.get(f"/cases/{case_id}").raise_for_status().json())

    def handle(self, case_id: str, language: Language) -> None:
        """Everything from the desk to the closing, each step by whoever has the right to it."""
        case = self.case(case_id)
        if case["status"] == "desk":
            case = self._act(self._dispatcher, case_id, "assign", department=self._suggested(case))
        staff = self._staff_of(case["department"]["id"])
        if case["status"] == "assigned":
            self._act(staff, case_id, "accept")
        self._act(staff, case_id, "finish", comment=catalogue()["demo_finish_comment"].to(language))
        self._act(self._dispatcher, case_id, "pass")

    def rate(self, case_id: str, score: int) -> None:
        """The centre's own rating, where no citizen reported."""
        self._act(self._dispatcher, case_id, "rate", score=score)

    def rate_by_code(self, code: str, score: int) -> None:
        self._citizen.post(f"/reports/{code}/rating", json={"score": score}).raise_for_status()

    def timeline(self, case_id: str, language: Language) -> list[tuple[str, str]]:
        """(time, what and who) of everything that happened."""
        items = self._dispatcher.get(f"/cases/{case_id}/timeline").raise_for_status().json()["items"]
        return [(item["time"], self._told(item, language)) for item in items]

    def _told(self, item: Mapping[str, Any], language: Language) -> str:
        parts = [Text(**item["label"]).to(language), Text(**item["actor"]["name"]).to(language)]
        if item.get("department"):
            parts.append(Text(**item["department"]["name"]).to(language))
        if item.get("comment"):
            parts.append(item["comment"])
        return " · ".join(parts)

    def _act(self, who: httpx.Client, case_id: str, action: str, **data: Any) -> dict[str, Any]:
        return dict(who.post(f"/cases/{case_id}/actions/{action}", json=data).raise_for_status().json())

    def _suggested(self, case: Mapping[str, Any]) -> str:
        department = case["dispatch"]["department"] or self._city.accounts()["department_staff"]["department"]
        return str(department["id"] if isinstance(department, Mapping) else department)

    def _staff_of(self, department: str) -> httpx.Client:
        if department not in self._staff:
            password = secrets.token_urlsafe(12)
            account = asyncio.run(self._hire(department, password))
            self._staff[department] = self._city.signed_in({"account": account, "password": password})
        return self._staff[department]

    async def _hire(self, department: str, password: str) -> str:
        settings = Settings.from_environment(self._city.environment, project_root())
        account = f"demo-{department}"[:60]
        async with open_platform(settings, "demo") as platform, platform.database.transaction() as tx:
            await _create_staff(platform, tx, account, department, password)
        return account

    def _until(self, found: Callable[[], dict[str, Any] | None]) -> dict[str, Any]:
        deadline = time.monotonic() + STEP_WAIT_S
        while time.monotonic() < deadline:
            item = found()
            if item:
                return item
            time.sleep(POLL_S)
        raise Unavailable("demo_step_missing")


async def _create_staff(platform: Platform, tx: Any, account: str, department: str, password: str) -> None:
    await platform.identity.create_account(
        tx,
        SYSTEM,
        account,
        catalogue()["demo_staff_name"],
        ["department_staff"],
        department=department,
        password=password,
    )
