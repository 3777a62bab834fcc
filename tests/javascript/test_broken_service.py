"""A page keeps its fallback and its layout, whatever the service does to it."""

from pathlib import Path

import pytest
from playwright.sync_api import expect

import bandit_svc.client
from tests.harness.fakes.bad_service import FAULTS, Fault, bad_service
from tests.harness.loopback import free_port
from tests.harness.waiting import wait_until
from tests.harness.web.other_page import OpenPage
from tests.harness.web.site import example, site

pytestmark = pytest.mark.e2e

MODULE = Path(bandit_svc.client.__file__).parent / "js" / "client.js"
MOVING = """<!doctype html><body><p id="late"></p><h1>Below</h1><script>
setTimeout(() => { document.querySelector("#late").style.height = "20rem"; }, 50);
</script>"""


def test_a_page_that_moves_is_measured_as_one(open_page: OpenPage) -> None:
    """The measure of the other tests sees what they exclude."""
    with site({"/": MOVING}) as url:
        page = open_page(url)
        page.page.wait_for_function("window.layoutShifts.length > 0")

        assert page.layout_shift() > 0.01


@pytest.mark.parametrize("fault", FAULTS)
def test_a_service_that_answers_badly_leaves_the_page_as_it_was(
    open_page: OpenPage, fault: Fault
) -> None:
    """The module is loaded, and the fault goes on while the page is looked at."""
    with (
        bad_service(fault, MODULE) as service,
        site({"/": example("plain.html", service.url)}) as url,
    ):
        page = open_page(url)
        hero = page.page.locator("#hero")
        expect(hero).to_have_attribute("data-source", "fallback")

        assert "/v1/decisions" in service.asked
        expect(hero.get_by_text("Summer dresses")).to_be_visible()
        assert page.layout_shift() == 0


@pytest.mark.parametrize("fault", FAULTS)
def test_a_service_that_can_not_even_give_the_module_leaves_the_page_as_it_was(
    open_page: OpenPage, fault: Fault
) -> None:
    with (
        bad_service(fault) as service,
        site({"/": example("plain.html", service.url)}) as url,
    ):
        page = open_page(url)
        expect(page.page.get_by_text("Summer dresses")).to_be_visible()
        expect(page.page.get_by_text("The rest of the page")).to_be_visible()
        wait_until(lambda: service.asked, "the module asked for")

        assert service.asked[0] == "/client.js"
        expect(page.page.get_by_text("Summer dresses")).to_be_visible()
        assert page.layout_shift() == 0


def test_a_service_that_is_down_leaves_the_page_as_it_was(open_page: OpenPage) -> None:
    nowhere = f"http://127.0.0.1:{free_port()}"
    text = example("plain.html", nowhere)
    beside = text.replace(f"{nowhere}/client.js", "/client.js")
    with site({"/": text, "/beside": beside, "/client.js": MODULE.read_text()}) as url:
        without = open_page(url)
        kept = open_page(f"{url}/beside")
        expect(kept.page.locator("#hero")).to_have_attribute("data-source", "fallback")

        for page in (without, kept):
            expect(page.page.get_by_text("Summer dresses")).to_be_visible()
            assert page.layout_shift() == 0


BARE = """<!doctype html><body data-said="nothing"><script>
for (const name of NAMES) {
  Object.defineProperty(window, name, { get() { throw new DOMException(name); } });
}
</script><p id="part">A part</p><script type="module">
  import { BanditClient } from "/client.js";
  const client = new BanditClient("/", { persist: true });
  const circle = {};
  circle.circle = circle;
  const asked = [
    await client.decide("hero", { fallback: "a" }),
    await client.decide("hero", { fallback: "a", context: circle }),
    await client.decide("other", null),
  ];
  const odd = new BanditClient(undefined, null);
  for (const one of [client, odd]) {
    one.reward(null, 1);
    one.reward("d-1", circle);
    one.track("seen", { properties: circle });
    one.track();
    one.activate(undefined);
    one.observe(null, "d-1");
    one.observe("no element", "d-1");
    one.observe(document.querySelector("#part"), "d-1");
  }
  window.dispatchEvent(new Event("pagehide"));
  document.body.dataset.said = asked.map((one) => `${one.variant} ${one.source}`);
</script>"""
PARTS = ["fetch", "localStorage", "IntersectionObserver", "crypto", "AbortController"]


@pytest.mark.parametrize("names", [*([part] for part in PARTS), PARTS])
def test_a_browser_without_a_part_throws_nothing_into_the_page(
    open_page: OpenPage, names: list[str]
) -> None:
    pages = {"/": BARE.replace("NAMES", str(names)), "/client.js": MODULE.read_text()}
    with site(pages) as url:
        page = open_page(url)
        said = "a fallback,a fallback,null fallback"

        expect(page.page.locator("body")).to_have_attribute("data-said", said)
