"""The examples of pages, each with the service and without it."""

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests
from playwright.sync_api import expect

from tests.harness.loopback import free_port, get_text
from tests.harness.process import Process
from tests.harness.shop import Shop
from tests.harness.waiting import GENEROUS_S
from tests.harness.web.npm import SCRIPTS, Workshop
from tests.harness.web.other_page import OpenPage
from tests.harness.web.site import example, site

pytestmark = pytest.mark.e2e

NOWHERE = "http://127.0.0.1:9"
# Of Next itself, what the example uses of it.
HEADERS = """
export const cookies = async () => new Map([["visitor", { value: "n-1" }]]);
export const headers = async () => new Headers({ "user-agent": "Mobile Safari" });
"""
REACT = """<!doctype html><div id="app"></div>
<script type="module" src="/app.js"></script>"""


def patient(text: str) -> str:
    """Return an example that waits as long as a busy machine needs."""
    return re.sub(r"timeout(Ms: |_s=)[0-9.]+", r"timeout\g<1>100000", text)


def has_earned(shop: Shop, decision_id: str) -> bool:
    known = shop.look_up(decision_id)
    return bool(known) and [one["value"] for one in known["rewards"]] == [1.0]


@contextmanager
def flask_page(folder: Path, url: str, key: str) -> Iterator[str]:
    """Run the example of Flask as a reader would; yield its address."""
    source = folder / "flask_page.py"
    source.write_text(patient(example("flask_page.py", url, key)))
    port = free_port()
    command = [sys.executable, "-m", "flask", "--app", str(source), "run"]
    process = Process([*command, "--port", str(port)], folder / "log")
    address = f"http://127.0.0.1:{port}"
    process.wait_for(lambda: get_text(f"{address}/checkout"), "the page served")
    try:
        yield address
    finally:
        process.terminate()
        process.end()


def test_a_part_of_react_shows_what_was_decided_and_rewards_it(
    shop: Shop, workshop: Workshop, open_page: OpenPage
) -> None:
    text = patient(example("react.jsx", shop.url, shop.publishable))
    with site({"/": REACT, "/app.js": workshop.bundle("shown.jsx", text)}) as url:
        page = open_page("about:blank").page
        with page.expect_response(
            lambda one: one.url.endswith("/v1/decisions") and one.status == 201
        ) as answered:
            page.goto(url)
        decided = answered.value.json()
        hero = page.locator("#hero[data-source=service]")
        expect(hero).to_have_attribute("data-variant", decided["variant"])
        shop.wait_for(
            lambda: (
                (known := shop.look_up(decided["decision_id"]))
                and known["state"] == "open"
            ),
            "what is seen active",
        )
        page.get_by_role("button").click()

        shop.wait_for(lambda: has_earned(shop, decided["decision_id"]), "the reward")


def test_a_part_of_react_keeps_its_fallback_and_its_place(
    workshop: Workshop, open_page: OpenPage
) -> None:
    script = workshop.bundle("alone.jsx", example("react.jsx", NOWHERE))
    with site({"/": REACT, "/app.js": script}) as url:
        page = open_page(url)
        expect(page.page.locator("#hero[data-source=fallback]")).to_be_visible()

        expect(page.page.get_by_text("Summer dresses")).to_be_visible()
        assert page.layout_shift() == 0


def test_a_page_of_flask_has_the_variant_in_its_source_and_is_rewarded(
    shop: Shop, open_page: OpenPage, tmp_path: Path
) -> None:
    with flask_page(tmp_path, shop.url, shop.publishable) as url:
        page = open_page(url).page
        id_ = str(page.locator("#hero").get_attribute("data-decision"))
        known = shop.wait_for(lambda: shop.look_up(id_), "the decision")
        expect(page.locator("#hero")).to_have_attribute(
            "data-variant", known["variant"]
        )
        assert known["state"] == "open"
        # The page waits for the same module, and was first to.
        page.evaluate("(address) => import(address)", f"{shop.url}/client.js")
        page.get_by_text("Buy now").click()
        page.wait_for_url("**/checkout")

        shop.wait_for(lambda: has_earned(shop, id_), "the reward")


def test_a_page_of_flask_that_is_fetched_before_it_is_opened_counts_when_opened(
    shop: Shop, open_page: OpenPage, tmp_path: Path
) -> None:
    with flask_page(tmp_path, shop.url, shop.publishable) as url:
        ahead = requests.get(
            url, headers={"Sec-Purpose": "prefetch;prerender"}, timeout=GENEROUS_S
        ).text
    (id_,) = re.findall(r'data-decision="([^"]+)"', ahead)
    known = shop.wait_for(lambda: shop.look_up(id_), "the decision")
    assert known["state"] == "deferred"
    with site({"/": ahead}) as url:
        open_page(url)

        shop.wait_for(lambda: shop.look_up(id_)["state"] == "open", "it active")


def test_a_page_of_flask_without_the_service_is_the_fallback(
    open_page: OpenPage, tmp_path: Path
) -> None:
    with flask_page(tmp_path, NOWHERE, "bpk_any") as url:
        page = open_page(url)

        expect(page.page.get_by_text("Summer dresses")).to_be_visible()
        page.page.get_by_text("Buy now").click()
        page.page.wait_for_url("**/checkout")


@pytest.mark.parametrize("is_there", [True, False])
def test_a_page_as_next_renders_it_has_the_variant_in_its_source(
    shop: Shop, workshop: Workshop, *, is_there: bool
) -> None:
    url = shop.url if is_there else NOWHERE
    for name in ("page.jsx", "hero.jsx"):
        text = example(f"next/app/{name}", url, shop.publishable)
        workshop.write(f"next/app/{name}", patient(text))
    workshop.write("node_modules/next/headers.js", HEADERS)
    script = workshop.bundle(
        "next_page.mjs", (SCRIPTS / "next_page.mjs").read_text(), for_node=True
    )
    workshop.write("rendered.mjs", script)
    html = workshop.node("rendered.mjs")
    (variant,) = re.findall(r'data-variant="([^"]+)"', html)
    ids = re.findall(r'data-decision="([^"]+)"', html)

    if not is_there:
        assert (variant, ids) == ("summer-dress", [])
        return
    known = shop.wait_for(lambda: shop.look_up(ids[0]), "the decision")
    assert (known["variant"], known["state"]) == (variant, "deferred")
    assert known["context"] == {"device": "mobile"}
