"""A site of other people: pages of an origin that is not the service's.

Owns `site`, and the examples of the repository as pages of it.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.harness.fakes.json_server import Answer, Asked, json_server

EXAMPLES: Final = Path(__file__).parents[3] / "examples" / "web"
_HTML: Final = {"Content-Type": "text/html; charset=utf-8"}
_SCRIPT: Final = {"Content-Type": "text/javascript; charset=utf-8"}


@contextmanager
def site(pages: Mapping[str, str]) -> Iterator[str]:
    """Serve pages and scripts by their path until the end; yield the address."""

    def answer(asked: Asked) -> Answer:
        path = asked.path.partition("?")[0]
        text = pages.get(path)
        if text is None:
            return Answer(404, b"", _HTML)
        return Answer(200, text.encode(), _SCRIPT if path.endswith(".js") else _HTML)

    with json_server(answer) as url:
        yield url


def example(name: str, url: str, key: str = "bpk_any") -> str:
    """Return an example with the address of a service and a key for it."""
    text = (EXAMPLES / name).read_text()
    assert "http://localhost:8000" in text
    return text.replace("http://localhost:8000", url).replace(
        "bpk_YOUR_PUBLISHABLE_KEY", key
    )
