"""A process that is killed loses what it had not flushed, and that is counted."""

import os
import signal
from pathlib import Path

import pytest

from tests.harness.web.listening import Near, bandit

LOGGED, MADE = 40, 97


@pytest.mark.e2e
def test_what_a_killed_process_lost_is_told_by_the_next_one(
    near: Near, tmp_path: Path
) -> None:
    with bandit(near, tmp_path) as parent:
        parent.decide("hero", "u0")
        child = os.fork()
        if not child:
            for i in range(MADE):
                if i == LOGGED:
                    parent.flush()
                parent.decide("hero", f"u{i}")
            os.kill(os.getpid(), signal.SIGKILL)
        _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == -signal.SIGKILL
    near.learn()
    unseen = near.get("/v1/experiments/hero/report").json["decisions"]

    with bandit(near, tmp_path) as following:
        following.decide("hero", "u1")
    near.learn()

    counted = near.get("/v1/experiments/hero/report").json["decisions"]
    assert (unseen["local"], unseen["local_lost"]) == (1 + LOGGED, 0)
    assert (counted["local"], counted["local_lost"]) == (2 + LOGGED, MADE - LOGGED)
    with bandit(near, tmp_path) as third:
        third.decide("hero", "u1")
    near.learn()
    again = near.get("/v1/experiments/hero/report").json["decisions"]
    assert again["local_lost"] == MADE - LOGGED


def test_a_gap_between_records_is_a_loss_until_it_is_filled(
    near: Near, tmp_path: Path
) -> None:
    with bandit(near, tmp_path, most_waiting=2) as local:
        for i in range(3):
            local.decide("hero", f"u{i}")
        local.flush()
        local.decide("hero", "u4")
    near.learn()

    counted = near.get("/v1/experiments/hero/report").json["decisions"]
    assert (counted["local"], counted["local_lost"]) == (3, 1)
