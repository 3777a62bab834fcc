"""How soon models are served is read from the versions of answers."""

from pathlib import Path

from benchmarks.cluster.audit import backends_of
from benchmarks.cluster.ledger import Told
from benchmarks.cluster.spread import (
    Publications,
    Published,
    lateness_s,
    quantile,
)
from tests.harness.service import Service
from tests.harness.waiting import wait_until

ENDED_S = 100.0


def answer(version: int | None, asked_s: float, experiment: str = "hero") -> Told:
    return Told(experiment, 0, asked_s + 0.1, asked_s, version)


def test_a_model_is_late_until_the_last_answer_by_an_older_one() -> None:
    published = [Published("hero", 2, 10.0), Published("hero", 3, 11.0)]
    told = [
        *(answer(1, 9.9), answer(1, 10.5), answer(2, 10.7), answer(2, 11.2)),
        *(answer(3, 11.1), answer(None, 12.0), answer(1, 12.0, "other")),
    ]

    assert lateness_s(published, told, ENDED_S) == [
        # 11.2 - 11.0 of the third version, 10.5 - 10.0 of the second.
        *(11.2 - 11.0, 10.5 - 10.0),
    ]


def test_a_model_that_was_served_at_once_is_not_late() -> None:
    published = [Published("hero", 2, 10.0)]

    assert lateness_s(published, [answer(2, 10.1)], ENDED_S) == [0.0]


def test_a_model_of_the_last_seconds_is_not_counted() -> None:
    published = [Published("hero", 2, ENDED_S - 1.0)]

    assert lateness_s(published, [answer(1, ENDED_S - 0.5)], ENDED_S) == []


def test_a_quantile_is_one_of_the_values() -> None:
    values = [float(number) for number in range(100)]

    assert (quantile(values, 0.5), quantile(values, 0.99)) == (50.0, 99.0)
    assert quantile([7.0], 0.99) == 7.0
    assert quantile([], 0.99) == 0.0


def test_what_is_published_is_seen(service: Service) -> None:
    service.create()
    folder = Path(service.settings.data)
    watch = Publications(lambda: backends_of(folder, {}))
    watch.start()
    wait_until(watch.is_ready, "the watch looking")
    service.round()
    service.mature()

    wait_until(lambda: watch.seen, "a model")
    watch.end()
    assert {one.experiment for one in watch.seen} == {"hero"}
