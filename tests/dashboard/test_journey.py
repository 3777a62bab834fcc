"""What an analyst does with the pages, in a browser, from signing in to signing out."""

import re
import subprocess
import sys

import pytest
from playwright.sync_api import Page, expect

from tests.harness.shop import Shop
from tests.harness.window import OpenWindow

pytestmark = pytest.mark.e2e


def number(text: str) -> int:
    """Read the first number of a text: 1,234 decisions."""
    return int(re.findall(r"[\d,]+", text)[0].replace(",", ""))


def decisions_on(page: Page) -> int:
    fact = page.locator("dl.facts div", has=page.get_by_text("Decisions", exact=True))
    return number(fact.locator("dd").inner_text())


def stays(page: Page) -> None:
    """Mark the page, so that one that is loaded anew would be noticed."""
    page.evaluate("window.stayed = true")


def has_stayed(page: Page) -> bool:
    return bool(page.evaluate("window.stayed === true"))


def test_only_a_secret_key_opens_the_pages(shop: Shop, open_window: OpenWindow) -> None:
    window = open_window()
    for key, words in (("bsk_wrong", "not valid"), (shop.publishable, "publishable")):
        page = window.sign_in(key)
        expect(page.get_by_role("alert")).to_contain_text(words)
    # The two refusals, and nothing else; the browser reports their status.
    assert all("403" in fault for fault in window.faults)
    window.faults.clear()

    page = window.sign_in(shop.secret, "/experiments/homepage-hero")
    expect(page.get_by_role("heading", level=1)).to_have_text("homepage-hero")

    page.get_by_role("button", name="Sign out").click()
    page.goto("/experiments/homepage-hero")
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")


def test_an_experiment_from_the_form_to_its_first_receipt(
    shop: Shop, open_window: OpenWindow
) -> None:
    page: Page = open_window().sign_in(shop.secret)
    page.get_by_role("link", name="New experiment", exact=True).click()
    page.wait_for_url("**/new")
    page.wait_for_load_state()
    stays(page)
    page.get_by_label("Holdout").fill("7")
    expect(page.locator("#p-holdout")).to_contain_text("between 0 and 0.9")
    page.get_by_label("Holdout").fill("0.2")
    expect(page.locator("#p-holdout")).to_have_count(0)
    page.get_by_role("button", name="Add a variant").click()
    expect(page.get_by_label("Key of variant 3")).to_be_visible()
    page.get_by_role("button", name="Remove variant 3").click()
    expect(page.get_by_label("Key of variant 3")).to_have_count(0)
    page.get_by_label("Key", exact=True).fill("by-form")
    page.get_by_label("Key of variant 1").fill("a")
    page.get_by_label("Payload of variant 1").fill('{"img": "a.jpg"}')
    page.get_by_label("Key of variant 2").fill("b")
    page.get_by_label("Reward window").fill("1")
    told = page.get_by_role("status").filter(has_text="All fields are valid")
    expect(told).to_be_visible()
    assert has_stayed(page)
    assert not shop.has("by-form")
    page.get_by_role("button", name="Create the experiment").click()

    expect(page.get_by_role("status")).to_contain_text("waiting for its first decision")
    example = page.get_by_label("Example in Python").inner_text()
    run_example(example, shop)
    run_in_browser(page, page.get_by_label("Example in JavaScript").inner_text(), shop)
    stays(page)
    shop.send_visitors("by-form")
    expect(page.get_by_role("status")).to_contain_text("Decisions are arriving")
    assert has_stayed(page)

    page.get_by_role("link", name="its receipt").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Receipt of a decision")
    expect(page.locator("main")).to_contain_text("the decision id is its seed")
    assert page.locator(".badge.fail").count() == 0


