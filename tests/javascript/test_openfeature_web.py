"""OpenFeature's SDKs of npm for pages and for React, in Chromium, against a service."""

import json
from typing import Any

import pytest
from playwright.sync_api import Response, expect

from tests.harness.shop import Shop
from tests.harness.web.npm import Workshop
from tests.harness.web.other_page import OpenPage
from tests.harness.web.site import site

pytestmark = pytest.mark.e2e

PAYLOADS = {"calm": "Welcome back", "loud": "Sale ends today"}
PAGE = """<!doctype html><body><p>A page</p><div id="app"></div><script>
window.settings = SETTINGS;
</script><script type="module" src="/app.js"></script>"""


@pytest.fixture(scope="session")
def flags(shop: Shop) -> Shop:
    """Return the service with an experiment that is a flag."""
    variants = [{"key": key, "payload": text} for key, text in PAYLOADS.items()]
    reward = {"window_seconds": 5, "event": "bought"}
    definition = {"key": "banner", "variants": variants, "reward": reward}
    # One that decides nobody's page by itself.
    shop.client.create_experiment(definition | {"exploration_floor": 0.5})
    return shop


def is_bulk(answer: Response) -> bool:
    return (
        answer.url.endswith("/ofrep/v1/evaluate/flags")
        and answer.request.method == "POST"
    )


def learned(shop: Shop, decision_id: str) -> Any:
    """Return a decision when the model has learned from it."""
    return shop.wait_for(
        lambda: (
            (known := shop.look_up(decision_id))
            and known["state"] == "joined"
            and known
        ),
        "the decision learned from",
    )


def pages(script: str, **settings: str) -> dict[str, str]:
    return {
        "/": PAGE.replace("SETTINGS", json.dumps(settings)),
        "/app.js": script,
    }


def test_a_page_shows_a_flag_asks_again_for_nothing_new_and_is_learned_from(
    flags: Shop, workshop: Workshop, open_page: OpenPage
) -> None:
    with site(pages(workshop.bundle("web_flags.js"))) as url:
        page = open_page(url).page
        page.wait_for_selector("[data-ready]")
        visitor = {"targetingKey": "w-1", "device": "phone"}
        with page.expect_response(lambda one: is_bulk(one) and one.status == 304):
            details = page.evaluate(
                "(all) => flags.plain(...all)", [flags.url, flags.publishable, visitor]
            )
        told = details["flagMetadata"]
        assert details["value"] == PAYLOADS[details["variant"]]
        known = flags.wait_for(lambda: flags.look_up(told["decisionId"]), "it known")
        assert (known["variant"], known["state"]) == (details["variant"], "deferred")
        assert known["propensity"] == told["propensity"]
        again = page.evaluate("client.getStringDetails('banner', '-')")
        assert again["flagMetadata"] == told


def test_a_page_that_reports_what_it_reads_and_tracks_is_learned_from(
    flags: Shop, workshop: Workshop, open_page: OpenPage
) -> None:
    with site(pages(workshop.bundle("web_flags.js"))) as url:
        page = open_page(url).page
        page.wait_for_selector("[data-ready]")
        ids = []
        for unit in ("w-2", "w-3"):
            details = page.evaluate(
                "(all) => flags.reporting(...all)",
                [flags.url, flags.publishable, {"targetingKey": unit}],
            )
            ids.append(details["flagMetadata"]["decisionId"])
        page.evaluate("(id) => flags.buy({ decisionId: id })", ids[1])
        seen, bought = (learned(flags, id_) for id_ in ids)

        assert (seen["rewards"], seen["reward"]) == ([], 0.0)
        assert [one["reward_id"] for one in bought["rewards"]] == ["e-1"]
        assert bought["reward"] == 1.0


def test_a_flag_in_react_is_shown_tracked_and_learned(
    flags: Shop, workshop: Workshop, open_page: OpenPage
) -> None:
    script = workshop.bundle("react_flags.jsx")
    settings = {"url": flags.url, "secretless": flags.publishable, "unit": "r-1"}
    with site(pages(script, **settings)) as url:
        page = open_page(url).page
        banner = page.locator("section[data-decision]")
        expect(banner).to_be_visible()
        variant = str(banner.get_attribute("data-variant"))
        expect(banner.locator("h1")).to_have_text(PAYLOADS[variant])
        page.get_by_role("button", name="Buy").click()
        known = learned(flags, str(banner.get_attribute("data-decision")))

        assert (known["variant"], known["reward"]) == (variant, 1.0)
        assert known["context"] == {"device": "phone"}


def test_react_keeps_its_default_where_the_service_is_down(
    workshop: Workshop, open_page: OpenPage
) -> None:
    script = workshop.bundle("react_flags.jsx")
    settings = {"url": "http://127.0.0.1:9", "secretless": "bpk_x", "unit": "r-1"}
    with site(pages(script, **settings)) as url:
        page = open_page(url).page

        expect(page.locator("h1")).to_have_text("Welcome")
        page.get_by_role("button", name="Buy").click()
