"""Definitions, rewards and ids for the tests of the pure rules."""

from collections.abc import Callable

import msgspec
import pytest

from bandit_svc.domain.events.decision_id import SECRET_BYTES, DecisionIds
from bandit_svc.domain.events.reward import Reward
from bandit_svc.domain.experiment import Definition
from bandit_svc.domain.variant import Variant


@pytest.fixture(scope="session")
def ids() -> DecisionIds:
    return DecisionIds(bytes(range(SECRET_BYTES)))


@pytest.fixture(scope="session")
def new_reward() -> Callable[..., Reward]:
    """Make a reward that occurred and was received at once, unless told."""

    def make(
        value: float = 1.0,
        occurred_at_ms: int = 0,
        received_at_ms: int | None = None,
        **fields: object,
    ) -> Reward:
        if received_at_ms is None:
            received_at_ms = occurred_at_ms
        made = Reward("d", 1, value, "r", occurred_at_ms, received_at_ms)
        return msgspec.structs.replace(made, **fields)

    return make


@pytest.fixture(scope="session")
def new_definition() -> Callable[..., Definition]:
    plain = Definition(key="hero", variants=(Variant("a"), Variant("b")))

    def make(**fields: object) -> Definition:
        return msgspec.structs.replace(plain, **fields)

    return make
