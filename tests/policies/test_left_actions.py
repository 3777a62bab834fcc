"""What is left of a list is predicted as if it came alone, bit by bit."""

import numpy as np
import pytest

from policies.base import Action, Context, LeftActions, Policy, RewardRange
from policies.spec import build_policy, normalise_spec

WHOLE = tuple(
    Action(f"row-{at}", {"genre": "abcd"[at % 4], "size": at}) for at in range(8)
)


@pytest.fixture(params=["auto", "vw", "linear"])
def taught(request: pytest.FixtureRequest) -> Policy:
    policy = build_policy(normalise_spec({"kind": request.param}), RewardRange())
    draws = np.random.default_rng(3)
    for at in range(300):
        chosen = int(draws.integers(len(WHOLE)))
        context: Context = {"hour": at % 24, "slot": {"number": at % 5, "after": "x"}}
        liked = 0.7 if chosen % 4 == at % 4 else 0.1
        reward = float(draws.random() < liked)
        policy.learn(context, WHOLE, chosen, 1 / len(WHOLE), reward)
    return policy


def test_what_is_left_has_the_bits_of_its_own_list(taught: Policy) -> None:
    draws = np.random.default_rng(4)
    for at in range(60):
        places = sorted(draws.permutation(len(WHOLE))[: draws.integers(1, 9)].tolist())
        context: Context = {"hour": at % 24, "slot": {"number": at % 5, "after": "y"}}

        left = taught.pmf(context, LeftActions(WHOLE, places))

        assert left == taught.pmf(context, tuple(WHOLE[place] for place in places))
