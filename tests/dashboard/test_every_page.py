"""Every page, light and dark, wide and on a phone: for everybody, and nothing cut."""

import re
from collections.abc import Callable
from typing import NamedTuple

import pytest
from playwright.sync_api import Browser, Page

from bandit_svc.web.forms.actions import ACTIONS
from tests.harness.page_addresses import page_addresses
from tests.harness.shop import Shop
from tests.harness.window import OpenWindow, Scheme, Window
from tests.harness.worker_in_process import StartWorker


class Look(NamedTuple):
    """One page in one light: its width on a phone, its faults on a desk."""

    path: str
    width_px: int
    faults: list[str]


pytestmark = pytest.mark.e2e
HERO = "/experiments/homepage-hero"
SCHEMES: tuple[Scheme, ...] = ("light", "dark")
PHONE_PX, DESK_PX = 390, 1100
ANY_VERSION = "0"
"""Stands for a version that is kept when the page is opened: old ones are pruned."""
QUESTIONS = [
    "/?q=nothing",
    f"{HERO}/decisions?state=joined",
    f"{HERO}/decisions?id=nonsense",
    f"{HERO}/change/holdout?holdout=0.3",
    f"{HERO}/change/holdout?holdout=nonsense",
]
"""What some pages can be asked beside their parameters."""


@pytest.fixture(scope="module")
def paths(shop: Shop, start_shared_worker: StartWorker) -> list[str]:
    """Return every address, by the routes of the application."""
    shop.client.create_experiment(
        {"key": "untouched", "variants": [{"key": "a"}, {"key": "b"}]}
    )
    made = shop.client.decide("homepage-hero", "u1", {"weather": "rain"})
    assert made.decision_id is not None
    hero = {"key": "homepage-hero", "decision_id": made.decision_id}
    hero["version"] = ANY_VERSION
    hero["unit_id"] = "u1"
    hero["erasure_id"] = shop.erase("nobody")
    shop.create_programme("front")
    hero["programme"] = "front"
    situations = [{"key": "untouched"}, *({**hero, "name": name} for name in ACTIONS)]
    return page_addresses(start_shared_worker().app.url_map, situations) + QUESTIONS


@pytest.fixture(scope="module")
def looks(
    shop: Shop,
    browser: Browser,
    paths: list[str],
    grave_faults: Callable[[Page], list[str]],
) -> dict[Scheme, list[Look]]:
    """Look at every page once, in every light and at every width."""
    window = Window(browser, shop.url)
    page = window.sign_in(shop.secret)
    found: dict[Scheme, list[Look]] = {scheme: [] for scheme in SCHEMES}
    parts: set[str] = set()
    refreshed: set[str] = set()
    for path in (_of_today(path, shop) for path in paths):
        source = window.context.request.get(path).text()
        if not source.startswith("<!doctype html>"):
            parts.add(path.rpartition("/")[2])
            continue
        refreshed.update(re.findall(r'hx-get="[^"?]*/([^"?/]+)', source))
        page.goto(path)
        for scheme in SCHEMES:
            # Colours that are still changing have a contrast of their own.
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            page.set_viewport_size({"width": PHONE_PX, "height": 844})
            width_px = int(page.evaluate("document.documentElement.scrollWidth"))
            page.set_viewport_size({"width": DESK_PX, "height": 900})
            found[scheme].append(Look(path, width_px, grave_faults(page)))
    window.context.close()
    assert window.faults == []
    # What is no page of its own is a part that some experiment's page refreshes.
    assert parts <= refreshed
    return found


def _of_today(path: str, shop: Shop) -> str:
    """Return an address with the newest model version in place of any."""
    newest = shop.client.report("homepage-hero")["model"]["version"]
    return path.replace(f"/models/{ANY_VERSION}/", f"/models/{newest}/")


@pytest.mark.parametrize("scheme", SCHEMES)
def test_axe_finds_nothing_serious_on_any_page(
    looks: dict[Scheme, list[Look]], scheme: Scheme
) -> None:
    assert [fault for look in looks[scheme] for fault in look.faults] == []


@pytest.mark.parametrize("scheme", SCHEMES)
def test_no_page_is_wider_than_a_phone(
    looks: dict[Scheme, list[Look]], scheme: Scheme
) -> None:
    wide = {look.path: look.width_px for look in looks[scheme]}

    assert {path: px for path, px in wide.items() if px > PHONE_PX} == {}


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


def test_a_check_that_ends_while_the_button_is_pressed_takes_no_click_away(
    shop: Shop, open_window: OpenWindow
) -> None:
    window = open_window()
    page = window.sign_in(shop.secret, "/new")
    page.get_by_label("Key", exact=True).press_sequentially("a b")
    create = page.get_by_role("button", name="Create the experiment")
    create.hover()

    # Leaving the field asks for a check, whose answer adds a message above the button.
    with page.expect_response("**/new/check") as checked:
        page.mouse.down()
    checked.value.finished()
    page.mouse.up()

    page.get_by_role("alert").wait_for()
    assert all("400" in fault for fault in window.faults)
    window.faults.clear()
