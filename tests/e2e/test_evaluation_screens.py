"""Evaluation in the browser: numbers that open into their cases, the process, asking for a report."""

import pytest
from playwright.async_api import expect
from tests.e2e.conftest import Console
from tests.e2e.test_console import marked


async def test_a_leader_opens_a_number_into_its_cases(console: Console) -> None:
    page = await console.signed_in("leader", "/evaluation", language="zh")
    card = page.locator(marked("figure-cases-opened"))
    await expect(card).to_contain_text("立案数")
    await expect(page.locator(marked("figure-on-time-rate"))).to_contain_text("按期结案率")
    await card.locator("button").first.click()
    await expect(page.locator(marked("detail"))).to_contain_text("立案数")
    await page.click(marked("by-category"))
    await expect(page.locator(f"{marked('detail')} table, {marked('detail')} .empty")).to_be_visible()
    assert console.complaints == []


@pytest.mark.parametrize("language", ["zh", "en"])
async def test_a_report_is_asked_for_and_listed(console: Console, language: str) -> None:
    page = await console.signed_in("leader", "/evaluation/reports", language=language)
    await page.click(marked("make-report"))
    row = page.locator(marked("report")).first
    await expect(row).to_be_visible()
    await expect(row).to_contain_text("中文" if language == "zh" else "English")
    assert console.complaints == []
