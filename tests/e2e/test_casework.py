"""The inbox, the case page, the wall, the bell and what citizens share, in the browser."""

from contextlib import closing

import pytest
from playwright.async_api import expect
from tests.e2e.conftest import DESKTOP, PHONE, WALL, Console, Report
from tests.e2e.test_console import fits, hand_to_drainage, marked

BROKEN_COVER = "香港中路人行道上雨水井盖丢失，晚上很危险，请尽快处理。"


@pytest.mark.parametrize(("language", "size"), [("zh", DESKTOP), ("en", PHONE)])
async def test_a_department_accepts_from_its_inbox_and_asks_for_more_time(
    console: Console, report: Report, language: str, size: dict[str, int]
) -> None:
    sent = await report(BROKEN_COVER)
    hand_to_drainage(console.city, sent["case_id"])
    page = await console.signed_in("drainage", "/inbox", size=size, language=language)
    await page.click(f'{marked("case-item")}[data-id="{sent["case_id"]}"]')
    await expect(page.locator(marked("clock"))).to_be_visible()
    await page.click(marked("action-accept"))
    await expect(page.locator(f'{marked("case-detail")}[data-status="handling"]')).to_be_visible()
    await page.click(marked("more-actions"))
    await page.click(marked("action-ask_extension"))
    await page.fill(marked("action-hours"), "8")
    await page.fill(marked("action-reason"), "等待井盖到货。")
    await page.click(marked("action-submit"))
    await expect(page.locator(f"{marked('requests')} [data-state='asked']")).to_be_visible()
    assert await fits(page)
    dispatcher = await console.signed_in("dispatcher", f"/cases/{sent['case_id']}", language=language)
    await dispatcher.click(marked("grant"))
    await expect(dispatcher.locator(f"{marked('requests')} [data-state='granted']")).to_be_visible()
    await expect(dispatcher.locator(".flow-time").first).to_be_visible()


async def test_the_bell_rings_for_the_department_and_is_read(console: Console, report: Report) -> None:
    sent = await report(BROKEN_COVER)
    hand_to_drainage(console.city, sent["case_id"])
    page = await console.signed_in("drainage", "/inbox")
    await expect(page.locator(marked("bell-count"))).to_be_visible()
    await page.click(marked("bell"))
    await page.locator(marked("notice")).first.click()
    await expect(page.locator(marked("case-detail"))).to_be_visible()


@pytest.mark.parametrize(("language", "size"), [("zh", WALL), ("en", {"width": 3840, "height": 2160})])
async def test_the_wall_shows_what_is_late_and_who_has_it(
    console: Console, report: Report, language: str, size: dict[str, int]
) -> None:
    await report(BROKEN_COVER)
    page = await console.signed_in("leader", "/wall", size=size, language=language)
    await expect(page.locator(f'{marked("wall-map")}[data-ready="true"]')).to_be_visible()
    await expect(page.locator(f"{marked('loads')} li").first).to_be_visible()
    await expect(page.locator(f"{marked('ages')} tbody tr")).to_have_count(4)
    await expect(page.locator(f"{marked('stat-wall-open')} .value")).not_to_have_text("0")
    assert await fits(page)


async def test_a_citizen_sees_what_is_known_and_follows_it_instead(console: Console, report: Report) -> None:
    await report(BROKEN_COVER)
    page = await console.open(
        "/report", size=PHONE, language="zh",
        geolocation={"longitude": 120.3826, "latitude": 36.0671}, permissions=["geolocation"],
    )  # fmt: skip
    await page.fill(marked("report-text"), BROKEN_COVER)
    await page.locator(marked("me-too")).first.click()
    await expect(page.locator(marked("tracking-code"))).not_to_be_empty()
    await page.click(marked("see-progress"))
    await expect(page.locator(marked("track-status"))).to_be_visible()


async def test_the_public_map_shows_what_people_report(console: Console, report: Report) -> None:
    sent = await report(BROKEN_COVER)
    page = await console.open("/nearby", size=PHONE, language="en")
    await expect(page.locator(f"{marked('public-map')}[data-points]")).to_be_visible()
    await expect(page.get_by_text(sent["number"]).first).to_be_visible()
    assert await fits(page)
    with closing(console.city.signed_in(console.city.accounts()["dispatcher"])) as client:
        assert client.get(f"/cases/{sent['case_id']}").status_code == 200
