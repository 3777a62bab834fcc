"""A real service with simulated visitors, and a real browser that looks at it.

A page that says anything on the console, fails to load something or breaks the
Content-Security-Policy fails the test that opened it.
"""

from collections.abc import Callable, Iterator
from typing import Unpack

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from tests.harness.shop import Shop
from tests.harness.web.chromium import chromium
from tests.harness.window import OpenWindow, Window, WindowOptions


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """Return a service whose visitors have been coming for a while.

    They would take a quarter of a core from all tests that come later.
    """
    one = Shop(tmp_path_factory.mktemp("shop"))
    try:
        one.open()
        yield one
    finally:
        one.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Return Chromium; a process can't have two of them at a time."""
    with chromium() as one:
        yield one


@pytest.fixture
def open_window(browser: Browser, shop: Shop) -> Iterator[OpenWindow]:
    """Return what opens a window; no window may have had a fault at the end."""
    windows: list[Window] = []

    def open_one(**options: Unpack[WindowOptions]) -> Window:
        windows.append(Window(browser, shop.url, **options))
        return windows[-1]

    yield open_one
    for window in windows:
        window.context.close()
    assert [fault for window in windows for fault in window.faults] == []


@pytest.fixture(scope="session")
def grave_faults() -> Callable[[Page], list[str]]:
    """Return what axe-core finds serious or critical on a page."""
    axe = Axe()

    def find(page: Page) -> list[str]:
        found = axe.run(page).response["violations"]
        return [
            f"{page.url} {one['id']}: {node['html'][:120]}"
            for one in found
            if one["impact"] in {"serious", "critical"}
            for node in one["nodes"][:3]
        ]

    return find
