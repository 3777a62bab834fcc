"""Pages of another origin in a real browser, and the service that they ask."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.harness.shop import Shop
from tests.harness.web.chromium import chromium
from tests.harness.web.npm import Workshop
from tests.harness.web.other_page import OpenPage, OtherPage


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Return Chromium; a process can't have two of them at a time."""
    with chromium() as one:
        yield one


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """Return a service with keys, and an experiment that nobody has visited."""
    one = Shop(tmp_path_factory.mktemp("shop"))
    one.wait_until_ready()
    variants = [{"key": "summer-dress"}, {"key": "sandals", "payload": {"heel": 2}}]
    reward = {"window_seconds": 600, "event": "bought"}
    one.client.create_experiment(
        {"key": "homepage-hero", "variants": variants, "reward": reward}
    )
    yield one
    one.close()


@pytest.fixture(scope="session")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    """Return where scripts find the pinned packages of npm."""
    return Workshop(tmp_path_factory.mktemp("workshop"))


@pytest.fixture
def open_page(browser: Browser) -> Iterator[OpenPage]:
    """Return what opens a page; no script of any may have failed at the end."""
    pages: list[OtherPage] = []

    def open_one(url: str) -> OtherPage:
        pages.append(OtherPage(browser, url))
        return pages[-1]

    yield open_one
    for page in pages:
        page.context.close()
    assert [error for page in pages for error in page.errors] == []