def run_example(text: str, shop: Shop) -> None:
    """Run the page's Python as it stands, but for the key."""
    ran = subprocess.run(
        [sys.executable, "-c", with_key(text, shop)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.stderr == ""
    assert ran.stdout.split()[0] in {"a", "b"}


def run_in_browser(page: Page, text: str, shop: Shop) -> None:
    """Run the page's JavaScript as it stands, but for the key."""
    script = f"async () => {{ {with_key(text, shop)}\nreturn decision; }}"
    decided = page.evaluate(script)
    assert decided["variant"] in {"a", "b"}


def with_key(text: str, shop: Shop) -> str:
    assert "bpk_YOUR_PUBLISHABLE_KEY" in text
    return text.replace("bpk_YOUR_PUBLISHABLE_KEY", shop.publishable)


def test_numbers_move_by_themselves_and_what_is_open_stays_open(
    shop: Shop, open_window: OpenWindow
) -> None:
    page = open_window().sign_in(shop.secret, "/experiments/homepage-hero")
    before = decisions_on(page)
    page.locator("#live details summary").first.click()
    stays(page)

    shop.wait_for(lambda: decisions_on(page) > before, "show new decisions")

    assert has_stayed(page)
    assert page.locator("#live details").first.get_attribute("open") is not None


def test_pausing_and_resuming(shop: Shop, open_window: OpenWindow) -> None:
    page = open_window().sign_in(shop.secret, "/experiments/homepage-hero")
    page.get_by_role("button", name="Pause…").click()
    expect(page.get_by_text("callers get a 409")).to_be_visible()
    page.get_by_role("button", name="Pause", exact=True).click()

    expect(page.get_by_role("status")).to_contain_text("pause. It is in effect.")
    assert shop.client.experiment("homepage-hero")["status"] == "paused"

    page.get_by_role("button", name="Resume…").click()
    page.get_by_role("button", name="Resume", exact=True).click()
    expect(page.get_by_role("status")).to_contain_text("resume. It is in effect.")
    assert shop.client.experiment("homepage-hero")["status"] == "running"


def test_a_holdout_is_explained_while_it_is_typed(
    shop: Shop, open_window: OpenWindow
) -> None:
    page = open_window().sign_in(
        shop.secret, "/experiments/homepage-hero/change/holdout"
    )
    stays(page)
    page.get_by_label("Holdout").fill("0.3")
    expect(page.locator("ul.what")).to_contain_text("20.0 % of all units move")
    page.get_by_label("Holdout").fill("3")
    expect(page.locator("#p-holdout")).to_contain_text("between 0 and 0.9")
    expect(page.get_by_role("button", name="Change the holdout")).to_have_count(0)

    assert has_stayed(page)


def test_restoring_a_model(shop: Shop, open_window: OpenWindow) -> None:
    page = open_window().sign_in(shop.secret, "/experiments/homepage-hero")
    page.get_by_role("link", name="Restore… version").last.click()
    version = number(page.get_by_role("heading", level=1).inner_text())
    expect(page.get_by_text("is left out of the model for good")).to_be_visible()
    page.get_by_role("button", name="Restore the model").click()

    expect(page.get_by_role("status")).to_contain_text(
        f"Model version {version:,} serves again"
    )


def test_the_playground_answers_each_change(
    shop: Shop, open_window: OpenWindow
) -> None:
    page = open_window().sign_in(shop.secret, "/playground/homepage-hero")
    shown = page.locator("#pmf figure table")
    seen = set()
    stays(page)
    for weather in ("sun", "rain"):
        # An answer leaves the menu alone that a visitor is in.
        page.get_by_label("weather").focus()
        page.get_by_label("weather").select_option(label=weather)
        expect(page.locator("#pmf pre")).to_contain_text(f'"weather": "{weather}"')
        seen.add(shown.text_content())
    hour = page.get_by_role("slider", name="hour")
    hour.focus()
    hour.press("Home")
    expect(page.locator("#pmf pre")).to_contain_text('"hour": 0')
    hour.press("ArrowRight")
    expect(page.locator("#pmf pre")).to_contain_text('"hour": 1')

    assert len(seen) == 2
    assert has_stayed(page)


def test_without_scripts_everything_can_be_done(
    shop: Shop, open_window: OpenWindow
) -> None:
    page = open_window(java_script_enabled=False).sign_in(shop.secret, "/new")
    page.get_by_label("Key", exact=True).fill("by-hand")
    page.get_by_role("button", name="Add a variant").click()
    for place, key in enumerate("abc", 1):
        page.get_by_label(f"Key of variant {place}").fill(key)
    page.get_by_label("Key of variant 3").press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("First request")

    page.goto("/experiments/by-hand")
    page.get_by_label("Exploration floor").fill("0.5")
    page.get_by_role("button", name="Change…").last.click()
    expect(page.get_by_text("50.0 % of the bandit's choices")).to_be_visible()
    page.get_by_role("button", name="Change the floor").click()
    expect(page.get_by_role("status")).to_contain_text("exploration floor")
    assert shop.client.experiment("by-hand")["exploration_floor"] == 0.5

    page.goto("/playground/homepage-hero")
    page.get_by_label("weather").select_option(label="rain")
    page.get_by_role("button", name="Show the chances").click()
    expect(page.locator("#pmf svg").first).to_be_visible()
