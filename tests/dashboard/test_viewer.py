"""The viewer of the page `/docs`, under the policy that allows no other host."""

import pytest

from bandit_svc.http.openapi.document import examples
from tests.harness.shop import Shop
from tests.harness.window import OpenWindow

pytestmark = pytest.mark.e2e


def test_the_viewer_shows_each_call_with_its_example_and_asks_no_other_host(
    shop: Shop, open_window: OpenWindow
) -> None:
    window = open_window()
    page = window.sign_in(shop.secret)
    hosts: set[str] = set()
    page.on("request", lambda request: hosts.add(request.url.split("/")[2]))
    page.goto("/docs")

    page.get_by_role("button", name="Open the viewer").click()
    call = page.locator("#operations-default-post_decisions")
    call.locator(".opblock-summary").click()
    example = examples()["post /v1/decisions"]["answer"]
    call.get_by_text(f'"{example["decision_id"]}"').first.wait_for()

    described = page.request.get("/openapi.json").json()["paths"].values()
    assert page.locator(".opblock").count() == sum(map(len, described))
    assert hosts == {shop.url.split("/")[2]}
