"""A real browser, the system's Chromium driven by Playwright, and the programs that it visits."""

import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from people import People
from playwright.sync_api import Browser, sync_playwright

# The processes under test are those of the system tests. tests/contract reads the documentation.
sys.path[:0] = [str(Path(__file__).parents[1] / folder) for folder in ("system", "contract")]

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session")
def start_browser() -> Iterator[Callable[..., Browser]]:
    """``start_browser("--flag", ...)`` starts Chromium with more flags."""
    executable = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    assert executable, "no Chromium: scripts/setup.sh test installs it"
    with sync_playwright() as playwright:
        yield lambda *flags: playwright.chromium.launch(executable_path=executable, args=[*FLAGS, *flags])


@pytest.fixture(scope="session")
def browser(start_browser: Callable[..., Browser]) -> Iterator[Browser]:
    browser = start_browser()
    yield browser
    browser.close()


@pytest.fixture
def people(browser: Browser) -> Iterator[People]:
    people = People(browser)
    yield people
    people.close()
    assert people.errors == []
