"""What leaders, officers and citizens do in the browser, against a running city."""

import asyncio
import io
import re
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Any

import pytest
from PIL import Image
from playwright.async_api import Page, expect
from tests.e2e.conftest import DESKTOP, PHONE, WALL, Console, Report

from yunnao.infra.child_city import ChildCity

BROKEN_COVER = "香港中路人行道上雨水井盖丢失，晚上很危险，请尽快处理。"
FLOODED = "WL-U-hangzhou-rd-rail"
UNCLEAR = "你好，我想问一下，谢谢。"


def marked(name: str) -> str:
    return f'[data-test="{name}"]'


def a_photo() -> dict[str, Any]:
    """A photo larger than what the page sends on."""
    raw = io.BytesIO()
    Image.effect_noise((2600, 1700), 40).convert("RGB").save(raw, "JPEG")
    return {"name": "cover.jpg", "mimeType": "image/jpeg", "buffer": raw.getvalue()}


async def until(holds: Callable[[], object], patience_s: float = 30) -> bool:
    """Whether `holds` came true in time."""
    deadline = monotonic() + patience_s
    while not holds():
        if monotonic() > deadline:
            return False
        await asyncio.sleep(0.5)
    return True


async def fits(page: Page) -> bool:
    """Whether nothing sticks out to the side."""
    return bool(await page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"))


def hand_to_drainage(city: ChildCity, case_id: str) -> None:
    """Puts a case into the hands of the department whose demo account is `drainage`."""
    accounts = city.accounts()
    with closing(city.signed_in(accounts["department_staff"])) as staff:
        department = staff.get("/session").json()["account"]["department"]["id"]
    with closing(city.signed_in(accounts["dispatcher"])) as dispatcher:
        case = dispatcher.get(f"/cases/{case_id}").json()
        if (case["department"] or {}).get("id") == department:
            return
        action = "assign" if case["status"] == "desk" else "reassign"
        answer = dispatcher.post(f"/cases/{case_id}/actions/{action}", json={"department": department})
        assert answer.status_code == 200, answer.text


def finish(city: ChildCity, case_id: str) -> None:
    """Carries a case to its closing, each step by whoever may take it."""
    hand_to_drainage(city, case_id)
    accounts = city.accounts()
    steps = [
        ("department_staff", "accept", {}),
        ("department_staff", "finish", {"comment": "已补装井盖。"}),
        ("dispatcher", "pass", {}),
    ]
    for role, action, body in steps:
        with closing(city.signed_in(accounts[role])) as client:
            answer = client.post(f"/cases/{case_id}/actions/{action}", json=body)
            assert answer.status_code == 200, answer.text


@pytest.mark.parametrize(("language", "word"), [("zh", "演示账号"), ("en", "Demo accounts")])
async def test_a_demo_account_signs_in_with_one_click_and_out_again(
    console: Console, language: str, word: str
) -> None:
    page = await console.open("/", language=language)
    await expect(page.get_by_role("heading", name=word)).to_be_visible()
    await page.click('[data-role="dispatcher"]')
    await page.wait_for_url("**/desk")
    await expect(page.get_by_text("合成数据" if language == "zh" else "Synthetic data")).to_be_visible()
    await page.click(marked("account"))
    await page.click(marked("sign-out"))
    await page.wait_for_url("**/signin")


async def test_a_wrong_password_is_told_in_a_sentence(console: Console) -> None:
    page = await console.open("/signin", language="en")
    await page.fill("#account", "nobody")
    await page.fill("#password", "wrong")
    await page.click(marked("sign-in"))
    await expect(page.get_by_role("alert")).to_contain_text("wrong")
    # A refused sign-in is an answer that browsers note as an error by themselves.
    console.complaints[:] = [c for c in console.complaints if "401" not in c]


async def test_language_and_theme_are_remembered(console: Console) -> None:
    page = await console.open("/report", language="zh")
    await page.click(marked("language"))
    await page.click(marked("theme"))
    theme = await page.get_attribute("html", "data-theme")
    await page.reload()
    await expect(page.get_by_role("heading", name="Report a problem")).to_be_visible()
    assert await page.get_attribute("html", "data-theme") == theme
    assert await page.get_attribute("html", "lang") == "en"


@pytest.mark.parametrize(("language", "size"), [("zh", WALL), ("en", DESKTOP)])
async def test_the_cockpit_shows_the_map_and_what_happens_now(
    console: Console, report: Report, language: str, size: dict[str, int]
) -> None:
    page = await console.signed_in("leader", "/cockpit", size=size, language=language)
    await expect(page.locator(f'{marked("cockpit-map")}[data-ready="true"]')).to_be_visible()
    await expect(page.locator(".district-label").first).to_be_visible()
    await expect(page.get_by_text("实时" if language == "zh" else "Live", exact=True).last).to_be_visible()
    sent = await report(BROKEN_COVER)
    line = page.locator(f"{marked('events')} li", has_text=sent["number"]).first
    await expect(line).to_be_visible()
    await expect(page.locator(f"{marked('stat-cases-today')} .value")).not_to_have_text("0")
    assert await fits(page)
    await line.locator("a").click()
    await expect(page.locator(marked("case-number"))).to_have_text(sent["number"])


async def test_a_number_of_the_cockpit_opens_the_cases_behind_it(console: Console, report: Report) -> None:
    await report(UNCLEAR)
    page = await console.signed_in("leader", "/cockpit")
    await page.click(marked("stat-desk"))
    await page.wait_for_url("**/cases?status=desk")
    await expect(page.locator(f'{marked("case-item")}[data-status="desk"]').first).to_be_visible()
    assert (
        await page.locator(marked("case-item")).count()
        == await page.locator(f'{marked("case-item")}[data-status="desk"]').count()
    )


async def test_a_dispatcher_accepts_a_suggestion_with_the_keyboard(console: Console, report: Report) -> None:
    sent = await report(UNCLEAR + "<script>alert(1)</script>")
    page = await console.signed_in("dispatcher", "/cases?status=desk", language="en")
    await expect(page.locator(marked("case-item")).first).to_be_visible()
    await page.keyboard.press("j")
    await expect(page.locator(marked("case-number"))).to_have_text(sent["number"])
    await expect(page.locator(marked("case-detail"))).to_contain_text("<script>alert(1)</script>")
    await expect(page.locator(marked("dispatch"))).to_contain_text("Suggestion")
    await expect(page.locator(f"{marked('flow')}[data-current]")).to_be_visible()
    await page.keyboard.press("Enter")
    await expect(page.locator(f'{marked("case-detail")}[data-status="assigned"]')).to_be_visible()
    assert await page.locator(f"{marked('timeline')} li").count() >= 2


@pytest.mark.parametrize(("language", "size"), [("zh", DESKTOP), ("en", PHONE)])
async def test_a_department_accepts_and_finishes_a_case(
    console: Console, report: Report, language: str, size: dict[str, int]
) -> None:
    sent = await report(BROKEN_COVER)
    hand_to_drainage(console.city, sent["case_id"])
    page = await console.signed_in("drainage", "/cases", size=size, language=language)
    await page.click(f'{marked("case-item")}[data-id="{sent["case_id"]}"]')
    await page.click(marked("action-accept"))
    await expect(page.locator(f'{marked("case-detail")}[data-status="handling"]')).to_be_visible()
    await page.click(marked("action-finish"))
    await page.click(marked("action-submit"))
    await expect(page.locator(marked("actions")).get_by_role("alert")).to_be_visible()
    await page.fill(marked("action-comment"), "已补装井盖，现场恢复通行。")
    await page.locator(f"{marked('actions')} {marked('photo-input')}").set_input_files([a_photo()])  # type: ignore[list-item]
    await expect(page.locator('.photo[data-state="sent"]')).to_be_visible()
    await page.click(marked("action-submit"))
    await expect(page.locator(f'{marked("case-detail")}[data-status="checking"]')).to_be_visible()
    await expect(page.locator(marked("timeline"))).to_contain_text("已补装井盖")
    assert await fits(page)


async def test_a_department_that_returns_a_case_is_told_that_it_has_gone(
    console: Console, report: Report
) -> None:
    sent = await report(BROKEN_COVER)
    hand_to_drainage(console.city, sent["case_id"])
    page = await console.signed_in("drainage", "/cases", language="en")
    await page.click(f'{marked("case-item")}[data-id="{sent["case_id"]}"]')
    await page.click(marked("action-return"))
    await page.fill(marked("action-comment"), "不属于我们的管辖范围。")
    await page.click(marked("action-submit"))
    await expect(page.get_by_text("The case has gone to others")).to_be_visible()
    await expect(page.locator(marked("case-detail"))).to_have_count(0)


@pytest.mark.parametrize("language", ["zh", "en"])
async def test_a_citizen_reports_on_a_phone_tracks_and_rates(console: Console, language: str) -> None:
    page = await console.open(
        "/report",
        size=PHONE,
        language=language,
        geolocation={"longitude": 120.3826, "latitude": 36.0671},
        permissions=["geolocation"],
    )
    await page.fill(marked("report-text"), BROKEN_COVER + "<script>alert(1)</script>")
    await page.locator(marked("photo-input")).set_input_files([a_photo()])  # type: ignore[list-item]
    await page.click(marked("locate"))
    await expect(page.locator(marked("place"))).to_contain_text("市南区" if language == "zh" else "Shinan")
    await expect(page.locator('.photo[data-state="sent"]')).to_be_visible()
    assert await fits(page)
    async with page.expect_response(re.compile(r"/api/v1/reports$")) as answered:
        await page.click(marked("report-submit"))
    case_id = (await (await answered.value).json())["case_id"]
    await expect(page.locator(marked("tracking-code"))).not_to_be_empty()
    await page.click(marked("see-progress"))
    await expect(page.locator(marked("track-status"))).to_be_visible()
    await expect(page.get_by_text("<script>alert(1)</script>")).to_be_visible()
    await expect(page.locator(marked("rate"))).to_have_count(0)

    finish(console.city, case_id)
    await page.reload()
    await expect(page.locator(f'{marked("track-status")}[data-status="closed"]')).to_be_visible()
    await page.locator("label", has=page.locator(marked("star-5"))).click()
    await page.click(marked("rate-send"))
    await expect(page.locator(marked("rated"))).to_be_visible()
    await expect(page.locator(f'{marked("track-status")}[data-status="rated"]')).to_be_visible()
    assert await fits(page)


async def test_a_citizen_picks_the_place_on_the_map(console: Console) -> None:
    page = await console.open("/report", size=PHONE)
    await page.click(marked("pick-on-map"))
    await page.click(marked("picker-use"))
    await expect(page.locator(marked("place"))).to_be_visible()


async def test_a_report_without_words_or_place_says_what_is_missing(console: Console) -> None:
    page = await console.open("/report", size=PHONE, language="en")
    await page.click(marked("report-submit"))
    await expect(page.get_by_text("Please say in a sentence")).to_be_visible()
    await expect(page.get_by_text("Give a position or an address")).to_be_visible()


async def test_a_report_written_without_network_is_sent_once_when_it_returns(console: Console) -> None:
    page = await console.open("/report", size=PHONE, language="en")
    await page.fill(marked("report-text"), BROKEN_COVER)
    await page.fill(marked("report-address"), "香港中路 10 号")
    await page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    await page.context.set_offline(True)
    await page.click(marked("report-submit"))
    await expect(page.locator(marked("report-queued"))).to_contain_text("Kept on this phone")
    # The page opens without network too, and has forgotten nothing.
    await page.reload()
    await expect(page.locator(marked("report-text"))).to_have_value("")
    async with page.expect_response(re.compile(r"/api/v1/reports$")) as answered:
        await page.context.set_offline(False)
    assert (await answered.value).status == 201
    await page.click('nav a[href="/track"]')
    await expect(page.locator('a[href^="/track/"]').first).to_be_visible()
    noise = re.compile("ERR_INTERNET_DISCONNECTED|ERR_FAILED")
    console.complaints[:] = [c for c in console.complaints if not noise.search(c)]


async def test_an_unknown_tracking_code_is_told_in_a_sentence(console: Console) -> None:
    page = await console.open("/track", size=PHONE, language="zh")
    await page.fill(marked("track-code"), "NOSUCHCODE")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("alert")).to_contain_text("没有这个查询码")
    console.complaints[:] = [c for c in console.complaints if "404" not in c]


