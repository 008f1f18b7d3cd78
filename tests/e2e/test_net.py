"""The sensing net as a whole in the browser: overview, map and quarantine."""

import pytest
from playwright.async_api import expect
from tests.e2e.conftest import PHONE, Console


def marked(name: str) -> str:
    return f'[data-test="{name}"]'


async def test_a_figure_of_the_overview_opens_the_devices_behind_it(console: Console) -> None:
    page = await console.signed_in("dispatcher", "/net")
    await expect(page.locator("h1")).to_have_text("感知网总览")
    never = page.locator(marked("figure-never"))
    count = await never.locator("strong").inner_text()
    await never.click()
    await page.wait_for_url("**/devices?state=never")
    await expect(page.locator("h1 ~ span").first).to_contain_text(count)


async def test_the_overview_fits_a_phone_in_english(console: Console) -> None:
    page = await console.signed_in("leader", "/net", language="en", size=PHONE)
    await expect(page.locator(marked("figure-online"))).to_contain_text("Online")
    await expect(page.locator(marked("worst")).first).to_be_visible()
    assert await page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


async def test_the_map_finds_a_device_and_tells_how_it_is(console: Console) -> None:
    page = await console.signed_in("dispatcher", "/net/map")
    await page.wait_for_selector('[data-test="net-map"][data-ready="true"]')
    await page.locator(f"{marked('find')} input").click()
    await page.keyboard.type("WL-U-hangzhou")
    await page.locator(".n-base-select-option").first.wait_for()
    await page.keyboard.press("Enter")
    card = page.locator(marked("device-card"))
    await expect(card).to_contain_text("WL-U-hangzhou-rd-rail")
    await card.locator(marked("device-page")).click()
    await page.wait_for_url("**/devices/WL-U-hangzhou-rd-rail")


@pytest.mark.parametrize(("language", "title"), [("zh", "没有需要处理的设备"), ("en", "Nothing to decide")])
async def test_an_empty_quarantine_says_that_all_is_well(console: Console, language: str, title: str) -> None:
    page = await console.signed_in("data_steward", "/net/quarantine", language=language)
    await expect(page.locator("main")).to_contain_text(title)
