"""Pages as a person reads them in a browser that runs no script.

Owns `Page`, the parsed source of a page, and `Visitor`, who has signed in.
"""

from html.parser import HTMLParser
from typing import Protocol

from werkzeug.test import TestResponse

from tests.harness.worker_in_process import WorkerInProcess

# An SVG's empty elements are closed by themselves.
_VOID = frozenset({"meta", "link", "input", "img", "br"})
_INLINE = ("style", "on", "hx-on")


class Page(HTMLParser):
    """The text of a page and its tags; refuses tags left open and inline code."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.fields: dict[str, str] = {}
        self.words: list[str] = []
        self._open: list[str] = []
        self.feed(source)
        self.close()
        assert self._open == []
        assert len(self.ids) == len(set(self.ids))

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._element(tag, attrs)
        if tag not in _VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._element(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag, tag

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] == "script":
            assert data.strip() == "", "a script within the page"
        self.words.append(data)

    def _element(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        assert not [name for name in given if name.startswith(_INLINE)], (tag, given)
        assert tag != "style"
        assert tag != "script" or "src" in given
        self.tags.append(tag)
        if "id" in given:
            self.ids.append(given["id"])
        if tag == "a":
            self.links.append(given["href"])
        if tag == "input":
            self.fields[given.get("name", "")] = given.get("value", "")


class ReadPage(Protocol):
    """Fetch a page with the secret key; require its status and that it is HTML."""

    def __call__(
        self, service: WorkerInProcess, path: str, status: int = 200
    ) -> Page: ...


class Visitor:
    """A person who has signed in with a browser that runs no script."""

    def __init__(self, service: WorkerInProcess) -> None:
        self.client = service.new_client()
        self.client.post("/sign-in", data={"key": service.secret})

    def get(self, path: str, status: int = 200) -> Page:
        answer = self.client.get(path)
        assert answer.status_code == status, answer.text
        return Page(answer.text)

    def confirm(self, path: str, **other: str) -> TestResponse:
        """Open the page that says what will happen, and press its button."""
        fields = self.get(path).fields
        return self.send(path, fields | other)

    def send(self, path: str, fields: dict[str, str]) -> TestResponse:
        return self.client.post(path.partition("?")[0], data=fields)

    def told(self, answer: TestResponse) -> str:
        """Follow the answer to a form; return the page's text."""
        assert answer.status_code == 303, answer.text
        return self.get(answer.headers["Location"]).text
