"""What a policy predicts for many lists at once is what it predicts for each, exactly.

Batches are decided by the joint prediction and single requests by the other, and both
log the propensity that they drew with. So the two are compared bit by bit, over lists
of any length, learned and unknown actions, and in every state of a policy.
"""

import random
from typing import Any

import pytest

from policies.base import Action, Context, Joint
from policies.spec import build_policy

JOINT_SPECS: list[dict[str, Any]] = [
    {"kind": "auto"},
    {"kind": "auto", "memory": 200},
    {"kind": "vw"},
    {"kind": "vw", "explorer": "softmax"},
    {"kind": "vw", "scale": "range", "learning_rate": 0.5},
    {"kind": "vw", "interactions": "quadratic"},
]
SIZES = (1, 2, 3, 7, 8, 9, 16, 17, 130)
CONTEXTS: list[Context] = [
    {},
    {"device": "tv", "tastes": {"drama": 0.3, "action": -2}, "hour": 21},
    {"device": "phone", "tastes": {"drama": 0.0}, "hour": 3, "new": True},
    {"device": "unseen", "x": 1e6},
]


def action(random_: random.Random, at: int) -> Action:
    features: dict[str, str | float] = {
        "genre": random_.choice("abcdefgh"),
        "year": random_.randint(1960, 2026),
        "face": random_.random() < 0.5,
    }
    return Action(f"still-{at}", dict(list(features.items())[: random_.randint(0, 3)]))


def lists_of(random_: random.Random, count: int) -> list[tuple[Action, ...]]:
    known = [action(random_, at) for at in range(200)]
    return [tuple(random_.sample(known, random_.choice(SIZES))) for _ in range(count)]


def bits(pmfs: list[list[float]]) -> list[list[str]]:
    return [[probability.hex() for probability in pmf] for pmf in pmfs]


@pytest.mark.parametrize("spec", JOINT_SPECS, ids=str)
@pytest.mark.parametrize("seed", range(3))
def test_lists_together_have_the_pmfs_of_each(spec: dict[str, Any], seed: int) -> None:
    random_ = random.Random(seed)  # noqa: S311 - a test's own numbers
    policy, alone = build_policy(spec), build_policy(spec)
    assert isinstance(policy, Joint)
    lists = lists_of(random_, 12)
    for _ in range(8):
        for context in CONTEXTS:
            asked = random_.sample(lists, random_.randint(1, len(lists)))
            asked += asked[:1]
            # Twice, since what is kept between predictions must change no bit.
            for _ in range(2):
                assert bits(policy.pmfs(context, asked)) == bits(
                    [alone.pmf(context, actions) for actions in asked]
                )
                assert bits([policy.pmf(context, asked[0])]) == bits(
                    [alone.pmf(context, asked[0])]
                )
        for _ in range(40):
            context, actions = random_.choice(CONTEXTS), random_.choice(lists)
            chosen = random_.randrange(len(actions))
            reward = float(random_.random() < (0.7 if chosen % 3 else 0.2))
            for one in (policy, alone):
                one.learn(context, actions, chosen, 1.0 / len(actions), reward)

    assert policy.dump() == alone.dump()
