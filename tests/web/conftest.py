"""Pages as a reader of HTML sees them, and a service that has something to show."""

import json
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlencode

import pytest

Service = Any
SCRIPT = "<script>alert('x')</script>"
WORDS = "\"><img src=x onerror=alert(1)>'"
_VOID = frozenset({"meta", "link", "input", "img", "br"})
# An SVG's empty elements are closed by themselves.
_ASKED = ("holdout", "exploration_floor", "variant", "candidate", "baseline")
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


@pytest.fixture(scope="session")
def parse_page() -> type[Page]:
    """Give what reads the source of a page."""
    return Page


@pytest.fixture(scope="session")
def read_page() -> Callable[..., Page]:
    """Fetch a page, as the holder of a secret key unless told; check its form."""

    def read(service: Service, path: str, status: int = 200) -> Page:
        answer = service.get(path)
        assert (answer.status_code, answer.mimetype) == (status, "text/html"), path
        return Page(answer.text)

    return read


def live(service: Service) -> None:
    """Let an experiment earn, change, and be attacked by its callers' words."""
    service.create(
        "hero",
        description=SCRIPT,
        holdout=0.3,
        variants=[{"key": "a", "payload": {"title": SCRIPT}}, {"key": "b"}],
        reward={"window_seconds": 60},
        metrics=[{"name": "returns", "minimum": 0, "maximum": 1, "margin": 0.2}],
    )
    requests = [
        {
            "experiment": "hero",
            "unit_id": f"u{n}" if n % 2 else WORDS,
            "context": {
                "device": "phone" if n % 3 else SCRIPT,
                "hour": n % 24,
                "user": {WORDS: n % 2 == 0},
            },
        }
        for n in range(400)
    ]
    decided = service.post("/v1/decisions/batch", {"decisions": requests}).json
    rewards = [
        {"decision_id": d["decision_id"], "value": 1.0}
        for n, d in enumerate(decided["decisions"])
        if (d["variant"] == "a") == (n % 3 > 0)
    ]
    service.post("/v1/rewards/batch", {"rewards": rewards})
    service.learn(after_s=61)
    service.patch("/v1/experiments/hero", {"description": WORDS, "holdout": 0.2})
    deferred = service.decide("hero", defer=True, request_id=SCRIPT)
    service.decide("hero", exclude=["a"], context={"device": WORDS})
    service.reward(deferred["decision_id"], 1.0, reward_id=SCRIPT)
    service.learn()


@pytest.fixture(scope="session")
def lived_in(start_worker: Callable[..., Any]) -> Iterator[Any]:
    """Give a service with data that no test may change."""
    service = start_worker()
    live(service)
    service.create("untouched")
    yield service
    service.close()


@pytest.fixture(scope="session")
def one_of_each(lived_in: Service) -> list[str]:
    """Give the address of every page with something to show."""
    overview = lived_in.worker.storage.overview
    ids = [
        overview.recent(1, state, 1)[0].decision.id
        for state in ("open", "joined", "deferred")
    ]
    return [
        *("/", "/?q=her", "/?q=nothing", "/ops", "/docs"),
        *("/experiments/hero", "/experiments/untouched", "/experiments/hero/live"),
        "/experiments/hero/who?rows=hour&columns=device&variant=a",
        "/experiments/hero/decisions",
        *(f"/experiments/hero/decisions?state={s}" for s in ("joined", "deferred")),
        "/experiments/untouched/decisions",
        *("/new", "/experiments/hero/start", "/experiments/untouched/start"),
        *("/playground/hero", "/playground/untouched"),
        f"/playground/hero?{urlencode({'asked': 1, '/' + WORDS: json.dumps(SCRIPT)})}",
        f"/playground/hero?{urlencode({'context': SCRIPT})}",
        "/experiments/hero/models/1/restore",
        *(f"/experiments/hero/change/{name}" for name in ("pause", "archive")),
        "/experiments/hero/change/retire?variant=b",
        *(
            f"/experiments/hero/change/{name}?{urlencode(dict.fromkeys(_ASKED, WORDS))}"
            for name in ("holdout", "floor", "retire", "bring-back", "promote")
        ),
        *(f"/experiments/hero/decisions/{one}" for one in ids),
    ]


@pytest.fixture
def hero(service: Service) -> Service:
    """Give a service with an experiment that has learned a little."""
    service.create(
        "hero",
        variants=[{"key": "a", "payload": {"img": "a"}}, {"key": "b"}, {"key": "c"}],
        holdout=0.1,
        candidates=[{"kind": "linear", "name": "straight"}],
        reward={"window_seconds": 60},
    )
    for _ in range(2):
        decided = [service.decide("hero", unit_id=f"u{n}") for n in range(20)]
        service.reward(decided[0]["decision_id"], 1.0)
        service.learn(after_s=61)
    return service


class Visitor:
    """A person who has signed in with a browser that runs no script."""

    def __init__(self, service: Service) -> None:
        self.client = service.app.test_client()
        self.client.post("/sign-in", data={"key": service.secret})

    def get(self, path: str, status: int = 200) -> Any:
        answer = self.client.get(path)
        assert answer.status_code == status, answer.text
        return Page(answer.text)

    def confirm(self, path: str, **other: str) -> Any:
        """Open the page that says what will happen, and press its button."""
        fields = self.get(path).fields
        return self.send(path, fields | other)

    def send(self, path: str, fields: dict[str, str]) -> Any:
        return self.client.post(path.partition("?")[0], data=fields)

    def told(self, answer: Any) -> str:
        """Follow the answer to a form; give the page's text."""
        assert answer.status_code == 303, answer.text
        return str(self.get(answer.headers["Location"]).text)


@pytest.fixture
def visitor(hero: Service) -> Visitor:
    """Give a person who looks at it."""
    return Visitor(hero)
