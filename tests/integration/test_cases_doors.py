"""Doors of other systems, patrol officers, voice, and the erasing of who reported."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI
from tests.integration.cases_support import CITY, SOUTH, Town, both, jpeg, town

from yunnao.infra.consumers import Event
from yunnao.kernel.ids import new_id
from yunnao.kernel.packs.doors import Doors, Retention
from yunnao.kernel.principal import SYSTEM
from yunnao.modules.cases.voice import http as voice_http

__all__ = ["town"]

TEXT = "路灯不亮，晚上一片漆黑"


@pytest.fixture
async def partner(town: Town) -> Town:
    """The town with two systems that bring cases, and a lighting officer on patrol."""
    async with town.database.transaction() as tx:
        for name in ("hotline", "other"):
            made = await town.identity.create_account(tx, SYSTEM, name, both(name), kind="system")
            _, town.tokens[name] = await town.identity.make_token(tx, SYSTEM, made.id, "t", timedelta(days=9))
        for name, department in (("patrol", "lighting"), ("street", "shinan")):
            made = await town.identity.create_account(
                tx, SYSTEM, name, both(name), ["field_worker"], department=department
            )
            _, town.tokens[name] = await town.identity.make_token(tx, SYSTEM, made.id, "t", timedelta(days=9))
    return town


def case(reference: str | None = None, **changes: Any) -> dict[str, Any]:
    return {"text": TEXT, "lon": SOUTH[0], "lat": SOUTH[1], "external_reference": reference, **changes}


async def test_a_number_of_another_system_is_one_case_for_that_system(partner: Town) -> None:
    answers = [
        await partner.call(who, "POST", "/api/v1/cases", json=case("H-1"))
        for who in ("hotline", "hotline", "other")
    ]
    assert [each.status_code for each in answers] == [201, 201, 201], answers[0].text
    ids = [each.json()["id"] for each in answers]
    assert ids[0] == ids[1] != ids[2]
    told = await partner.get("hotline", "/external-cases/H-1")
    assert (told["status"], told["department"]["id"]) == ("assigned", "lighting")
    assert (await partner.call("hotline", "GET", "/api/v1/external-cases/H-2")).status_code == 404
    assert (await partner.call(None, "GET", "/api/v1/external-cases/H-1")).status_code == 401
    for bad in ("", "x" * 201, "a\x00b", "a\nb"):
        answer = await partner.call("hotline", "POST", "/api/v1/cases", json=case(bad))
        assert answer.status_code == 422, bad


async def test_a_batch_tells_of_each_item_and_one_that_is_refused_holds_up_no_other(partner: Town) -> None:
    body = {
        "items": [case("B-1"), case("B-2", text=" "), case("B-1"), case(None, category="ZZ"), case("B-3")]
    }
    headers = {"Idempotency-Key": "b"}
    first, again = [
        await partner.call("hotline", "POST", "/api/v1/cases/batch", json=body, headers=headers)
        for _ in range(2)
    ]
    assert first.status_code == 200, first.text
    assert first.json() == again.json()
    items = first.json()["items"]
    assert [each["outcome"] for each in items] == ["opened", "refused", "known", "refused", "opened"]
    assert items[0]["case_id"] == items[2]["case_id"]
    assert items[1]["problem"]["code"] == "text_missing"
    assert items[3]["problem"]["detail"]["zh"] != "category_unknown"
    assert len(await partner.rows('SELECT 1 AS x FROM cases."case"')) == 2
    many = {"items": [case()] * 101}
    assert (await partner.call("hotline", "POST", "/api/v1/cases/batch", json=many)).status_code == 422
    assert (await partner.call("wang", "POST", "/api/v1/cases/batch", json=body)).status_code == 403


async def test_who_brought_a_case_is_told_once_when_it_changes(partner: Town) -> None:
    opened = (await partner.call("hotline", "POST", "/api/v1/cases", json=case("H-1"))).json()
    event = Event(new_id(), "cases.case.changed", partner.clock.now().isoformat(), {"case_id": opened["id"]})
    for _ in range(2):
        async with partner.database.transaction() as tx:
            await partner.cases.partners.tell(tx, event)
    # Under one key, so however often the event comes, nobody is told twice.
    kept = await partner.rows("SELECT key, params FROM notifications.notice WHERE template = 'partner_case'")
    assert len({each["key"] for each in kept}) == 1
    assert kept[0]["params"]["reference"] == "H-1"


async def photo(town: Town, account: str) -> str:
    answer = await town.call(
        account, "POST", "/api/v1/photos", files={"file": ("a.jpg", jpeg(), "image/jpeg")}
    )
    return str(answer.json()["id"])


async def finding(town: Town, account: str = "patrol", **changes: Any) -> httpx.Response:
    body = {
        "text": TEXT,
        "category": "L",
        "lon": SOUTH[0],
        "lat": SOUTH[1],
        "accuracy_m": 12.5,
        "observed_at": town.clock.now().isoformat(),
        "photos_before": [await photo(town, account)],
        **changes,
    }
    return await town.call(account, "POST", "/api/v1/patrol/findings", json=body)


async def test_a_finding_is_a_case_of_an_officer_with_its_place_accuracy_and_time(partner: Town) -> None:
    answer = await finding(partner)
    assert answer.status_code == 201, answer.text
    told = answer.json()
    assert (told["status"], told["source"]) == ("assigned", "officer")
    assert told["photos"][0]["stage"] == "before"
    entries = (await partner.get("patrol", f"/cases/{told['id']}/timeline"))["items"]
    observed = next(each for each in entries if each["event"] == "observed")
    assert observed["detail"]["accuracy_m"] == 12.5


@pytest.mark.parametrize("account", ["patrol", "street"])
async def test_what_was_settled_on_the_spot_waits_for_its_check(partner: Town, account: str) -> None:
    """Also where another department would have been responsible."""
    after = await photo(partner, account)
    answer = await finding(partner, account, handled=True, photos_after=[after], comment="已换灯泡")
    assert answer.status_code == 201, answer.text
    told = answer.json()
    assert told["status"] == "checking"
    assert told["department"]["id"] == {"patrol": "lighting", "street": "shinan"}[account]
    assert {each["stage"] for each in told["photos"]} == {"before", "after"}
    done = await partner.done("desk", told["id"], "pass")
    assert done["status"] == "closed"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"accuracy_m": 900}, "patrol_place_vague"),
        ({"observed_at": "2020-01-01T00:00:00Z"}, "patrol_time_implausible"),
        ({"photos_before": []}, "patrol_photo_missing"),
        ({"handled": True}, "patrol_proof_missing"),
        ({"category": "ZZ"}, "category_unknown"),
    ],
)
async def test_a_finding_that_proves_nothing_is_refused(
    partner: Town, changes: dict[str, Any], code: str
) -> None:
    answer = await finding(partner, **changes)
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert await partner.rows('SELECT 1 AS x FROM cases."case"') == []


async def test_voice_says_what_to_do_where_no_recogniser_is_connected(town: Town) -> None:
    files = {"file": ("a.wav", b"RIFF", "audio/wav")}
    answer = await town.call(None, "POST", "/api/v1/voice/transcripts", files=files)
    assert (answer.status_code, answer.json()["code"]) == (501, "speech_not_configured")
    assert "YUNNAO_SPEECH_URL" in answer.json()["detail"]

    class Recogniser:
        async def text(self, recording: bytes, media_type: str, language: str) -> str:
            return f"{len(recording)} {media_type} {language}"

    app = FastAPI()
    app.state.database, app.state.authenticate = town.app.state.database, town.app.state.authenticate
    app.include_router(voice_http.router(town.identity, Recogniser()))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://x") as client:
        heard = await client.post("/voice/transcripts", files=files)
    assert heard.json() == {"text": "4 audio/wav zh"}


async def closed(town: Town, **body: Any) -> dict[str, Any]:
    reporter = {"name": "张三", "phone": "13800001234"}
    told = await town.report("路灯不亮，晚上一片漆黑，电话13800001234", reporter=reporter, **body)
    for account, action, more in (
        ("lamps", "accept", {}),
        ("lamps", "finish", {"comment": "已修"}),
        ("desk", "pass", {}),
    ):
        await town.done(account, told["case_id"], action, **more)
    return told


async def test_a_reporter_erases_what_tells_who_it_was_once_the_case_is_closed(town: Town) -> None:
    picture = await photo(town, "wang")
    told = await town.report(
        account="wang", photos=[picture], reporter={"name": "王", "phone": "13800001234"}
    )
    path = f"/api/v1/cases/{told['case_id']}/reporter"
    assert (await town.call("wang", "DELETE", path)).status_code == 409
    assert (await town.call("zhao", "DELETE", path)).status_code == 404
    await town.rows("UPDATE cases.\"case\" SET status = 'rated', closed_at = now() RETURNING 1 AS x")
    assert (await town.call("desk", "DELETE", path)).status_code == 404
    assert (await town.call("wang", "DELETE", path)).status_code == 204
    row = (await town.rows('SELECT * FROM cases."case"'))[0]
    assert (row["reporter"], row["reporter_id"]) == (None, None)
    assert (await town.call("desk", "GET", f"/api/v1/photos/{picture}")).status_code == 404
    audit = await town.rows("SELECT 1 AS x FROM identity.audit WHERE action = 'case:erase_reporter'")
    assert len(audit) == 1


async def test_the_holder_of_the_tracking_code_may_erase_too(town: Town) -> None:
    told = await closed(town)
    path = f"/api/v1/reports/{told['tracking_code']}/reporter"
    assert (await town.call(None, "DELETE", path)).status_code == 204
    row = (await town.rows('SELECT text, title, reporter FROM cases."case"'))[0]
    assert row["reporter"] is None
    assert "13800001234" not in row["text"] + row["title"]
    assert (await town.get(None, f"/reports/{told['tracking_code']}"))["status"] == "closed"
    assert (await town.call(None, "DELETE", "/api/v1/reports/nothing/reporter")).status_code == 404


async def test_in_time_the_city_forgets_who_reported_in_batches_and_once(town: Town) -> None:
    manifest = CITY.manifest.model_copy(update={"doors": Doors(retention=Retention(reporter_days=30))})
    async with town.database.transaction() as tx:
        await town.cases.install_city(tx, CITY.model_copy(update={"manifest": manifest}))
    old = await closed(town)
    running = await town.report(reporter={"name": "李四"})
    town.clock.forward(days=29)
    async with town.database.transaction() as tx:
        assert await town.cases.privacy.run(tx) == 0
        town.clock.forward(days=2)
        assert await town.cases.privacy.run(tx) == 1
        assert await town.cases.privacy.run(tx) == 0
    kept = {row["id"]: row["reporter"] for row in await town.rows('SELECT id, reporter FROM cases."case"')}
    assert kept[UUID(old["case_id"])] is None
    assert kept[UUID(running["case_id"])] == {"name": "李四"}
    assert len(await town.rows("SELECT 1 AS x FROM identity.audit WHERE action = 'case:anonymise'")) == 1


async def test_the_report_on_personal_data_is_for_who_answers_for_it(town: Town) -> None:
    await town.report(reporter={"name": "李四"})
    assert (await town.call("desk", "GET", "/api/v1/personal-data")).status_code == 403
    told = await town.get("admin", "/personal-data")
    assert (told["reporters"], told["anonymised"], told["photos"]) == (1, 0, 0)