async def test_a_page_that_the_role_may_not_see_is_refused(console: Console) -> None:
    page = await console.signed_in("leader", "/admin", language="en")
    await expect(page.get_by_role("heading", name="You may not see this page")).to_be_visible()
    await page.goto("/no/such/page")
    await expect(page.get_by_role("heading", name="No such page")).to_be_visible()


@pytest.mark.parametrize("size", [DESKTOP, PHONE])
@pytest.mark.parametrize(
    ("role", "path"),
    [
        ("leader", "/cockpit"),
        ("dispatcher", "/cases"),
        ("dispatcher", "/cases?view=map"),
        ("dispatcher", "/alarms"),
        ("dispatcher", "/devices"),
        ("data_steward", "/devices"),
        ("administrator", "/admin/accounts"),
        ("administrator", "/admin/audit"),
        ("administrator", "/admin/dead-letters"),
        ("administrator", "/admin/tokens"),
    ],
)
async def test_every_page_opens_without_complaint_and_fits(
    console: Console, role: str, path: str, size: dict[str, int]
) -> None:
    page = await console.signed_in(role, path, size=size, language="en")
    await expect(page.locator("h1")).to_have_count(1)
    await expect(page.get_by_role("status").filter(has_text="Loading")).to_have_count(0)
    await expect(page.get_by_role("alert")).to_have_count(0)
    assert await fits(page)


