"""Who learns, as a sentence."""

from collections.abc import Mapping
from typing import cast

from bandit_svc.services.checks.who_learns import who_learns
from bandit_svc.storage.control.leases import Holder
from bandit_svc.storage.interface import Control


class Known:
    """Leases and shares with holders that are told."""

    def __init__(self, shards: Mapping[str, Holder], alone: Holder | None) -> None:
        self._shards, self._alone = shards, alone
        self.leases = self.shares = self

    def holder(self, name: str) -> Holder | None:
        assert name == "learner"
        return self._alone

    def holders(self) -> Mapping[str, Holder]:
        return self._shards


def said(shards: Mapping[str, Holder], alone: Holder | None = None) -> str:
    return who_learns(cast("Control", Known(shards, alone)))


def test_nobody_one_and_several_learners_are_told() -> None:
    assert said({}) == ""
    assert said({}, Holder("7 on here", 0)) == "process 7 on here"
    shards = {
        "10": Holder("7 on here", 3),
        "2": Holder("7 on here", 1),
        "u0": Holder("9 on there", 2),
    }
    assert said(shards) == (
        "process 7 on here (shards 2, 10); process 9 on there (shard u0)"
    )
