"""Every page, light and dark, wide and on a phone: for everybody, and nothing cut."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page

from tests.harness.shop import Shop
from tests.harness.window import OpenWindow, Scheme

pytestmark = pytest.mark.e2e
HERO = "/experiments/homepage-hero"
PATHS = [
    "/",
    "/?q=nothing",
    "/new",
    "/ops",
    "/docs",
    "/sign-in",
    HERO,
    f"{HERO}/start",
    f"{HERO}/decisions",
    f"{HERO}/decisions?state=joined",
    f"{HERO}/decisions?id=nonsense",
    f"{HERO}/change/holdout?holdout=0.3",
    f"{HERO}/change/holdout?holdout=nonsense",
    f"{HERO}/change/archive",
    "/playground/homepage-hero",
    "/experiments/untouched",
    "/playground/untouched",
]


@pytest.fixture
def paths(shop: Shop) -> list[str]:
    """Give every address, with a receipt and a model to restore."""
    if not shop.has("untouched"):
        shop.client.create_experiment(
            {"key": "untouched", "variants": [{"key": "a"}, {"key": "b"}]}
        )
    made = shop.client.decide("homepage-hero", "u1", {"weather": "rain"})
    return [*PATHS, f"{HERO}/decisions/{made.decision_id}"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious_on_any_page(
    shop: Shop,
    open_window: OpenWindow,
    paths: list[str],
    grave_faults: Callable[[Page], list[str]],
    scheme: Scheme,
) -> None:
    page = open_window(
        color_scheme=scheme, viewport={"width": 1100, "height": 900}
    ).sign_in(shop.secret)
    found = []
    for path in paths:
        page.goto(path)
        found += grave_faults(page)

    assert found == []


def test_a_refused_form_is_accessible_too(
    shop: Shop, open_window: OpenWindow, grave_faults: Callable[[Page], list[str]]
) -> None:
    window = open_window(color_scheme="dark")
    page = window.sign_in(shop.secret, "/new")
    page.get_by_label("Key", exact=True).fill("a b")
    page.get_by_role("button", name="Create the experiment").click()
    page.get_by_role("alert").wait_for()

    assert grave_faults(page) == []
    # The browser reports the status of the refused form.
    assert all("400" in fault for fault in window.faults)
    window.faults.clear()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_is_wider_than_a_phone(
    shop: Shop, open_window: OpenWindow, paths: list[str], scheme: Scheme
) -> None:
    page = open_window(
        color_scheme=scheme, viewport={"width": 390, "height": 844}
    ).sign_in(shop.secret)
    wide = {}
    for path in paths:
        page.goto(path)
        width = page.evaluate("document.documentElement.scrollWidth")
        if width > 390:
            wide[path] = width

    assert wide == {}
