"""A model is a function of the log, whatever the number of threads.

Numpy's products are computed by as many threads as there are cores, or as a variable
says when a process starts. A model of one machine is verified on others.
"""

import hashlib
import os
import random
import subprocess
import sys

import pytest

from policies.base import Action, Features, RewardRange, Scalar
from policies.spec import KINDS, build_policy, normalise_spec

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
ROUNDS = 600
FEW, MANY = 3, 500


def fingerprint(kind: str) -> str:
    """Return a digest of what a kind learned, and of two pmfs of it."""
    spec = normalise_spec(KINDS[kind].examples[0])
    policy = build_policy(spec, RewardRange(0.0, 1.0))
    rng = random.Random(3)  # noqa: S311 - draws of a test
    keys = ["boots", "sandals", "coat", *map(str, range(MANY))]
    actions = [Action(key, {"price": float(len(key))}) for key in keys]
    for _ in range(ROUNDS):
        # Four numbers with their hats and six words make hundreds of products.
        context: dict[str, Scalar | Features] = {
            f"number{place}": rng.random() for place in range(4)
        }
        context |= {f"word{place}": rng.choice("abcd") for place in range(6)}
        reward = float(rng.random() < 0.3)
        chosen = rng.randrange(FEW)
        policy.learn(context, actions[:FEW], chosen, 1 / FEW, reward)
    few = policy.pmf(context, actions[:FEW])
    many = policy.pmf(context, actions)
    learned = hashlib.sha256(policy.dump())
    learned.update(repr((few, many)).encode())
    return learned.hexdigest()


def fingerprint_on(threads: int, kind: str) -> str:
    command = [sys.executable, __file__, kind]
    environment = os.environ | dict.fromkeys(THREADS, str(threads))
    return subprocess.check_output(command, env=environment, text=True)


@pytest.mark.parametrize("kind", KINDS)
def test_a_model_is_the_same_on_any_number_of_threads(kind: str) -> None:
    assert fingerprint_on(1, kind) == fingerprint_on(2, kind)


if __name__ == "__main__":
    sys.stdout.write(fingerprint(sys.argv[1]))
