"""Labels of decisions are few, however many experiments and variants there are."""

import pytest
from prometheus_client import REGISTRY

from bandit_svc import metrics
from tests.harness.worker_in_process import StartWorker, WorkerInProcess


@pytest.fixture(scope="module")
def crowded(start_shared_worker: StartWorker) -> WorkerInProcess:
    """A service with one experiment more than have labels of their own, and a wide one.

    They are created in this order: the wide one, e1 to e199, beyond.
    """
    service = start_shared_worker()
    wide = [{"key": f"v{number}"} for number in range(metrics.MAX_VARIANTS + 1)]
    service.create("wide", variants=wide, policy={"kind": "uniform"})
    for number in range(1, metrics.MAX_EXPERIMENTS):
        service.create(f"e{number}", policy={"kind": "uniform"})
    service.create("beyond", policy={"kind": "uniform"})
    return service


def counted(experiment: str, variant: str) -> float:
    """Decisions of both groups under these labels."""
    return sum(
        REGISTRY.get_sample_value(
            "bandit_decisions_total",
            {"experiment": experiment, "variant": variant, "group": group},
        )
        or 0.0
        for group in ("treatment", "baseline")
    )


def test_an_experiment_beyond_the_cap_is_counted_under_other(
    crowded: WorkerInProcess,
) -> None:
    before = counted("(other)", "(other)")
    crowded.decide("beyond", variants=["a"])
    crowded.decide("e199", variants=["a"])

    assert counted("(other)", "(other)") == before + 1
    assert counted("beyond", "a") == 0
    assert counted("e199", "a") == 1


def test_a_variant_beyond_the_cap_is_counted_under_other(
    crowded: WorkerInProcess,
) -> None:
    last = f"v{metrics.MAX_VARIANTS}"
    crowded.decide("wide", variants=["v0"])
    crowded.decide("wide", variants=[last])

    assert counted("wide", "v0") == 1
    assert counted("wide", "(other)") == 1
    assert counted("wide", last) == 0


def test_an_archived_experiment_makes_room_for_a_new_one(
    start_worker: StartWorker,
) -> None:
    service = start_worker()
    for number in range(metrics.MAX_EXPERIMENTS + 1):
        service.create(f"room{number}")
    every = service.worker.catalog.all
    before = metrics.labelled_experiments(every())
    service.patch("/v1/experiments/room0", {"status": "archived"})
    after = metrics.labelled_experiments(every())

    assert before - after == {"room0"}
    assert after - before == {f"room{metrics.MAX_EXPERIMENTS}"}
