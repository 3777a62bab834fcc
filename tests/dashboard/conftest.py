"""A real service with simulated visitors, and a real browser that looks at it.

A page that says anything on the console, fails to load something or breaks the
Content-Security-Policy fails the test that opened it.
"""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from bandit_svc.client import BanditClient, BanditClientError
from simulators.traffic import simulate

COMMAND = str(Path(sys.executable).with_name("bandit-svc"))
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
TIMEOUT_S = 60.0
WIDE, PHONE = 1100, 390
SEEN_FIRST = 800
"""Decisions that the shop has made before a test looks."""


class Shop:
    """A `bandit-svc serve` with keys, and visitors of `homepage-hero`."""

    def __init__(self, folder: Path) -> None:
        data, log = folder / "data", folder / "service.log"
        environment = {k: v for k, v in os.environ.items() if "BANDIT" not in k}
        made = subprocess.run(
            [COMMAND, "init", "--data", str(data)],
            capture_output=True,
            text=True,
            check=True,
            env=environment,
        ).stdout
        self.secret = str(re.search(r"bsk_\w+", made)[0])  # type: ignore[index]
        self.publishable = str(re.search(r"bpk_\w+", made)[0])  # type: ignore[index]
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        options = ["--data", str(data), "--port", str(port), "--workers", "2"]
        with log.open("wb") as out:
            self._process = subprocess.Popen(
                [COMMAND, "serve", *options], stdout=out, stderr=out, env=environment
            )
        self._log = log
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        self.client = BanditClient(self.url, self.secret)

    def wait_for(self, condition: Callable[[], bool], what: str) -> None:
        """Poll until a condition holds; show the service's log if it never does."""
        deadline = time.monotonic() + TIMEOUT_S
        while not condition():
            if time.monotonic() > deadline or self._process.poll() is not None:
                pytest.fail(f"it did not {what}: {self._log.read_text()[-3000:]}")
            time.sleep(0.05)

    def open(self) -> None:
        """Let the shop's visitors in; return when it has learned something."""
        self.wait_for(self.client.ready, "be ready")
        for rounds, rate in ((SEEN_FIRST, None), (10**9, 15.0)):
            call = partial(simulate, "hero", self.url, rounds, seed=7, rate=rate)
            self._visit(partial(call, key=self.secret, window_s=1.0, stop=self._stop))
        self.wait_for(lambda: self._learned() >= SEEN_FIRST // 2, "learn")

    def send_visitors(self, key: str) -> None:
        """Let somebody ask for decisions of an experiment, until the end."""

        def visit() -> None:
            with BanditClient(self.url, self.publishable) as client:
                number = 0
                while not self._stop.wait(0.02):
                    number += 1
                    context = {"device": ("phone", "desk")[number % 2]}
                    made = client.decide(key, f"u{number}", context, fallback="a")
                    if made.decision_id and number % 3 == 0:
                        client.reward(made.decision_id, 1.0)

        self._visit(visit)

    def has(self, key: str) -> bool:
        """Whether there is an experiment of that key."""
        try:
            return bool(self.client.experiment(key))
        except BanditClientError:
            return False

    def close(self) -> None:
        """Send the visitors home, and end the service."""
        self._stop.set()
        for thread in self._threads:
            thread.join(TIMEOUT_S)
        self.client.close()
        self._process.send_signal(signal.SIGTERM)
        assert self._process.wait(TIMEOUT_S) == 0

    def _visit(self, call: Callable[[], object]) -> None:
        thread = threading.Thread(target=call, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _learned(self) -> int:
        if not self.has("homepage-hero"):
            return 0
        return int(self.client.report("homepage-hero")["model"]["learned"])


class Window:
    """A browser's window on a shop, and everything that went wrong in it."""

    def __init__(self, browser: Browser, shop: Shop, **options: Any) -> None:
        self.faults: list[str] = []
        self.context: BrowserContext = browser.new_context(base_url=shop.url, **options)
        self.context.set_default_timeout(20_000)
        self.context.on("console", self._said)
        self.context.on("weberror", lambda e: self.faults.append(str(e.error)))
        self.context.on("requestfailed", self._failed)
        self.page: Page = self.context.new_page()

    def sign_in(self, key: str, path: str = "/") -> Page:
        """Go to a page by way of the form that asks for a key."""
        self.page.goto(path)
        self.page.get_by_label("Secret key").fill(key)
        self.page.get_by_role("button", name="Sign in").click()
        return self.page

    def _said(self, message: Any) -> None:
        if message.type in {"error", "warning"}:
            self.faults.append(f"{message.page.url}: {message.text}")

    def _failed(self, request: Any) -> None:
        # A part that refreshes itself is given up when its page is left.
        if request.failure != "net::ERR_ABORTED":
            self.faults.append(f"{request.url}: {request.failure}")


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """Give a service whose visitors have been coming for a while."""
    one = Shop(tmp_path_factory.mktemp("shop"))
    try:
        one.open()
        yield one
    finally:
        one.close()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Give Chromium; a machine without it fails, and says why."""
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
def open_window(browser: Browser, shop: Shop) -> Iterator[Callable[..., Window]]:
    """Give a function that opens a window; none may have had a fault at the end."""
    windows: list[Window] = []

    def opened(**options: Any) -> Window:
        windows.append(Window(browser, shop, **options))
        return windows[-1]

    yield opened
    for window in windows:
        window.context.close()
    assert [fault for window in windows for fault in window.faults] == []


@pytest.fixture(scope="session")
def grave_faults() -> Callable[[Page], list[str]]:
    """Give what axe-core finds serious or critical on a page."""
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
