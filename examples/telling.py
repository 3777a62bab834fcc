"""What the two stories share: a service to ask, steps to tell, claims to check.

Owns the calls over HTTP, the commands, and a page in a browser. A story says what it
saw; a claim that does not hold ends it with exit code 1.
"""

import argparse
import json
import shutil
import subprocess
import sys
import textwrap
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, TypeVar

from playwright.sync_api import Page, sync_playwright

Found = TypeVar("Found")
Json = dict[str, Any]

PATIENCE_S = 120.0
"""How long a story waits for what happens within seconds on a quiet machine."""
COMMAND = str(Path(sys.executable).with_name("bandit-svc"))


class Service:
    """A running service, its data folder, and its two keys."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self.url: str = arguments.url
        self.data: str = arguments.data
        self.secret: str = arguments.secret
        self.publishable: str = arguments.publishable

    def ask(
        self,
        method: str,
        path: str,
        body: object = None,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[int, Any]:
        """Send a request on a connection of its own; return status and JSON."""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        request = urllib.request.Request(  # noqa: S310 - the service's own address
            self.url + path,
            data=None if body is None else raw,
            method=method,
            headers={
                "Authorization": f"Bearer {self.secret}",
                "Content-Type": "application/json",
                **(headers or {}),
            },
        )
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:  # noqa: S310
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read() or b"null")

    def get(self, path: str) -> Any:
        """Return what is at a path; None where it is not there yet."""
        status, found = self.ask("GET", path)
        return found if status < 300 else None

    def post(self, path: str, body: object, method: str = "POST") -> Any:
        """Send a body that must be taken."""
        status, found = self.ask(method, path, body)
        check(status < 300, f"{method} {path} is taken: {status} {found}")
        return found

    def command(self, *words: str) -> str:
        """Run `bandit-svc` over the data folder; return what it printed."""
        done = subprocess.run(
            [COMMAND, *words, "--data", self.data],
            capture_output=True,
            text=True,
            check=False,
        )
        check(done.returncode == 0, f"bandit-svc {' '.join(words)}: {done.stderr}")
        return done.stdout


def service_of(description: str) -> Service:
    """Return the service that the command line names."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--url", required=True)
    parser.add_argument("--data", required=True, help="the folder of the service")
    parser.add_argument("--secret", required=True, help="a secret key")
    parser.add_argument("--publishable", required=True, help="a publishable key")
    return Service(parser.parse_args())


def tell(number: int, text: str) -> None:
    """Print a step of the story."""
    first = f"{number}. ".rjust(4)
    lines = textwrap.wrap(text, 78, initial_indent=first, subsequent_indent=" " * 4)
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()


def check(holds: object, claim: str) -> None:
    """End the story where a claim does not hold."""
    if not holds:
        sys.exit(f"This should hold, and does not: {claim}")


def wait(condition: Callable[[], Found], claim: str) -> Found:
    """Return what a condition returns once it is true; end the story if it is not."""
    deadline_s = time.monotonic() + PATIENCE_S
    while not (found := condition()):
        check(time.monotonic() < deadline_s, claim)
        time.sleep(0.05)
    return found


@contextmanager
def opened(html: str) -> Iterator[Page]:
    """Open a page of a site of its own in Chromium."""
    sent = html.encode()

    class Handler(BaseHTTPRequestHandler):
        """Answers everything with the page."""

        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(sent)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=shutil.which("chromium"),
                args=["--no-sandbox", "--disable-gpu"],
            )
            page = browser.new_page()
            page.set_default_timeout(PATIENCE_S * 1000)
            page.goto(f"http://127.0.0.1:{server.server_port}/")
            yield page
            browser.close()
    finally:
        server.shutdown()
        server.server_close()
