"""`LocalBandit` against a real worker, over a real socket."""

import os
from pathlib import Path
from typing import Any

import pytest

from bandit_svc.client import BanditClientError, LocalBandit
from tests.harness.waiting import wait_until
from tests.harness.web.listening import Near, bandit


def test_decisions_are_made_here_and_logged_there(near: Near, tmp_path: Path) -> None:
    with bandit(near, tmp_path) as local:
        made = [local.decide("hero", f"u{i}", {"hour": i % 24}) for i in range(50)]
        assert local.flush()
        assert local.stats() == {
            "made": 50,
            "waiting": 0,
            "logged": 50,
            "refused": 0,
            "dropped": 0,
            "fallbacks": {},
            "models": {"hero": 0},
        }
    near.learn()

    for one in made:
        found = near.get(f"/v1/decisions/{one.decision_id}").json
        assert (found["variant"], found["propensity"], found["group"]) == (
            (one.variant, one.propensity, one.group)
        )
    counted = near.get("/v1/experiments/hero/report").json["decisions"]
    assert counted["pending"] == 50


def test_a_newer_model_is_swapped_in(near: Near, tmp_path: Path) -> None:
    with bandit(near, tmp_path, poll_interval_s=0.05, flush_interval_s=0.02) as local:
        first = local.decide("hero", "u1")
        for i in range(30):
            made = near.decide("hero", unit_id=f"v{i}")
            near.reward(made["decision_id"], 1.0)
        near.learn(after_s=2)

        wait_until(lambda: local.stats()["models"]["hero"] > 0, "a newer model")

        later = local.decide("hero", "u1")
    assert (first.model_version, later.model_version) == (0, 1)
    assert first.group == later.group


def test_a_paused_experiment_falls_back_with_the_services_sentence(
    near: Near, tmp_path: Path
) -> None:
    near.patch("/v1/experiments/hero", {"status": "paused"})
    with bandit(near, tmp_path) as local:
        shown = local.decide("hero", "u1", fallback="b")

        assert (shown.variant, shown.is_fallback) == ("b", True)
        assert "is paused" in str(shown.error)
        with pytest.raises(BanditClientError, match="is paused"):
            local.decide("hero", "u1")


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"features": {"views": "count(viewed)"}}, "features of units"),
        ({"enrich": {"time": {}}}, "enrichers"),
        ({"sticky": {"for_seconds": 60}}, "sticky"),
        ({"slots": 2}, "slots"),
    ],
)
def test_what_only_the_service_can_follow_is_refused_with_a_sentence(
    near: Near, tmp_path: Path, fields: dict[str, Any], words: str
) -> None:
    near.create("there", **fields)
    with bandit(near, tmp_path) as local:
        shown = local.decide("there", "u1", fallback="b")

    assert shown.is_fallback
    assert words in str(shown.error)
    assert "decide over HTTP" in str(shown.error)


def test_a_dead_service_gives_the_fallback(tmp_path: Path) -> None:
    with LocalBandit("http://127.0.0.1:9", "bsk_x", folder=tmp_path) as local:
        shown = local.decide("hero", "u1", fallback="b")

    assert (shown.variant, shown.is_fallback) == ("b", True)
    assert "no answer" in str(shown.error)


def test_a_wrong_key_falls_back_and_says_why(near: Near, tmp_path: Path) -> None:
    with LocalBandit(near.url, "bsk_wrong", folder=tmp_path, timeout_s=60) as local:
        shown = local.decide("hero", "u1", fallback="b")
        assert local.stats()["fallbacks"]

    assert "needs a valid key" in str(shown.error)


@pytest.mark.parametrize(
    "wrong",
    [
        {"exclude": "a"},
        {"exclude": None},
        {"unit_id": 5},
        {"context": [1]},
        {"experiment": None},
    ],
)
def test_an_argument_of_another_type_is_refused_at_once(
    near: Near, tmp_path: Path, wrong: dict[str, Any]
) -> None:
    with bandit(near, tmp_path) as local, pytest.raises(TypeError):
        local.decide(**({"experiment": "hero", "fallback": "b"} | wrong))


def test_a_context_that_is_no_json_falls_back(near: Near, tmp_path: Path) -> None:
    with bandit(near, tmp_path) as local:
        shown = local.decide("hero", "u1", {"hour": object()}, fallback="b")

    assert shown.is_fallback


def test_what_the_buffer_has_no_room_for_is_counted(near: Near, tmp_path: Path) -> None:
    with bandit(near, tmp_path, most_waiting=3) as local:
        for i in range(5):
            local.decide("hero", f"u{i}")
        local.flush()

        counted = local.stats()

    assert (counted["made"], counted["logged"], counted["dropped"]) == (5, 3, 2)


def test_a_forked_process_is_a_client_of_its_own(near: Near, tmp_path: Path) -> None:
    with bandit(near, tmp_path) as local:
        local.decide("hero", "u1")
        child = os.fork()
        if not child:
            local.decide("hero", "u2")
            done = local.flush() and local.stats()["logged"] == 1
            os._exit(0 if done else 1)
        _, status = os.waitpid(child, 0)
        assert local.flush()
        logged = local.stats()["logged"]

    assert os.waitstatus_to_exitcode(status) == 0
    assert logged == 1


def test_fallbacks_of_made_up_reasons_are_counted_together(
    near: Near, tmp_path: Path
) -> None:
    with bandit(near, tmp_path) as local:
        for i in range(150):
            local.decide("hero", "u1", exclude=[f"x{i}"], fallback="b")
        counted = local.stats()["fallbacks"]

    assert len(counted) == 101
    assert counted["any other"] == 50


def test_a_refused_record_is_counted_and_told_once(
    near: Near, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with bandit(near, tmp_path) as local:
        for i in range(3):
            local.decide("hero", f"u{i}", {"text": "x" * 300})
        local.flush()
        counted = local.stats()

    assert (counted["logged"], counted["refused"]) == (0, 3)
    told = [one for one in caplog.messages if "refused" in one]
    assert 1 <= len(told) <= 2
