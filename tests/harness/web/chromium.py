"""Chromium of the machine, without its window.

Owns how it is started.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from tests.harness.waiting import GENEROUS_S

# Playwright's own expectations wait as long as everything else.
expect.set_options(timeout=GENEROUS_S * 1000)

FLAGS: Final = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start Chromium; fail with a reason on a machine without it."""
    path = shutil.which("chromium")
    if path is None:
        pytest.fail(
            "chromium is missing, so the pages can't be tested: "
            "apt-get install chromium"
        )
    with sync_playwright() as playwright:
        one = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        yield one
        one.close()
