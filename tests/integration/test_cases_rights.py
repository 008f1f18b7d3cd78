"""Who may see and do what; personal data; tracking codes; photos."""

import re

from PIL import Image
from tests.integration.cases_support import SOUTH, Town, jpeg, town

__all__ = ["town"]

REPORTER = {"name": "张三丰", "phone": "13800001234"}
TEXT = "路灯不亮，请打13900005678找我，身份证370202199001011234"


async def test_somebody_elses_case_does_not_exist_for_others(town: Town) -> None:
    case_id = (await town.report(account="wang"))["case_id"]
    for account in ("zhao", "south", "admin"):
        for path in ("", "/timeline", "/flow"):
            answer = await town.call(account, "GET", f"/api/v1/cases/{case_id}{path}")
            assert answer.status_code == 404, (account, path)
        assert (await town.act(account, case_id, "accept")).status_code == 404
    assert (await town.call(None, "GET", f"/api/v1/cases/{case_id}")).status_code == 401
    assert (await town.act("leader", case_id, "accept")).status_code == 403
    assert (await town.get("wang", f"/cases/{case_id}"))["number"]
    assert [c["id"] for c in (await town.get("wang", "/cases"))["items"]] == [case_id]
    assert (await town.get("zhao", "/cases"))["items"] == []
    assert (await town.get("south", "/cases"))["items"] == []


async def test_the_reporter_is_masked_without_the_right_and_each_look_is_audited(town: Town) -> None:
    case_id = (await town.report(TEXT, reporter=REPORTER))["case_id"]
    seen = await town.get("desk", f"/cases/{case_id}")
    assert seen["reporter"]["name"] == "张三丰"
    assert "13900005678" in seen["text"]
    looks = "SELECT action FROM identity.audit WHERE action = 'case:read_reporter'"
    assert len(await town.rows(looks)) == 1

    masked = await town.get("leader", f"/cases/{case_id}")
    assert masked["reporter"] == {"name": "张**", "phone": "138****1234", "email": None, "masked": True}
    assert "139****5678" in masked["text"]
    assert "370202********1234" in masked["text"]
    listed = (await town.get("desk", "/cases"))["items"][0]
    assert "13900005678" not in listed["text"]
    assert "reporter" not in listed
    assert len(await town.rows(looks)) == 1


async def test_a_tracking_code_opens_one_report_and_cannot_be_guessed(town: Town) -> None:
    told = await town.report(reporter=REPORTER)
    code = told["tracking_code"]
    assert re.fullmatch(r"([0-9A-HJKMNP-TV-Z]{4}-){3}[0-9A-HJKMNP-TV-Z]{4}", code)
    view = await town.get(None, f"/reports/{code.lower().replace('-', '')}")
    assert view["number"] == told["number"]
    assert view["department"]["id"] == "lighting"
    assert [entry["what"]["zh"] for entry in view["timeline"]] == ["上报", "自动派遣"]
    assert view["can_rate"] is False
    stored = await town.rows('SELECT to_jsonb(c)::text AS row FROM cases."case" c')
    assert code not in stored[0]["row"]
    for wrong in ("0000-0000-0000-0000", "x", "A" * 500, "'; DROP TABLE"):
        answer = await town.call(None, "GET", f"/api/v1/reports/{wrong}")
        assert answer.status_code == 404
    early = await town.call(None, "POST", f"/api/v1/reports/{code}/rating", json={"score": 5})
    assert early.status_code == 409


async def test_a_citizen_reads_the_answer_and_not_what_offices_write_to_each_other(town: Town) -> None:
    told = await town.report()
    case_id = told["case_id"]
    await town.done("lamps", case_id, "return", comment="内部：不归我们管")
    await town.done("desk", case_id, "assign", department="lighting", comment="内部：就是你们")
    await town.done("lamps", case_id, "accept")
    await town.done("lamps", case_id, "finish", comment="灯修好了")
    view = await town.get(None, f"/reports/{told['tracking_code']}")
    assert [entry["comment"] for entry in view["timeline"] if entry["comment"]] == ["灯修好了"]
    assert not any("actor" in entry for entry in view["timeline"])


