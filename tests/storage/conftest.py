"""Stores, facts and processes for the storage tests.

The fixture `store_place` is all that the contract suite knows of a backend. A test of
what one of them can not do yet is marked with those that can.
"""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from bandit_svc.domain.events.cursor import Cursor
from bandit_svc.domain.events.decision import Activation, Decision
from bandit_svc.domain.events.event import Event, encode_event
from bandit_svc.domain.events.reward import Reward
from bandit_svc.domain.experiment import Definition, Experiment
from bandit_svc.domain.variant import Variant
from bandit_svc.storage.interface import Storage
from bandit_svc.storage.rows import (
    Arrival,
    ClosedDecision,
    ClosingRule,
    DueDecision,
    IngestOutcome,
)
from tests.harness.stored.backends import open_place, place_of
from tests.harness.stored.postgres import (
    SCHEMA,
    as_it_was_made,
    make_schema,
    postgres_server,
)
from tests.harness.waiting import GENEROUS_S

ROOT = Path(__file__).parents[2]
PROCESS = "tests.storage.storage_process"
BACKENDS = ("sqlite", "postgres")
SECOND = ClosingRule(closes_after_ms=1000, window_ms=1000, on_first_reward=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run each test of the contract over every backend that can do it."""
    if "store_place" in metafunc.fixturenames:
        marked = metafunc.definition.get_closest_marker("backends")
        own = metafunc.definition.path.parent.name
        backends = (own,) if own in BACKENDS else BACKENDS
        if marked is not None:
            backends = marked.args
        metafunc.parametrize("store_place", backends, indirect=True)


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """Return the address of a server that has a store."""
    with postgres_server() as address:
        make_schema(address)
        yield address


@pytest.fixture
def store_place(request: pytest.FixtureRequest, folder: Path) -> Iterator[str]:
    """Return where the one store of the test is; see tests.harness.stored.backends."""
    if request.param == "sqlite":
        yield str(folder)
        return
    address = request.getfixturevalue("postgres")
    with as_it_was_made(address):
        yield place_of(address, SCHEMA, folder)


@pytest.fixture
def open_store(store_place: str) -> Iterator[Callable[[], Storage]]:
    """Open the one store of the test, as often as asked; close all after."""
    opened: list[Storage] = []

    def make() -> Storage:
        storage = open_place(store_place)
        opened.append(storage)
        return storage

    yield make
    for storage in opened:
        storage.close()


@pytest.fixture
def storage(open_store: Callable[[], Storage]) -> Storage:
    storage = open_store()
    storage.migrate()
    storage.initialise(bytes(32), 0)
    return storage


@pytest.fixture
def hero(storage: Storage) -> Experiment:
    definition = Definition(key="hero", variants=(Variant("a"), Variant("b")))
    return storage.experiments.create(definition, "salt", 0)


@pytest.fixture
def new_decision() -> Callable[..., Decision]:
    """Make a decision of experiment 1 for variant a at time 0, unless told."""

    def make(decision_id: str = "d", variant: str = "a", **fields: object) -> Decision:
        made = Decision(
            id=decision_id,
            experiment="hero",
            number=1,
            revision=1,
            decided_at_ms=0,
            group="treatment",
            context={},
            variants=("a", "b"),
            pmf=(0.5, 0.5),
            chosen="ab".index(variant),
            propensity=0.5,
            model_version=0,
        )
        return msgspec.structs.replace(made, **fields)

    return make


@pytest.fixture
def new_reward() -> Callable[..., Reward]:
    """Make a reward of 1 for decision d, received when it occurred, at time 10."""

    def make(
        decision_id: str = "d", value: float = 1.0, at_ms: int = 10, **fields: object
    ) -> Reward:
        made = Reward(decision_id, 1, value, "", at_ms, at_ms)
        return msgspec.structs.replace(made, **fields)

    return make


@pytest.fixture
def new_activation() -> Callable[..., Activation]:
    def make(decision_id: str = "d", at_ms: int = 500) -> Activation:
        return Activation(decision_id, 1, at_ms)

    return make


@pytest.fixture
def ingest(storage: Storage) -> Callable[..., IngestOutcome]:
    """Ingest events as one batch; decisions close after `rule`."""

    def run(
        *events: Event,
        rule: ClosingRule = SECOND,
        cursors: dict[str, Cursor] | None = None,
    ) -> IngestOutcome:
        arrivals = [Arrival(encode_event(event), event, rule) for event in events]
        return storage.facts.ingest(arrivals, cursors or {})

    return run


@pytest.fixture
def closed() -> Callable[..., ClosedDecision]:
    """Close a due decision with a reward, as services.learning.join would."""

    def make(due: DueDecision, reward: float = 0.0, **fields: object) -> ClosedDecision:
        made = ClosedDecision(
            due, reward, counted=0, learnable=True, secondary={}, late=()
        )
        return msgspec.structs.replace(made, **fields)

    return make


@pytest.fixture
def join(
    storage: Storage, closed: Callable[..., ClosedDecision]
) -> Callable[..., None]:
    """Close the one decision that is due at second 1, with a reward."""

    def run(reward: float = 0.0, **fields: object) -> None:
        (due,) = storage.joins.due(1000, 10)
        storage.joins.close([closed(due, reward, **fields)], 1000)

    return run


@pytest.fixture
def start_process(store_place: str) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start storage_process.py with a scenario; kill it after the test."""
    processes: list[subprocess.Popen[str]] = []

    def start(scenario: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", PROCESS, scenario, store_place],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        processes.append(process)
        return process

    yield start
    for process in processes:
        process.kill()
        process.communicate()


@pytest.fixture
def in_other_process(
    start_process: Callable[..., subprocess.Popen[str]],
) -> Callable[[str], None]:
    """Run a scenario to its end in a process of its own."""

    def run(scenario: str) -> None:
        output, _ = start_process(scenario).communicate(timeout=GENEROUS_S)
        assert output.endswith("done\n")

    return run
