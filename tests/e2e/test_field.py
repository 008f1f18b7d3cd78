"""The field worker's phone with the network cut: nothing lost, nothing sent twice."""

import re
from contextlib import closing

import httpx
import pytest
from playwright.async_api import expect
from tests.e2e.conftest import PHONE, Console, Report
from tests.e2e.test_console import a_photo, fits, hand_to_drainage, marked

from yunnao.infra.child_city import ChildCity

BROKEN_COVER = "香港中路人行道上雨水井盖丢失，晚上很危险，请尽快处理。"


def as_staff(city: ChildCity) -> httpx.Client:
    return city.signed_in(city.accounts()["department_staff"])


def accepted(city: ChildCity, case_id: str) -> None:
    hand_to_drainage(city, case_id)
    with closing(as_staff(city)) as staff:
        assert staff.post(f"/cases/{case_id}/actions/accept", json={}).status_code == 200


def heard(console: Console) -> None:
    """A browser notes by itself every request that found no network."""
    cut = re.compile("ERR_INTERNET_DISCONNECTED|ERR_FAILED")
    console.complaints[:] = [c for c in console.complaints if not cut.search(c)]


@pytest.mark.skip(reason="after a reload without network the task is sometimes not shown: to be found out")
async def test_work_done_without_network_is_sent_once_when_it_returns(
    console: Console, report: Report
) -> None:
    sent = await report(BROKEN_COVER)
    accepted(console.city, sent["case_id"])
    page = await console.signed_in("field_worker", "/field", size=PHONE)
    card = page.locator(f'{marked("task")}[data-id="{sent["case_id"]}"]')
    await expect(card).to_be_visible()
    await page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    await expect(page.locator(marked("field-outbox"))).to_be_visible()
    await page.wait_for_function("localStorage.getItem('yunnao.tasks_saved_at') !== null")
    await page.context.set_offline(True)
    # The page itself, its tasks and their details come from the phone.
    await page.reload()
    await expect(page.locator(marked("offline"))).to_contain_text("没有网络")
    await card.click()
    await expect(page.locator(marked("task-view"))).to_contain_text("雨水井盖丢失")
    action = page.locator('[data-test="field-finish"], [data-test="field-complete"]').first
    await action.click()
    await page.locator(marked("photo-after")).set_input_files([a_photo()])  # type: ignore[list-item]
    await expect(page.locator(marked("local-photo-after"))).to_be_visible()
    await page.fill(marked("field-comment"), "已补装井盖，现场恢复。")
    await page.click(marked("field-send"))
    await expect(page.locator(f"{marked('outbox')} [data-state='waiting']")).to_be_visible()
    # Closing and opening the page loses nothing.
    await page.goto("/field/outbox")
    await expect(page.locator(f"{marked('outbox')} [data-state='waiting']")).to_be_visible()
    assert await fits(page)
    await page.context.set_offline(False)
    await expect(page.locator(f"{marked('outbox')} [data-state='sent']")).to_be_visible()
    with closing(as_staff(console.city)) as staff:
        timeline = staff.get(f"/cases/{sent['case_id']}/timeline").json()["items"]
    done = [entry for entry in timeline if entry["comment"] == "已补装井盖，现场恢复。"]
    assert len(done) == 1
    assert len(done[0]["photos"]) == 1
    heard(console)


async def test_what_the_platform_refuses_comes_back_with_the_reason(console: Console, report: Report) -> None:
    sent = await report(BROKEN_COVER)
    accepted(console.city, sent["case_id"])
    page = await console.signed_in(
        "field_worker", f"/field/task/{sent['case_id']}", size=PHONE, language="en"
    )
    action = page.locator('[data-test="field-finish"], [data-test="field-complete"]').first
    await expect(action).to_be_visible()
    await page.context.set_offline(True)
    await action.click()
    await page.fill(marked("field-comment"), "Done.")
    await page.click(marked("field-send"))
    await expect(page.locator(f"{marked('outbox')} [data-state='waiting']")).to_be_visible()
    # Meanwhile somebody at the office sent the case back.
    with closing(as_staff(console.city)) as staff:
        answer = staff.post(f"/cases/{sent['case_id']}/actions/return", json={"comment": "不属于我们。"})
        assert answer.status_code == 200, answer.text
    await page.context.set_offline(False)
    refused = page.locator(f"{marked('outbox')} [data-state='refused']")
    await expect(refused.get_by_role("alert")).not_to_be_empty()
    await expect(page.locator(marked("outbox-count"))).to_have_text("1")
    heard(console)
    console.complaints[:] = [c for c in console.complaints if not re.search("40[349]", c)]


async def test_a_patrol_report_is_kept_and_sent(console: Console) -> None:
    page = await console.signed_in(
        "field_worker", "/field/patrol", size=PHONE,
        geolocation={"longitude": 120.3826, "latitude": 36.0671}, permissions=["geolocation"],
    )  # fmt: skip
    await page.fill(marked("patrol-text"), BROKEN_COVER)
    await page.click(marked("patrol-send"))
    await page.click(marked("field-outbox"))
    await expect(page.locator(f"{marked('outbox')} [data-state='sent']")).to_contain_text("QD-")
    assert await fits(page)
