"""What dispatchers do with alarms, and data stewards with rules, in the browser."""

from contextlib import closing
from datetime import UTC, datetime, timedelta

from playwright.async_api import expect
from tests.e2e.conftest import PHONE, Console
from tests.e2e.test_console import fits, marked, until

from yunnao.infra.child_city import ChildCity

FLOODED = "WL-U-wenyang-rd-rail"
RULE = "level-trial"


async def flood(city: ChildCity) -> None:
    """An underpass fills; the alarm is there when this returns."""
    now = datetime.now(UTC)
    readings = [
        {"device": FLOODED, "metric": "level", "time": (now - timedelta(minutes=ago)).isoformat(), "value": v}
        for ago, v in ((30, 0.05), (20, 0.1), (10, 0.22), (5, 0.24), (0, 0.25))
    ]
    with closing(city.signed_in(city.accounts()["data_steward"])) as steward:
        assert steward.post("/readings", json={"readings": readings}).json()["rejected"] == []
        asked = f"/alarms?state=standing&device={FLOODED}"
        assert await until(lambda: steward.get(asked).json()["items"]), "no alarm opened"


async def test_a_dispatcher_acknowledges_by_key_and_suppresses_with_a_reason(console: Console) -> None:
    await flood(console.city)
    page = await console.signed_in("dispatcher", f"/alarms?device={FLOODED}", language="zh")
    await expect(page.locator(marked("alarm-row"))).to_have_count(1)
    await page.keyboard.press("j")
    detail = page.locator(marked("alarm-detail"))
    await expect(detail).to_contain_text("下穿通道积水")
    await expect(detail.locator(f"{marked('alarm-chart')} canvas")).to_be_visible()
    await page.keyboard.press("a")
    await expect(page.locator(f'{marked("alarm-detail")}[data-state="acknowledged"]')).to_be_visible()
    await page.click(marked("do-suppress"))
    await page.click(marked("action-send"))
    await expect(page.locator(marked("alarm-actions")).get_by_role("alert")).to_be_visible()
    await page.fill(marked("action-text"), "道路施工")
    await page.click(marked("action-send"))
    await expect(page.locator(f'{marked("alarm-detail")}[data-state="suppressed"]')).to_be_visible()
    await expect(page.locator(marked("alarm-timeline"))).to_contain_text("道路施工")
    phone = await console.signed_in("leader", f"/alarms?device={FLOODED}", size=PHONE, language="en")
    await phone.locator(f"{marked('alarm-row')} a").first.click()
    await expect(phone.locator(marked("alarm-detail"))).to_contain_text("Underpass flooded")
    await expect(phone.locator(marked("alarm-actions"))).to_have_count(0)
    assert await fits(phone)


async def test_a_steward_copies_a_rule_tries_it_dry_and_saves_it(console: Console) -> None:
    await flood(console.city)
    source = "/rules/city/new?from=waterlogging/underpass-flooded"
    page = await console.signed_in("data-steward", source, language="en")
    await page.fill(marked("field-clear"), "9")
    await page.click(marked("rule-save"))
    await expect(page.locator('[data-field="clear"]').get_by_role("alert")).to_be_visible()
    await expect(page.locator(marked("rule-problem"))).to_contain_text("2 fields")
    await page.fill(marked("field-clear"), "0.08")
    await page.fill(marked("rule-name"), RULE)
    await page.click(marked("dry-go"))
    await expect(page.locator(marked("dry-run"))).to_contain_text("Alarms opened")
    await expect(page.locator(marked("dry-sample"))).to_be_visible()
    await page.click(marked("rule-save"))
    await page.wait_for_url(f"**/rules/city/{RULE}")
    await expect(page.get_by_text("In force", exact=True)).to_be_visible()
    with closing(console.city.signed_in(console.city.accounts()["data_steward"])) as steward:
        assert steward.get(f"/rules/city/{RULE}").json()["spec"]["clear"] == 0.08
        assert steward.delete(f"/rules/city/{RULE}").status_code == 204


async def test_a_window_of_maintenance_is_planned_and_ended(console: Console) -> None:
    page = await console.signed_in("dispatcher", "/rules?tab=maintenance", language="zh")
    await page.click(marked("new-window"))
    await page.select_option(marked("window-kind"), "product")
    await page.click(f"{marked('window-target')} .n-select")
    await page.locator(".n-base-select-option").first.click()
    await page.fill(marked("window-reason"), "传感器校准")
    await page.click(marked("window-save"))
    await expect(page.locator(marked("windows"))).to_contain_text("进行中")
    await page.click(marked("end-window"))
    await page.get_by_role("button", name="提前结束").click()
    await expect(page.locator(marked("windows"))).to_contain_text("已结束")
