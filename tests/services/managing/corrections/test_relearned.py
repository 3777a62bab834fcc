"""What was learned from corrected rewards is that of a log that had them at once."""

from collections.abc import Callable
from typing import Any

import pytest

from bandit_svc.domain.experiment import UnitHashes
from bandit_svc.services.serving.decide import Decided
from tests.harness.service import SECOND_MS, Service

ROUNDS = 700
REFUNDS = 500
TICKS = 6
UNITS = 60
NewService = Callable[[str], Service]


@pytest.fixture(
    params=[
        {"kind": "vw"},
        {"kind": "auto"},
        {"kind": "linear", "change": "detect", "memory": 100},
        {"kind": "vw", "explorer": "bag"},
    ],
    ids=["vw", "auto", "linear", "vw-bag"],
)
def policy(request: pytest.FixtureRequest) -> dict[str, Any]:
    """The last one does not resume exactly by itself."""
    return dict(request.param)


def started(new_service: NewService, name: str, policy: dict[str, Any]) -> Service:
    """Return a service with an experiment that has every sum there is."""
    service = new_service(name)
    service.start()
    service.create(
        policy=policy,
        candidates=[policy, {"kind": "thompson"}],
        holdout=0.3,
        reward={"aggregate": "sum", "minimum": -20, "maximum": 100},
        metrics=[{"name": "margin", "minimum": 0, "maximum": 16}],
        derived_metrics=[
            {"name": "person", "kind": "per_unit", "of": "margin"},
            {"name": "again", "kind": "retention", "days": 0.00003},
            {
                "name": "rate",
                "kind": "ratio",
                "numerator": "margin",
                "denominator": "decisions",
            },
        ],
        covariate={"key": "hour", "minimum": 0, "maximum": 24},
    )
    return service


def is_refunded(index: int) -> bool:
    return index % 7 < 5 and index < REFUNDS * 7 // 5


def refund(index: int) -> float:
    """A refund of all, of more than all, or of a part."""
    return (0.0, -15.0, 12.5)[index % 3]


def written(service: Service, *, refunded: bool) -> list[Decided]:
    """Write a log that no learner has read; each decision earns something."""
    made = []
    for index in range(ROUNDS):
        service.now_ms += 10
        unit_id = f"u{service.random.randrange(UNITS)}"
        context = {
            "device": service.random.choice(["mobile", "desktop"]),
            "hour": service.random.randrange(24),
        }
        worker = service.workers[index % 2]
        decided = service.decide(worker, unit_id=unit_id, context=context)
        made.append(decided)
        first = 3.25 * (index % 11)
        last = refund(index) if refunded and is_refunded(index) else 20.0 + index % 60
        service.reward(decided, first, reward_id="tip")
        service.reward(decided, last, worker=service.workers[index % 3 % 2])
        service.reward(decided, last / 8, metric="margin")
    return made


def learned(service: Service) -> None:
    """Learn in several steps, so that there are versions in between."""
    ends_ms = service.now_ms + 2 * SECOND_MS
    begins_ms = service.now_ms - ROUNDS * 10
    for step in range(1, TICKS + 1):
        service.now_ms = begins_ms + (ends_ms - begins_ms) * step // TICKS
        service.learner_lives()
        service.learner.tick()


def corrected(service: Service, made: list[Decided]) -> None:
    """Refund from the last to the first, by both workers, some of them twice."""
    for index in reversed(range(ROUNDS)):
        if not is_refunded(index):
            continue
        service.now_ms += 1
        worker = service.workers[index % 5 % 2]
        if index % 10 == 0:
            service.correct(made[index], 1.0, worker)
            service.now_ms += 1
        service.correct(made[index], refund(index), worker)
        service.correct(made[index], refund(index) / 8, worker, metric="margin")


def state_of(service: Service) -> dict[str, Any]:
    """Return all that follows from rewards, to the last bit."""
    joins, found = service.storage.joins, service.storage.breakdowns
    rows = joins.after(1, 0, 10**6)
    units = {service.storage.experiments.get("hero").number}
    return {
        "joined": [
            (row.position, row.reward, row.learnable, row.decision.id) for row in rows
        ],
        "tallies": joins.tallies(1),
        "history": found.history(1),
        "latencies": found.latencies(1),
        "drift": found.drift(1),
        "calibration": found.calibration(1),
        "uplift": joins.uplift(1),
        "units": [joins.unit_states(number, _hashes(service)) for number in units],
        "adjusted": joins.adjusted(1),
        "evaluations": service.storage.evaluations.all(1),
        "reward_models": service.storage.evaluations.reward_models(1),
        "model": service.model().state,
        "spans": service.model().meta.spans,
        "learned": service.model().meta.learned,
    }


def _hashes(service: Service) -> list[int]:
    hashes = UnitHashes(service.storage.experiments.get("hero").salt)
    return [hashes.of(f"u{unit}") for unit in range(UNITS)]


def test_500_refunds_after_learning_leave_what_a_log_with_them_gives(
    new_service: NewService, policy: dict[str, Any]
) -> None:
    reference = started(new_service, "reference", policy)
    written(reference, refunded=True)
    learned(reference)
    service = started(new_service, "corrected", policy)
    made = written(service, refunded=False)
    learned(service)
    before = state_of(service)
    corrected(service, made)
    service.relearn()
    after, expected = state_of(service), state_of(reference)

    assert before["model"] != after["model"]
    for name, value in expected.items():
        assert after[name] == value, name
    assert service.replay().matches
    assert service.storage.facts.check() == []
