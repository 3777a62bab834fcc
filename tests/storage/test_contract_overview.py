"""Contract of Overview: what pages read of every experiment, and the newest decisions.

The numbers are set by hand through the real learner's steps; see tests/conftest.py.
"""

from bandit_svc.services.learning.definitions import Definitions
from bandit_svc.services.learning.join import join
from bandit_svc.storage.overview import Headline, Overview, RecentState
from tests.harness.worker_in_process import WorkerInProcess

GROUPS = ("treatment", "baseline")


def overview_of(service: WorkerInProcess) -> Overview:
    overview: Overview = service.worker.storage.overview
    return overview


def test_a_summary_counts_what_was_joined_and_waits(service: WorkerInProcess) -> None:
    service.create("hero", reward={"window_seconds": 60})
    service.create("empty")
    for _ in range(3):
        service.decide("hero")
    service.learn(after_s=61)
    service.decide("hero")
    service.learn()
    hero, empty = overview_of(service).summaries(service.now_ms)

    assert (hero.number, hero.joined, hero.model_version) == (1, 3, 1)
    assert sum(hero.counts.get(f"decisions_{g}", 0) for g in GROUPS) == 4
    assert hero.model_at_ms is not None
    assert hero.ready_since_ms is None
    assert (empty.joined, empty.model_version, empty.model_at_ms) == (0, 0, None)
    assert empty.headline is None


def test_a_summary_tells_since_when_a_decision_could_be_joined(
    service: WorkerInProcess,
) -> None:
    service.create("hero", reward={"window_seconds": 60})
    service.decide("hero")
    service.learn()
    begun_ms = service.now_ms
    before = overview_of(service).summaries(begun_ms + 59_999)[0]
    after = overview_of(service).summaries(begun_ms + 70_000)[0]

    assert before.ready_since_ms is None
    assert after.ready_since_ms == begun_ms + 60_000


def test_rates_are_of_the_last_minute(service: WorkerInProcess) -> None:
    service.create("hero")
    service.create("idle")
    for _ in range(5):
        service.decide("hero")
    service.learn(after_s=30)
    service.decide("hero")
    service.learn()
    overview = overview_of(service)

    assert overview.rates(service.now_ms) == {1: 6.0}
    assert overview.rates(service.now_ms + 45_000) == {1: 1.0}
    assert overview.rates(service.now_ms + 90_000) == {}


def test_recent_decisions_come_newest_first_from_any_place_on(
    service: WorkerInProcess,
) -> None:
    service.create("hero", reward={"window_seconds": 60})
    service.create("other")
    ids: dict[RecentState, list[str]] = {"joined": [], "open": [], "deferred": []}
    for state, mine in ids.items():
        for _ in range(5):
            service.now_ms += 1
            made = service.decide("hero", defer=state == "deferred")
            mine.append(made["decision_id"])
            service.decide("other")
        service.learn(after_s=61 if state == "joined" else 0)
    overview = overview_of(service)

    for state, mine in ids.items():
        first = overview.recent(1, state, 3)
        rest = overview.recent(1, state, 3, first[-1].place)
        found = [one.decision.id for one in (*first, *rest)]

        assert sorted(found) == sorted(mine)
        assert found == mine[::-1] or state == "joined"
        assert all((one.reward is None) == (state != "joined") for one in first)
        assert overview.recent(1, state, 3, rest[-1].place) == []


def test_decisions_that_wait_to_be_joined_or_learned_are_named_with_their_time(
    service: WorkerInProcess,
) -> None:
    # Of the holdout nothing is learned.
    service.create("hero", holdout=0.0, reward={"window_seconds": 60})
    service.create("quiet", reward={"window_seconds": 60})
    service.decide("hero")
    service.decide("quiet")
    service.learn(after_s=61)
    overview, storage = overview_of(service), service.worker.storage
    learned = overview.unlearned_since(2**60)
    service.decide("hero")
    service.learn()
    ready_ms = service.now_ms + 60_000
    ready = [overview.unlearned_since(ready_ms + ms) for ms in (0, 1)]
    definitions = Definitions(storage.experiments)
    late_ms = ready_ms + 1_000
    assert join(storage.joins, definitions, late_ms, late_ms).decisions == 1
    joined = [overview.unlearned_since(ready_ms + ms) for ms in (1_000, 1_001)]
    service.learn(after_s=62)

    assert learned == {}
    assert ready == [{}, {1: ready_ms}]
    assert joined == [{}, {1: ready_ms + 1_000}]
    assert overview.unlearned_since(2**60) == {}


def test_a_headline_replaces_the_one_before(service: WorkerInProcess) -> None:
    service.create("hero")
    overview = overview_of(service)
    overview.keep([Headline(1, 5, {"verdict": "old"})])
    overview.keep([Headline(1, 6, {"verdict": "new", "health": []})])
    overview.keep([])

    (row,) = overview.summaries(0)
    assert row.headline == Headline(1, 6, {"verdict": "new", "health": []})


def test_a_key_is_found_by_its_id(service: WorkerInProcess) -> None:
    keys = service.worker.storage.keys
    _, row = service.issue("secret")
    keys.revoke(row.id, 7)

    assert keys.get("nope") is None
    found = keys.get(row.id)
    assert found is not None
    assert (found.sha256, found.revoked_at_ms) == (row.sha256, 7)
