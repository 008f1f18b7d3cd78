"""A device's page, commands, credentials and sharing in the browser, against a running city."""

from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest
from playwright.async_api import expect
from tests.e2e.conftest import DESKTOP, PHONE, Console
from tests.e2e.test_console import fits, marked

GAUGE = "WL-U-hangzhou-rd-rail"


def speak(console: Console) -> None:
    """Two readings of the gauge, a minute apart."""
    now = datetime.now(UTC)
    readings = [
        {"device": GAUGE, "metric": "level", "time": (now - ago).isoformat(), "value": 0.02}
        for ago in (timedelta(minutes=1), timedelta())
    ]
    with closing(console.city.signed_in(console.city.accounts()["data_steward"])) as steward:
        assert steward.post("/readings", json={"readings": readings}).json()["rejected"] == []


async def test_a_device_is_found_by_filters_in_the_address_and_by_keyboard(console: Console) -> None:
    page = await console.signed_in("dispatcher", "/devices", language="zh")
    await expect(page.locator(marked("device-row")).first).to_be_visible()
    await page.keyboard.press("/")
    await page.keyboard.type(GAUGE)
    await page.wait_for_url(f"**/devices?q={GAUGE}")
    await expect(page.locator(marked("device-row"))).to_have_count(1)
    await page.locator("h1").click()
    await page.keyboard.press("j")
    await page.keyboard.press("Enter")
    await page.wait_for_url(f"**/devices/{GAUGE}*")


@pytest.mark.parametrize(("language", "size"), [("zh", DESKTOP), ("en", PHONE)])
async def test_a_device_draws_its_readings_and_takes_a_command(
    console: Console, language: str, size: dict[str, int]
) -> None:
    speak(console)
    page = await console.signed_in(
        "dispatcher", f"/devices/{GAUGE}?span=h1&tab=commands", language=language, size=size
    )
    await expect(page.locator(marked("chart"))).to_be_visible()
    await page.click(marked("order-close-barrier"))
    await expect(page.locator(marked("command-send"))).to_be_disabled()
    await page.check(marked("command-sure"))
    await page.click(marked("command-send"))
    order = page.locator(marked("order")).first
    await expect(order).to_have_attribute("data-state", "sent")
    await order.locator(marked("cancel-order")).click()
    await order.locator(marked("cancel-order")).click()
    await expect(order).to_have_attribute("data-state", "cancelled")
    assert await fits(page)


async def test_a_critical_command_needs_another_person(console: Console) -> None:
    page = await console.signed_in("dispatcher", f"/devices/{GAUGE}?tab=commands", language="en")
    await page.click(marked("order-open-barrier"))
    await page.check(marked("command-sure"))
    await page.click(marked("command-send"))
    await expect(page.locator(f'{marked("order")}[data-state="awaiting_approval"]')).to_be_visible()
    await expect(page.locator(marked("approve"))).to_have_count(0)
    leader = await console.signed_in("leader", "/devices", language="en")
    await leader.locator(marked("waiting-commands")).get_by_role("link").first.click()
    await leader.locator(marked("approve")).click()
    await expect(leader.locator(marked("approve"))).to_have_count(0)


async def test_a_credential_is_shown_once(console: Console) -> None:
    page = await console.signed_in("data_steward", f"/devices/{GAUGE}?tab=credentials", language="zh")
    await page.click(marked("issue"))
    await expect(page.locator(marked("issued"))).to_contain_text("只显示这一次")
    await page.reload()
    await expect(page.locator(marked("credential")).first).to_be_visible()
    await expect(page.locator(marked("issued"))).to_have_count(0)


async def test_a_department_asks_is_granted_and_subscribes(console: Console) -> None:
    accounts = console.city.accounts()
    with closing(console.city.signed_in(accounts["data_steward"])) as steward:
        changed = steward.patch("/devices/WL-U-hangzhou-rd-rail", json={"owner": "urban-management"})
        assert changed.status_code == 204, changed.text
    page = await console.signed_in("drainage", f"/sharing?q={GAUGE}", language="zh")
    await page.locator(marked("catalogue-device")).get_by_role("checkbox").check()
    await page.click(marked("ask-devices"))
    await page.fill(marked("purpose"), "下穿通道排水调度")
    await page.click(marked("ask-send"))
    decider = await console.signed_in("administrator", "/sharing/decisions", language="en")
    request = decider.locator(marked("share"), has_text="下穿通道排水调度")
    await request.locator(marked("grant")).click()
    await request.locator(marked("decide")).click()
    await expect(request).to_have_count(0)
    await page.goto("/sharing/subscriptions")
    await page.click(marked("subscribe"))
    await page.fill(marked("sub-name"), "积水深度")
    await page.check(marked("channel-events"))
    await page.click(marked("sub-create"))
    await expect(page.locator(marked("secret"))).to_contain_text("whsec_")
    await expect(page.locator(marked("subscription")).first).to_have_attribute("data-state", "active")
    assert await fits(page)
    with closing(console.city.signed_in(accounts["data_steward"])) as steward:
        steward.patch("/devices/WL-U-hangzhou-rd-rail", json={"owner": None})
