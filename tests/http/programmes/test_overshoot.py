"""How often a cap that is not strict is exceeded in a world like the real one."""

import random
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.harness.simulated.capped_shop import MAIL, NOTHING
from tests.harness.worker_in_process import WorkerInProcess

SEED = 17
PEOPLE = 150
SESSIONS = 4
LEARNER_S = 0.3
DAY_S = 86_400.0


def visits(rng: random.Random) -> Iterator[tuple[float, int]]:
    """Yield times in seconds and people: sessions of pages, some of them reloaded.

    A page is read for 20 seconds on average; one of 50 is loaded again within a second,
    as an impatient visitor does.
    """
    every: list[tuple[float, int]] = []
    for person in range(PEOPLE):
        for _ in range(SESSIONS):
            at_s = rng.random() * 7 * DAY_S
            for _ in range(rng.choice([1, 1, 2, 3, 5])):
                every.append((at_s, person))
                if rng.random() < 0.02:
                    every.append((at_s + rng.random(), person))
                at_s += rng.expovariate(1 / 20)
    yield from sorted(every)


@pytest.mark.statistical
def test_less_than_one_exposure_of_a_hundred_is_beyond_its_cap(
    service: WorkerInProcess,
) -> None:
    """Two workers, each asked at random; the learner knows after 0.3 seconds.

    So it does in half of that time where nothing else is to be learned. Each exposure
    of the second one's page that is loaded again by the other worker in that time is
    too many. Everything follows from the seed, since the policy is fixed.
    """
    rng = random.Random(SEED)  # noqa: S311 - simulated visitors
    service.post("/v1/programmes", {"key": "shop", "caps": [MAIL]})
    service.create(
        "banner",
        programme="shop",
        channel="email",
        holdout=0.0,
        exploration_floor=0.0,
        policy={"kind": "fixed", "variant": "a"},
        variants=[NOTHING, {"key": "a"}],
    )
    began_ms, learned_s, shown = service.now_ms, 0.0, 0
    with ExitStack() as stack:
        other = WorkerInProcess(
            service.folder, dev=False, suffix="cd34", now_ms=service.now_ms
        )
        stack.callback(other.close)
        for at_s, person in visits(rng):
            if at_s > learned_s + LEARNER_S:
                service.learn()
                learned_s = at_s
            service.now_ms = other.now_ms = began_ms + round(at_s * 1_000)
            answer = rng.choice([service, other]).decide(
                "banner", unit_id=f"person-{person}"
            )
            shown += answer["variant"] == "a"
        service.learn()

    (row,) = service.get("/v1/programmes/shop/report").json["caps"]
    assert shown > 250
    assert row["hits"] > 250
    assert row["overshoot"] <= 0.01 * shown
