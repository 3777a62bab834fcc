"""Pages as a reader of HTML sees them, and a service that has something to show."""

import json
from collections.abc import Iterator
from urllib.parse import urlencode

import pytest

from bandit_svc.storage.overview import RecentState
from bandit_svc.web.forms.actions import ACTIONS
from tests.harness.page_addresses import page_addresses
from tests.harness.pages import Page, ReadPage, Visitor
from tests.harness.worker_in_process import StartWorker, WorkerInProcess

KEYS = ("hero", "untouched")
SCRIPT = "<script>alert('x')</script>"
WORDS = "\"><img src=x onerror=alert(1)>'"
_ASKED = ("holdout", "exploration_floor", "variant", "candidate", "baseline")


@pytest.fixture(scope="session")
def parse_page() -> type[Page]:
    """Return what reads the source of a page."""
    return Page


@pytest.fixture(scope="session")
def read_page() -> ReadPage:
    """Fetch a page, as the holder of a secret key unless told; check its form."""

    def read(service: WorkerInProcess, path: str, status: int = 200) -> Page:
        answer = service.get(path)
        assert (answer.status_code, answer.mimetype) == (status, "text/html"), path
        return Page(answer.text)

    return read


def live(service: WorkerInProcess) -> None:
    """Let an experiment earn, change, and be attacked by its callers' words."""
    service.create(
        "hero",
        description=SCRIPT,
        features={"views": "count(viewed)"},
        holdout=0.3,
        variants=[{"key": "a", "payload": {"title": SCRIPT}}, {"key": "b"}],
        reward={"window_seconds": 60},
        metrics=[{"name": "returns", "minimum": 0, "maximum": 1, "margin": 0.2}],
    )
    requests = [
        {
            "experiment": "hero",
            "unit_id": f"u{n}" if n % 60 else WORDS,
            "context": {
                "device": "phone" if n % 3 else SCRIPT,
                "hour": n % 24,
                "user": {WORDS: n % 2 == 0},
            },
        }
        for n in range(600)
    ]
    decided = service.post("/v1/decisions/batch", {"decisions": requests}).json
    rewards = [
        {"decision_id": d["decision_id"], "value": 1.0}
        for n, d in enumerate(decided["decisions"])
        if (d["variant"] == "a") == (n % 3 > 0)
    ]
    service.post("/v1/rewards/batch", {"rewards": rewards})
    hostile = {"traits": {"name": SCRIPT}, "links": [f"link-{WORDS}"]}
    service.call("PUT", "/v1/units/u2", hostile)
    service.post("/v1/events", {"unit_id": "u3", "event": "viewed"})
    service.learn(after_s=61)
    service.patch("/v1/experiments/hero", {"description": WORDS, "holdout": 0.2})
    service.decide("hero", defer=True)
    shown = service.decide("hero", defer=True, request_id=SCRIPT)
    service.decide("hero", exclude=["a"], context={"device": WORDS})
    service.reward(shown["decision_id"], 1.0, reward_id=SCRIPT)
    service.learn()


@pytest.fixture(scope="session")
def lived_in(start_shared_worker: StartWorker) -> Iterator[WorkerInProcess]:
    """Return a service with data that no test may change."""
    service = start_shared_worker()
    live(service)
    service.create("untouched")
    _run_programme(service)
    yield service
    service.close()


def _run_programme(service: WorkerInProcess) -> None:
    """Let a programme whose words are an attack have units in each group."""
    shop = {"key": "shop", "description": SCRIPT, "holdout": 0.3, "explore": 0.2}
    service.post("/v1/programmes", shop | {"layers": {"checkout": ["offer"]}})
    variants = [{"key": "nothing"}, {"key": "a"}]
    reward = {"window_seconds": 1}
    service.create(
        "offer", programme="shop", variants=variants, holdout=0.3, reward=reward
    )
    for n in range(150):
        decided = service.decide("offer", unit_id=f"s{n}")
        service.reward(decided["decision_id"], float(decided["variant"] == "a"))
    service.learn(after_s=2)


@pytest.fixture(scope="session")
def pages(lived_in: WorkerInProcess) -> list[str]:
    """Return the address of every page, by the routes of the application."""
    overview = lived_in.worker.storage.overview
    states: tuple[RecentState, ...] = ("open", "joined", "deferred")
    ids = [overview.recent(1, state, 1)[0].decision.id for state in states]
    asked = lived_in.call("DELETE", "/v1/units/u599").json
    situations = [
        *({"key": key, "name": name} for key in KEYS for name in ACTIONS),
        *({"unit_id": unit} for unit in ("u1", "u2", "u3")),
        {"erasure_id": str(asked["id"])},
        {"programme": "shop"},
        *({"key": "hero", "decision_id": one, "version": "1"} for one in ids),
    ]
    return page_addresses(lived_in.app.url_map, situations)


@pytest.fixture(scope="session")
def one_of_each(pages: list[str]) -> list[str]:
    """Return every page with something to show, and the questions that some take."""
    hostile = urlencode(dict.fromkeys(_ASKED, WORDS))
    return [
        # With a secret key, the form that asks for one has nothing to show.
        *(path for path in pages if path != "/sign-in"),
        *("/?q=her", "/?q=nothing"),
        "/experiments/hero/who?rows=hour&columns=device&variant=a",
        *(f"/experiments/hero/decisions?state={s}" for s in ("joined", "deferred")),
        f"/playground/hero?{urlencode({'asked': 1, '/' + WORDS: json.dumps(SCRIPT)})}",
        f"/playground/hero?{urlencode({'context': SCRIPT})}",
        "/experiments/hero/change/retire?variant=b",
        *(f"/experiments/hero/change/{name}?{hostile}" for name in ACTIONS),
    ]


@pytest.fixture
def hero(service: WorkerInProcess) -> WorkerInProcess:
    """Return a service with an experiment that has learned a little."""
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


@pytest.fixture
def visitor(hero: WorkerInProcess) -> Visitor:
    """Return a person who looks at it."""
    return Visitor(hero)
