"""What the learner's reports cost: short turns, and none where nothing happened."""

from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import count, pairwise

import pytest

from bandit_svc.learner.loop import Tick
from bandit_svc.learner.reporting import Reporting
from bandit_svc.services.learning.ingest import Ingested
from bandit_svc.services.managing import lifecycle
from bandit_svc.settings import Settings
from bandit_svc.wiring import Backends


@pytest.fixture
def three(settings: Settings, initialise: Callable[[], None]) -> Iterator[Backends]:
    """Return a store of three experiments, numbers 1 to 3."""
    initialise()
    with closing(Backends(settings)) as backends:
        for key in ("second", "third"):
            raw = {"key": key, "variants": [{"key": "a"}, {"key": "b"}]}
            made = lifecycle.convert_definition(raw)
            lifecycle.create(backends.storage, made, "salt", 0)
        yield backends


def reported_at_ms(backends: Backends, now_ms: int) -> list[int | None]:
    rows = backends.storage.overview.summaries(now_ms)
    return [None if r.headline is None else r.headline.as_of_ms for r in rows]


def test_a_turn_is_short_however_many_experiments_there_are(
    three: Backends,
) -> None:
    clock_s = count(100.0, 60.0)  # A report takes a minute.
    reporting = Reporting(three.storage, three.reader, clock_s=lambda: next(clock_s))
    found = []
    for now_ms in range(1_000, 60_000, 1_000):
        reporting.refresh(now_ms)
        found.append(sum(at is not None for at in reported_at_ms(three, now_ms)))

    assert {new - old for old, new in pairwise(found)} <= {0, 1}
    assert found[-1] == 3


def test_only_experiments_that_something_has_happened_to_get_a_new_report(
    three: Backends,
) -> None:
    clock_s = count(100.0, 0.001)
    reporting = Reporting(
        three.storage, three.reader, clock_s=lambda: next(clock_s), every_s=0.0
    )
    for now_ms in 100 * [0] + 100 * [30_000]:
        reporting.refresh(now_ms)
    counts = {(2, "rewards_accepted"): 1}
    reporting.count(Tick(ingested=Ingested(0, counts=counts), joined=0))
    for _ in range(100):
        reporting.refresh(31_000)
    once = reported_at_ms(three, 31_000)
    for _ in range(100):
        reporting.refresh(61_000)

    assert once == [30_000, 31_000, 30_000]
    # The others' headlines are kept again from time to time: the learner lives.
    assert reported_at_ms(three, 61_000) == [61_000] * 3