async def test_a_device_shows_its_readings(console: Console) -> None:
    with closing(console.city.signed_in(console.city.accounts()["dispatcher"])) as client:
        device = client.get("/devices").json()["items"][0]["device"]
    page = await console.signed_in("dispatcher", f"/devices/{device}", language="zh")
    await expect(page.get_by_text(device).first).to_be_visible()
    await expect(page.locator("h1")).not_to_be_empty()


async def test_an_officer_opens_a_case_from_a_call(console: Console) -> None:
    page = await console.signed_in("dispatcher", "/cases", language="zh")
    await page.click(marked("new-case"))
    await page.fill(marked("new-text"), "来电反映辽阳西路路灯整条街不亮。")
    await page.fill("#new-phone", "13800138000")
    await page.click(marked("new-submit"))
    await expect(page.locator(marked("case-detail"))).to_contain_text("辽阳西路路灯整条街不亮")


async def test_a_signed_in_citizen_sees_what_they_reported(console: Console) -> None:
    with closing(console.city.signed_in(console.city.accounts()["citizen"])) as citizen:
        sent = citizen.post("/reports", json={"text": BROKEN_COVER, "address": "香港中路 10 号"}).json()
    page = await console.signed_in("citizen", "/track", size=PHONE, language="zh")
    await expect(page.get_by_text(sent["number"])).to_be_visible()


