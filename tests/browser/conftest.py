"""A headless browser on the service over a real store; whatever the browser complains about fails the test."""

import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Dialog,
    Page,
    Request,
    expect,
    sync_playwright,
)

from nas.store import Store
from tests.serving import serving

# What a page shows comes in milliseconds; on a machine that is busy it may take long, which is no error.
PATIENCE_MS = 60_000
expect.set_options(timeout=PATIENCE_MS)
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """The installed Chromium or Chrome, else the one that Playwright brought."""
    installed = next(filter(None, map(shutil.which, NAMES)), None)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(headless=True, executable_path=installed, args=FLAGS, timeout=180_000)
        yield browser
        browser.close()


@pytest.fixture
def store(sqlite_url: str) -> Iterator[Store]:
    """The store of the service."""
    with Store(sqlite_url) as store:
        yield store


@pytest.fixture
def address(sqlite_url: str) -> Iterator[str]:
    """Where the service answers."""
    with serving(sqlite_url) as address:
        yield address


@pytest.fixture
def complaints() -> list[str]:
    """What the browser complained about; a test that provokes a complaint clears it."""
    return []


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A fresh profile."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(PATIENCE_MS)
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext, address: str, complaints: list[str]) -> Iterator[Page]:
    """The first page, open; nothing but the service may be asked for anything."""
    page = context.new_page()

    def heard(message: ConsoleMessage) -> None:
        if message.type == "error":
            complaints.append(message.text)

    def alerted(dialog: Dialog) -> None:
        complaints.append(dialog.message)
        dialog.dismiss()

    def asked(request: Request) -> None:
        if not request.url.startswith((address, "data:", "blob:")):
            complaints.append(f"asked for {request.url}")

    page.on("console", heard)
    page.on("dialog", alerted)
    page.on("request", asked)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(address)
    yield page
    page.close()
    assert complaints == []
