"""A browser in front of the running city."""

import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, async_playwright

from yunnao.infra.child_city import ChildCity
from yunnao.infra.paths import project_root

DESKTOP = {"width": 1366, "height": 768}
WALL = {"width": 1920, "height": 1080}
PHONE = {"width": 390, "height": 844}
# WebGL without a graphics card, for the maps.
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
PATIENCE_MS = 20_000


@dataclass
class Console:
    """The console in a browser: opens pages, and keeps what their scripts complained of."""

    city: ChildCity
    browser: Browser
    complaints: list[str] = field(default_factory=list)
    contexts: list[BrowserContext] = field(default_factory=list)

    async def open(
        self, path: str, *, size: dict[str, int] = DESKTOP, language: str = "zh", **context: Any
    ) -> Page:
        """A page in a context of its own."""
        shell = await self.browser.new_context(
            base_url=self.city.base_url,
            viewport=size,  # type: ignore[arg-type]
            locale="zh-CN" if language == "zh" else "en-GB",
            is_mobile=size is PHONE,
            has_touch=size is PHONE,
            **context,
        )
        shell.set_default_timeout(PATIENCE_MS)
        self.contexts.append(shell)
        page = await shell.new_page()
        page.on("pageerror", lambda error: self.complaints.append(f"{path}: {error}"))
        page.on("dialog", lambda dialog: self.complaints.append(f"{path}: a dialog opened: {dialog.message}"))
        page.on("console", self._heard)
        await page.goto(path)
        return page

    async def signed_in(self, role: str, path: str, **options: Any) -> Page:
        """A page after signing in with the demo account of `role`, by the name of the account or role."""
        page = await self.open("/signin", **options)
        await page.click(f'[data-test="demo-{role}"], [data-role="{role}"]')
        await page.wait_for_selector('[data-test="account"]')
        await page.goto(path)
        return page

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.complaints.append(f"{message.location.get('url')}: {message.text}")


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    """The system's Chromium, else Playwright's own."""
    path = os.environ.get("YUNNAO_CHROMIUM") or next(filter(None, map(shutil.which, BROWSERS)), None)
    async with async_playwright() as playwright:
        found = await playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield found
        await found.close()


@pytest.fixture
async def console(running_city: ChildCity, browser: Browser) -> AsyncIterator[Console]:
    """The console; a test fails when a page's script complained during it."""
    built = project_root() / "web" / "dist" / "index.html"
    assert built.is_file(), "the console is not built: run `make setup`"
    opened = Console(running_city, browser)
    yield opened
    for context in opened.contexts:
        await context.close()
    assert opened.complaints == []


Report = Callable[..., Awaitable[dict[str, Any]]]


@pytest.fixture
def report(running_city: ChildCity) -> Report:
    """Reports a problem through the citizens' door."""

    async def send(text: str, **more: Any) -> dict[str, Any]:
        body = {"text": text, "lon": 120.3826, "lat": 36.0671, **more}
        async with httpx.AsyncClient(base_url=f"{running_city.base_url}/api/v1", timeout=30) as client:
            answer = await client.post("/reports", json=body)
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    return send
