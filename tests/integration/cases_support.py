"""A small city with one scene, its staff and its doors, for tests of the case centre."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import httpx
import pytest
from fastapi import APIRouter, FastAPI
from PIL import Image

from yunnao.infra import http as edge
from yunnao.infra.consumers import Event
from yunnao.infra.files import FileStore
from yunnao.infra.paths import project_root
from yunnao.infra.postgres import Database
from yunnao.infra.webhook_targets import Targets
from yunnao.kernel.ids import new_id
from yunnao.kernel.packs.city import Area, CalendarFile, CityManifest, CityPack, Department, Duty
from yunnao.kernel.packs.scene import CaseType, Category, Deadline, SceneManifest, ScenePack
from yunnao.kernel.principal import SYSTEM
from yunnao.kernel.text import Text
from yunnao.modules.cases import http as cases_http
from yunnao.modules.cases.facade import Cases
from yunnao.modules.cases.open311 import http as open311_http
from yunnao.modules.geography.facade import Geography
from yunnao.modules.identity import http as identity_http
from yunnao.modules.identity.facade import Identity, Policies
from yunnao.modules.notifications.facade import Notifications, Ways

POLICIES = Policies.load()
START = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)  # Monday, 10:00 in Qingdao
SOUTH = (120.38, 36.07)
NORTH = (120.38, 36.12)
OUTSIDE = (10.0, 50.0)

LAMP_TEXTS = [
    "路灯不亮，晚上一片漆黑",
    "小区门口的路灯坏了三天",
    "路灯一闪一闪的",
    "整条街的路灯都不亮了",
    "路灯杆歪了灯也灭了",
    "楼下路灯白天亮晚上灭",
    "路灯不亮老人摔倒了",
    "公园路灯全灭",
    "人行道路灯损坏",
    "路灯坏了请维修",
]
WASTE_TEXTS = [
    "垃圾堆了一个星期没人清运",
    "路边垃圾成堆，臭气熏天",
    "垃圾桶满了没人收",
    "有人乱扔垃圾",
    "生活垃圾堆在路口",
    "垃圾没有及时清理",
    "垃圾遍地苍蝇很多",
    "墙角一大堆垃圾",
    "草坪上都是垃圾",
    "垃圾清运车一直不来",
]


def both(zh: str) -> Text:
    return Text(zh=zh, en=zh)


def box(west: float, south: float, east: float, north: float) -> dict[str, object]:
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return {"type": "Polygon", "coordinates": [ring]}


CITY = CityPack(
    manifest=CityManifest(
        city="qingdao",
        code="370200",
        version="1.0.0",
        name=both("青岛"),
        centre=SOUTH,
        bounds=(120.0, 36.0, 121.0, 37.0),
        dispatch_confidence_min=0.7,
    ),
    areas=[
        Area(code="370202", name=both("市南区"), level="district"),
        Area(code="370203", name=both("市北区"), level="district"),
        Area(code="370202001", name=both("香港中路街道"), level="street", parent="370202"),
    ],
    shapes={
        "370202": box(120.3, 36.05, 120.5, 36.1),
        "370203": box(120.3, 36.1, 120.5, 36.2),
        "370202001": box(120.3, 36.05, 120.5, 36.1),
    },
    departments=[
        Department(id="hotline-centre", name=both("热线中心")),
        Department(id="lighting", name=both("路灯管理处"), kind="utility"),
        Department(id="shinan", name=both("市南区政府"), kind="district", area="370202"),
        Department(id="shibei", name=both("市北区政府"), kind="district", area="370203"),
        Department(id="traffic", name=both("交警支队")),
        Department(id="drainage", name=both("排水公司"), kind="utility"),
    ],
    duties=[
        Duty(category="L", department="lighting"),
        Duty(category="G", department="{district}"),
        Duty(category="W", department="drainage"),
        Duty(category="T", department="traffic"),
    ],
    fallback="hotline-centre",
    roles={"citizen": both("市民")},
    calendar=CalendarFile(hours=[("09:00", "12:00"), ("13:00", "17:00")]),
)

SCENE = ScenePack(
    manifest=SceneManifest(scene="test-scene", version="1.0.0", name=both("测试"), description=both("测试")),
    categories={
        "A": Category(name=both("市容"), deadline=Deadline(limit_h=8)),
        "L": Category(name=both("路灯"), parent="A", keywords=["路灯", "不亮"]),
        "G": Category(name=both("垃圾"), parent="A", keywords=["垃圾", "清运"], deadline=Deadline(limit_h=4)),
        "W": Category(name=both("积水"), deadline=Deadline(limit_h=2, clock="urgent")),
        "T": Category(name=both("交通管制")),
    },
    case_types={
        "report": CaseType(
            label=both("市民上报"),
            flow="flows/case.bpmn",
            deadline=Deadline(limit_h=16),
            reported_by=["citizen", "officer", "alarm"],
            form={
                "type": "object",
                "properties": {"quantity": {"type": "integer", "minimum": 1}, "note": {"type": "string"}},
                "additionalProperties": False,
            },
        )
    },
    flows={
        "flows/case.bpmn": (project_root() / "scenes/urban-management/flows/case.bpmn").read_text("utf-8")
    },
    examples={"L": LAMP_TEXTS, "G": WASTE_TEXTS},
)

STAFF = {
    "desk": (["dispatcher"], None),
    "lamps": (["department_staff"], "lighting"),
    "south": (["department_staff"], "shinan"),
    "traffic": (["department_staff"], "traffic"),
    "leader": (["leader"], None),
    "wang": (["citizen"], None),
    "zhao": (["citizen"], None),
    "admin": (["administrator"], None),
}


@dataclass
class HandClock:
    """A clock that a test turns."""

    moment: datetime = START

    def now(self) -> datetime:
        return self.moment

    def forward(self, **span: float) -> None:
        self.moment += timedelta(**span)


@dataclass
class Town:
    """The city under test."""

    app: FastAPI
    database: Database
    cases: Cases
    identity: Identity
    clock: HandClock
    tokens: dict[str, str] = field(default_factory=dict)

    def client(self, account: str | None = None, **headers: str) -> httpx.AsyncClient:
        if account is not None:
            headers["Authorization"] = f"Bearer {self.tokens[account]}"
        return httpx.AsyncClient(
            transport=httpx.ASGITransport(self.app), base_url="http://city", headers=headers
        )

    async def call(self, account: str | None, method: str, path: str, **options: Any) -> httpx.Response:
        async with self.client(account) as client:
            return await client.request(method, path, **options)

    async def get(self, account: str | None, path: str, **options: Any) -> Any:
        answer = await self.call(account, "GET", f"/api/v1{path}", **options)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def report(self, text: str = "路灯不亮，晚上一片漆黑", **body: Any) -> dict[str, Any]:
        place = {"lon": SOUTH[0], "lat": SOUTH[1]}
        account = body.pop("account", None)
        answer = await self.call(account, "POST", "/api/v1/reports", json={"text": text, **place, **body})
        assert answer.status_code == 201, answer.text
        told: dict[str, Any] = answer.json()
        return told

    async def act(self, account: str, case_id: str, action: str, **body: Any) -> httpx.Response:
        return await self.call(account, "POST", f"/api/v1/cases/{case_id}/actions/{action}", json=body)

    async def done(self, account: str, case_id: str, action: str, **body: Any) -> dict[str, Any]:
        answer = await self.act(account, case_id, action, **body)
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()
        return told

    async def rows(self, sql: str, *params: Any) -> list[dict[str, Any]]:
        async with self.database.transaction() as tx:
            return await (await tx.execute(sql.encode(), params)).fetchall()

    async def alarm(self, event: Event) -> None:
        async with self.database.transaction() as tx:
            await self.cases.on_alarm(tx, event)


@pytest.fixture
async def town(database_url: str, tmp_path: Path) -> AsyncIterator[Town]:
    clock = HandClock()
    identity = Identity(clock, POLICIES)
    geography = Geography(clock)
    notifications = Notifications(clock, identity, ZoneInfo("Asia/Shanghai"), Ways(Targets()))
    cases = Cases(clock, identity, geography, FileStore(f"file://{tmp_path}/files"), notifications)
    async with Database(database_url) as database:
        async with database.transaction() as tx:
            await identity.install(tx, CITY, demo=False)
            await geography.install(tx, CITY)
            await cases.install_city(tx, CITY)
            await cases.install_scene(tx, SCENE)
            await cases.ensure_trained(tx)
        app = FastAPI()
        edge.install(app, database, identity_http.authenticator(identity))
        api = APIRouter(prefix="/api/v1")
        api.include_router(cases_http.router(cases, identity))
        app.include_router(api)
        app.include_router(open311_http.router(cases, identity))
        found = Town(app, database, cases, identity, clock)
        async with database.transaction() as tx:
            for name, (roles, department) in STAFF.items():
                account = await identity.create_account(
                    tx, SYSTEM, name, both(name), roles, department=department
                )
                _, found.tokens[name] = await identity.make_token(
                    tx, SYSTEM, account.id, "test", timedelta(days=9)
                )
        yield found


def alarm_event(**changes: Any) -> Event:
    data = {
        "alarm_id": str(uuid4()),
        "rule": "underpass-flooded",
        "scene": "test-scene",
        "device": "d-1",
        "entity": "urn:ngsi-ld:Underpass:1",
        "entity_name": {"zh": "一号下穿通道", "en": "Underpass 1"},
        "lon": SOUTH[0],
        "lat": SOUTH[1],
        "value": 0.31,
        "severity": "severe",
        "message": {"zh": "一号下穿通道积水 0.31 米", "en": "Underpass 1 is flooded by 0.31 m"},
        "case": {"case_type": "report", "category": "W", "inform": ["T"]},
        "opened_at": START.isoformat(),
        "trace_id": "0af7651916cd43dd8448eb211c80319c",
    }
    return Event(new_id(), "sensing.alarm.opened", START.isoformat(), {**data, **changes})


def jpeg(width: int = 64, height: int = 48, **options: Any) -> bytes:
    out = BytesIO()
    Image.new("RGB", (width, height), (200, 30, 30)).save(out, "JPEG", **options)
    return out.getvalue()