async def send_photo(town: Town, account: str | None, content: bytes) -> dict[str, str]:
    answer = await town.call(account, "POST", "/api/v1/photos", files={"file": ("p.jpg", content)})
    assert answer.status_code == 201, answer.text
    told: dict[str, str] = answer.json()
    return told


def with_place() -> bytes:
    exif = Image.Exif()
    exif[0x8825] = {1: "N", 2: (36.0, 4.0, 12.0), 3: "E", 4: (120.0, 22.0, 48.0)}
    exif[0x8769] = {0x9003: "2026:11:23 09:30:00", 0x9011: "+08:00"}
    return jpeg(4000, 100, exif=exif)


async def test_a_photo_tells_its_place_and_keeps_no_metadata(town: Town) -> None:
    photo = await send_photo(town, "wang", with_place())
    told = await town.report(account="wang", photos=[photo["id"]], lon=None, lat=None)
    case = await town.get("lamps", f"/cases/{told['case_id']}")
    assert abs(case["lon"] - 120.38) < 1e-6
    assert abs(case["lat"] - 36.07) < 1e-6
    assert case["photos"][0]["taken_at"] == "2026-11-23T01:30:00Z"

    answer = await town.call("lamps", "GET", photo["url"])
    assert answer.status_code == 200
    assert answer.headers["x-content-type-options"] == "nosniff"
    from io import BytesIO

    with Image.open(BytesIO(answer.content)) as image:
        assert image.size[0] == 2560
        assert not image.getexif()
    assert (await town.call("lamps", "GET", photo["thumb_url"])).status_code == 200


async def test_photos_are_shown_only_to_who_may_see_their_case(town: Town) -> None:
    photo = await send_photo(town, None, jpeg())
    assert (await town.call(None, "GET", photo["url"])).status_code == 401
    assert (await town.call("zhao", "GET", photo["url"])).status_code == 404
    told = await town.report(photos=[photo["id"]])
    other = await town.report()
    assert (await town.call("zhao", "GET", photo["url"])).status_code == 404
    assert (await town.call("south", "GET", photo["url"])).status_code == 404
    view = await town.get(None, f"/reports/{told['tracking_code']}")
    assert (await town.call(None, "GET", view["photos"][0]["url"])).status_code == 200
    guessed = f"/api/v1/reports/{other['tracking_code']}/photos/{photo['id']}"
    assert (await town.call(None, "GET", guessed)).status_code == 404
    taken = await town.call(
        None, "POST", "/api/v1/reports", json={"text": "路灯坏了", "photos": [photo["id"]]}
    )
    assert taken.status_code == 422
    assert taken.json()["code"] == "photo_unknown"


async def test_a_broken_photo_is_refused_with_its_reason(town: Town) -> None:
    svg = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
    for content in (b"", b"no picture", jpeg()[:200], svg, b"GIF89a" + b"\x00" * 50):
        answer = await town.call(None, "POST", "/api/v1/photos", files={"file": ("p.jpg", content)})
        assert answer.status_code == 422, content[:20]
        assert answer.json()["code"] == "photo_unreadable"
    bomb = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\xff\xff\x00\x00\xff\xff\x08\x02\x00\x00\x00"
    answer = await town.call(None, "POST", "/api/v1/photos", files={"file": ("p.png", bomb + b"\x00" * 99)})
    assert answer.status_code == 422


async def test_evidence_of_the_handler_stands_on_the_timeline(town: Town) -> None:
    case_id = (await town.report())["case_id"]
    photo = await send_photo(town, "lamps", jpeg())
    await town.done("lamps", case_id, "accept")
    await town.done("lamps", case_id, "finish", comment="已修好", photos=[photo["id"]])
    entry = (await town.get("desk", f"/cases/{case_id}/timeline"))["items"][-1]
    assert entry["comment"] == "已修好"
    assert entry["actor"]["name"]["zh"] == "lamps"
    assert (await town.call("desk", "GET", entry["photos"][0]["url"])).status_code == 200


async def test_what_is_known_nearby_tells_nothing_personal(town: Town) -> None:
    await town.report(TEXT, reporter=REPORTER)
    near = await town.call(None, "GET", f"/api/v1/reports/near?lon={SOUTH[0]}&lat={SOUTH[1]}")
    assert "139" not in near.text.replace(near.json()["items"][0]["number"], "")
    assert "张" not in near.text
