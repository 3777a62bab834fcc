"""Pages as a reader of HTML sees them, and a service that has something to show."""

import json
from collections.abc import Iterator
from urllib.parse import urlencode

import pytest

from tests.harness.pages import Page, ReadPage, Visitor
from tests.harness.worker_in_process import StartWorker, WorkerInProcess

SCRIPT = "<script>alert('x')</script>"
WORDS = "\"><img src=x onerror=alert(1)>'"
_ASKED = ("holdout", "exploration_floor", "variant", "candidate", "baseline")


@pytest.fixture(scope="session")
def parse_page() -> type[Page]:
    """Give what reads the source of a page."""
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
        for n in range(600)
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
def lived_in(start_worker: StartWorker) -> Iterator[WorkerInProcess]:
    """Give a service with data that no test may change."""
    service = start_worker()
    live(service)
    service.create("untouched")
    yield service
    service.close()


@pytest.fixture(scope="session")
def one_of_each(lived_in: WorkerInProcess) -> list[str]:
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
def hero(service: WorkerInProcess) -> WorkerInProcess:
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


@pytest.fixture
def visitor(hero: WorkerInProcess) -> Visitor:
    """Give a person who looks at it."""
    return Visitor(hero)
