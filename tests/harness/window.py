"""A browser's window on a service, and every fault that the browser reported.

Owns `Window` and its options.
"""

from typing import Literal, Protocol, TypedDict, Unpack

from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Request,
    ViewportSize,
)

from tests.harness.waiting import GENEROUS_S

Scheme = Literal["light", "dark"]


class WindowOptions(TypedDict, total=False):
    """How a window looks at pages."""

    color_scheme: Scheme
    viewport: ViewportSize
    java_script_enabled: bool


class Window:
    """A browser's window on a shop, and everything that went wrong in it."""

    def __init__(
        self, browser: Browser, url: str, **options: Unpack[WindowOptions]
    ) -> None:
        self.faults: list[str] = []
        self.context: BrowserContext = browser.new_context(base_url=url, **options)
        self.context.set_default_timeout(GENEROUS_S * 1000)
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

    def _said(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            url = message.page.url if message.page else "a closed page"
            self.faults.append(f"{url}: {message.text}")

    def _failed(self, request: Request) -> None:
        # A part that refreshes itself is given up when its page is left.
        if request.failure != "net::ERR_ABORTED":
            self.faults.append(f"{request.url}: {request.failure}")


class OpenWindow(Protocol):
    """Open a window on the shop; none may have had a fault at the end of the test."""

    def __call__(self, **options: Unpack[WindowOptions]) -> Window: ...
