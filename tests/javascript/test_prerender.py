"""A page that Chromium prepares by itself before its visitor opens it.

Without Playwright, under which Chromium prepares no page.
"""

import shutil
import threading
from pathlib import Path

import pytest

from tests.harness.fakes.json_server import Answer, Asked, json_server
from tests.harness.process import Process
from tests.harness.shop import Shop
from tests.harness.waiting import GENEROUS_S, wait_until
from tests.harness.web.chromium import FLAGS

pytestmark = pytest.mark.e2e

FIRST = """<!doctype html><script type="speculationrules">
{"prerender": [{"urls": ["/second"], "eagerness": "immediate"}]}
</script><p>First</p><script>
fetch("/opens").then(() => { location.href = "/second"; });
</script>"""
SECOND = """<!doctype html><p>Second</p><script type="module">
  const { BanditClient } = await import("URL/client.js");
  const client = new BanditClient("URL", { key: "KEY", timeoutMs: 100000 });
  const was = document.prerendering;
  const decision = await client.decide("homepage-hero", { fallback: "mine" });
  fetch(`/made/${was}/${decision.decisionId}`);
</script>"""
HTML = {"Content-Type": "text/html"}


def test_a_prepared_page_counts_when_it_is_opened(shop: Shop, tmp_path: Path) -> None:
    made: list[str] = []
    opens = threading.Event()
    second = SECOND.replace("URL", shop.url).replace("KEY", shop.publishable)

    def answer(asked: Asked) -> Answer:
        if asked.path == "/opens":
            opens.wait(GENEROUS_S)
        if asked.path.startswith("/made/"):
            made.append(asked.path)
        pages = {"/first": FIRST, "/second": second}
        return Answer(200, pages.get(asked.path, "").encode(), HTML)

    chromium = shutil.which("chromium") or pytest.fail("apt-get install chromium")
    profile = f"--user-data-dir={tmp_path / 'profile'}"
    with json_server(answer) as url:
        command = [chromium, "--headless=new", *FLAGS, profile, f"{url}/first"]
        browser = Process([*command, "--remote-debugging-port=0"], tmp_path / "log")
        try:
            _, _, was, id_ = wait_until(
                lambda: made and made[0].split("/"), "a decision"
            )
            before = shop.wait_for(lambda: shop.look_up(id_), "it known")
            opens.set()
            shop.wait_for(lambda: shop.look_up(id_)["state"] == "open", "it active")
        finally:
            opens.set()
            browser.terminate()
            browser.end()

    assert (was, before["state"]) == ("true", "deferred")
