"""A page of somebody's site in a browser, and what its scripts throw.

Owns `OtherPage`. It is open when it has loaded, which nothing that is broken may hold
up.
"""

from typing import Protocol

from playwright.sync_api import Browser, BrowserContext, Page

from tests.harness.waiting import GENEROUS_S

_WATCH = """
window.layoutShifts = [];
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) window.layoutShifts.push(entry.value);
}).observe({ type: "layout-shift", buffered: true });
"""


class OtherPage:
    """A page and all that was thrown in it.

    Attributes:
        errors: exceptions, and rejections that nothing handled.
    """

    def __init__(self, browser: Browser, url: str) -> None:
        self.errors: list[str] = []
        self.context: BrowserContext = browser.new_context()
        self.context.set_default_timeout(GENEROUS_S * 1000)
        self.context.on("weberror", lambda e: self.errors.append(str(e.error)))
        self.context.add_init_script(_WATCH)
        self.page: Page = self.context.new_page()
        self.page.goto(url)

    def layout_shift(self) -> float:
        """Return the cumulative layout shift (CLS), after two more frames."""
        shifts: list[float] = self.page.evaluate(
            """async () => {
              const frame = () => new Promise(requestAnimationFrame);
              await frame();
              await frame();
              return window.layoutShifts;
            }"""
        )
        return sum(shifts)


class OpenPage(Protocol):
    """Open a page; none of its scripts may have failed at the end of the test."""

    def __call__(self, url: str) -> OtherPage: ...
