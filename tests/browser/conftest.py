"""A real browser for the tests beside this file: one for all of them, and one world with some history for each.

Needs Chromium: CHROMIUM names it, else it is looked for on PATH.
"""

import os
import shutil
from collections.abc import Iterator
from typing import Any

import pytest

from tests import builders
from tests.admin_world import History, make_history


def chromium() -> str:
    """Return the browser's program. Fails on CI where there is none; skips the test elsewhere."""
    found = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
    if found is None:
        reason = "NO CHROMIUM HERE, so the admin was tried in no browser: install chromium, or set CHROMIUM to it"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return found


@pytest.fixture
def ada() -> History:
    return make_history(builders.make_world().ada)


@pytest.fixture(scope="package")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: requirements/dev.txt")
    program = chromium()
    flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    # Playwright's loop runs in this thread, and Django takes it for asynchronous code.
    with pytest.MonkeyPatch.context() as patch, playwright.sync_playwright() as driver:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        running = driver.chromium.launch(executable_path=program, args=flags)
        yield running
        running.close()


@pytest.fixture(autouse=True)
def _no_page_left_open(request: pytest.FixtureRequest) -> Iterator[None]:
    """Close what a test opened: the next one shall not share the browser with its pages."""
    yield
    if "browser" in request.fixturenames:
        for context in request.getfixturevalue("browser").contexts:
            context.close()
