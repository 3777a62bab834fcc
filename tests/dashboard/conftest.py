"""A real service with simulated visitors, and a real browser that looks at it.

A page that says anything on the console, fails to load something or breaks the
Content-Security-Policy fails the test that opened it.
"""

import shutil
from collections.abc import Callable, Iterator
from typing import Unpack

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

from tests.harness.shop import Shop
from tests.harness.window import OpenWindow, Window, WindowOptions

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """Return a service whose visitors have been coming for a while."""
    one = Shop(tmp_path_factory.mktemp("shop"))
    try:
        one.open()
        yield one
    finally:
        one.close()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Return Chromium; fail with a reason on a machine without it."""
    path = shutil.which("chromium")
    if path is None:
        pytest.fail(
            "chromium is missing, so the pages can't be tested: "
            "apt-get install chromium"
        )
    with sync_playwright() as playwright:
        one = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield one
        one.close()


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
