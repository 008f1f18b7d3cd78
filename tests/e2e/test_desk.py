"""The dispatcher's desk in the browser: one key a case, and five seconds to think again."""

from contextlib import closing

import pytest
from playwright.async_api import Page, expect
from tests.e2e.conftest import DESKTOP, PHONE, Console, Report

UNCLEAR = "你好，我想问一下，谢谢。"


def marked(name: str) -> str:
    return f'[data-test="{name}"]'


def status_of(console: Console, case_id: str) -> str:
    with closing(console.city.signed_in(console.city.accounts()["dispatcher"])) as client:
        return str(client.get(f"/cases/{case_id}").json()["status"])


async def chosen(page: Page) -> str:
    return str(await page.get_attribute(marked("desk-case"), "data-id"))


@pytest.mark.parametrize(("language", "undo"), [("zh", "撤销"), ("en", "Undo")])
async def test_one_key_dispatches_goes_on_and_can_be_taken_back(
    console: Console, report: Report, language: str, undo: str
) -> None:
    for _ in range(2):
        await report(UNCLEAR)
    page = await console.signed_in("dispatcher", "/desk", language=language)
    await expect(page.locator(marked("desk-case"))).to_be_visible()
    first = await chosen(page)
    await page.keyboard.press("a")
    await expect(page.locator(f'{marked("queue-row")}[data-id="{first}"]')).to_have_count(0)
    assert await chosen(page) != first
    await expect(page.locator(marked("undo-bar"))).to_contain_text(undo)
    await page.keyboard.press("u")
    await expect(page.locator(f'{marked("desk-case")}[data-id="{first}"]')).to_be_visible()
    assert status_of(console, first) == "desk"
    await page.keyboard.press("1")
    async with page.expect_response(lambda r: f"/cases/{first}/actions/assign" in r.url) as answered:
        await expect(page.locator(f'{marked("queue-row")}[data-id="{first}"]')).to_have_count(0)
    assert (await answered.value).status == 200
    assert status_of(console, first) != "desk"


async def test_a_decision_is_not_lost_with_the_page(console: Console, report: Report) -> None:
    await report(UNCLEAR)
    page = await console.signed_in("dispatcher", "/desk")
    await expect(page.locator(marked("desk-case"))).to_be_visible()
    first = await chosen(page)
    await page.keyboard.press("d")
    await page.fill(marked("department-search"), "排水")
    await expect(page.get_by_role("option", name="排水").last).to_be_visible()
    await page.keyboard.press("Enter")
    await expect(page.locator(marked("undo-bar"))).to_be_visible()
    await page.goto("/cases")
    await expect(page.locator(marked("case-item")).first).to_be_visible()
    assert status_of(console, first) == "assigned"


@pytest.mark.parametrize("size", [DESKTOP, PHONE])
async def test_many_suggestions_are_accepted_at_once_after_their_count_was_told(
    console: Console, report: Report, size: dict[str, int]
) -> None:
    await report(UNCLEAR)
    page = await console.signed_in("dispatcher", "/desk", size=size, language="en")
    await expect(page.locator(marked("queue-row")).first).to_be_visible()
    before = await page.locator(marked("queue-row")).count()
    await page.click(marked("bulk"))
    await page.locator(marked("bulk-least")).fill("20")
    told = await page.locator(marked("bulk-take")).inner_text()
    await page.locator(marked("bulk-least")).fill("99")
    await expect(page.locator(marked("bulk-take"))).to_be_disabled()
    assert told.removeprefix("Accept ").isdigit()
    await page.keyboard.press("Escape")
    assert await page.locator(marked("queue-row")).count() >= before
    assert await page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    if size is DESKTOP:
        await page.keyboard.press("?")
        await expect(page.locator(marked("keys"))).to_be_visible()