async def test_an_alarm_stands_on_the_map_at_its_place_and_opens_its_case(console: Console) -> None:
    now = datetime.now(UTC)
    readings = [
        {"device": FLOODED, "metric": "level", "time": (now - ago).isoformat(), "value": 0.6}
        for ago in (timedelta(minutes=10), timedelta(minutes=5), timedelta())
    ]
    with closing(console.city.signed_in(console.city.accounts()["data_steward"])) as steward:
        answer = steward.post("/readings", json={"readings": readings})
        assert answer.status_code == 202, answer.text
        assert answer.json()["rejected"] == []
        assert await until(lambda: steward.get("/alarms?state=open").json()["items"]), "no alarm opened"
    page = await console.signed_in("leader", "/cockpit", size=WALL, language="en")
    pulse = page.locator(".pulse").first
    await expect(pulse).to_be_visible()
    # The underpass is in Shibei: nearer to its name than to that of any other district but its neighbour.
    nearest = await page.evaluate(
        """() => {
          const middle = (e) => { const b = e.getBoundingClientRect(); return [b.x + b.width / 2, b.bottom] }
          const [x, y] = middle(document.querySelector('.pulse'))
          const names = [...document.querySelectorAll('.district-label')].map((e) => {
            const [a, b] = middle(e); return [Math.hypot(a - x, b - y), e.textContent]
          })
          return names.sort((a, b) => a[0] - b[0]).slice(0, 2).map((n) => n[1])
        }"""
    )
    assert "Shibei" in nearest
    await pulse.click(force=True)
    await page.locator(marked("map-popup")).get_by_role("link", name="See the case").click()
    await expect(page.locator(marked("case-detail"))).to_be_visible()
