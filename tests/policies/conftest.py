"""Specs of every kind, and logs to learn from; shared by the policies' tests."""

import random
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import pytest

from policies.base import Action, Context, Policy
from policies.spec import KINDS, build_policy
from policies.vw.explorers import EXPLORERS

Spec = dict[str, Any]

VW_SPECS: list[Spec] = [
    {"kind": "vw", "explorer": name, "cb_type": cb_type}
    for name, explorer in EXPLORERS.items()
    for cb_type in explorer.cb_types
]
SPECS: list[Spec] = [
    dict(example) for kind in KINDS.values() for example in kind.examples
]

ACTIONS = tuple(
    Action(key, {"category": key[:2], "price": 9.5 * place})
    for place, key in enumerate(("boots", "sandals", "dress", "coat", "scarf"))
)


class Example(NamedTuple):
    """One joined decision."""

    context: Context
    actions: Sequence[Action]
    chosen: int
    propensity: float
    reward: float


def draw_context(rng: random.Random) -> Context:
    return {
        "device": rng.choice(["mobile", "desktop", "tablet"]),
        "hour": rng.randrange(24),
        "user": {"segment": rng.choice("abc"), "new": rng.random() < 0.5},
    }


def draw_log(rounds: int, seed: int = 1) -> list[Example]:
    """Draw a log whose lists of actions grow, shrink and change their order."""
    rng = random.Random(seed)  # noqa: S311 - a simulated log
    log = []
    for _ in range(rounds):
        actions = rng.sample(ACTIONS, rng.randrange(1, len(ACTIONS) + 1))
        chosen = rng.randrange(len(actions))
        context = draw_context(rng)
        likes = (context["device"] == "mobile") == (actions[chosen].key == "boots")
        reward = float(rng.random() < (0.5 if likes else 0.2))
        log.append(Example(context, actions, chosen, 1 / len(actions), reward))
    return log


def identify(spec: Spec) -> str:
    return "-".join(str(value) for value in spec.values())


@pytest.fixture(params=SPECS, ids=identify)
def spec(request: pytest.FixtureRequest) -> Spec:
    """Each example of each registered kind in turn."""
    given: Spec = request.param
    return given


@pytest.fixture(params=VW_SPECS, ids=identify)
def vw_spec(request: pytest.FixtureRequest) -> Spec:
    """Each explorer and cb_type of Vowpal Wabbit in turn."""
    given: Spec = request.param
    return given


@pytest.fixture(scope="session")
def long_log() -> list[Example]:
    return draw_log(2000, seed=2)


@pytest.fixture
def actions() -> Sequence[Action]:
    return ACTIONS


@pytest.fixture
def log() -> list[Example]:
    return draw_log(120)


@pytest.fixture
def contexts() -> list[Context]:
    """Contexts to compare pmfs on."""
    rng = random.Random(5)  # noqa: S311 - simulated contexts
    return [draw_context(rng) for _ in range(10)]


@pytest.fixture
def trained() -> Callable[[Spec, Sequence[Example]], Policy]:
    """Build a policy and let it learn a log."""

    def train(spec: Spec, log: Sequence[Example]) -> Policy:
        policy = build_policy(spec)
        for example in log:
            policy.learn(*example)
        return policy

    return train
