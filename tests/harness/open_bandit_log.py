"""Logs of the Open Bandit Dataset, read from the wheel that holds them.

Owns `OpenBanditLog` and `read_log`.
"""

import csv
import re
import zipfile
from dataclasses import dataclass
from functools import cache

import numpy as np

from bandit_svc.ope.arrays import FloatArray, IntArray

POSITIONS = 3
PRIOR_DRAWS = 100_000


@dataclass(frozen=True)
class OpenBanditLog:
    """10,000 rounds of one campaign under one of its two policies."""

    action: IntArray
    position: IntArray
    reward: FloatArray
    propensity: FloatArray
    user_features: FloatArray
    """(n, d), one column for each value of a feature but its first."""
    item_features: FloatArray
    """(K, 4), categories as numbers, and the one number, as obp makes them."""
    thompson_pmf: FloatArray
    """(K, 3), the Bernoulli Thompson policy's chances at each position."""


def read_log(wheel: zipfile.ZipFile, policy: str, campaign: str) -> OpenBanditLog:
    """Return the log of a policy, "random" or "bts"."""
    folder = f"obp/dataset/obd/{policy}/{campaign}"
    rows = sorted(
        _table(wheel, f"{folder}/{campaign}.csv"), key=lambda row: row["timestamp"]
    )
    items = _table(wheel, f"{folder}/item_context.csv")
    prior = wheel.read("obp/policy/conf/prior_bts.yaml").decode()
    return OpenBanditLog(
        action=np.array([int(row["item_id"]) for row in rows]),
        position=np.array([int(row["position"]) - 1 for row in rows]),
        reward=np.array([float(row["click"]) for row in rows]),
        propensity=np.array([float(row["propensity_score"]) for row in rows]),
        user_features=np.hstack(
            [_indicators([row[f"user_feature_{i}"] for row in rows]) for i in range(4)]
        ),
        item_features=np.column_stack(
            [_codes([item[f"item_feature_{i}"] for item in items]) for i in (1, 2, 3)]
            + [[float(item["item_feature_0"]) for item in items]]
        ),
        thompson_pmf=_thompson_pmf(prior, campaign),
    )


def _table(wheel: zipfile.ZipFile, path: str) -> list[dict[str, str]]:
    return list(csv.DictReader(wheel.read(path).decode().splitlines()))


def _codes(values: list[str]) -> FloatArray:
    codes = np.unique(values, return_inverse=True)[1]
    return np.asarray(codes, dtype=np.float64)


def _indicators(values: list[str]) -> FloatArray:
    shown = np.array(values)[:, None] == np.unique(values)[1:]
    return np.asarray(shown, dtype=np.float64)


@cache
def _thompson_pmf(prior: str, campaign: str) -> FloatArray:
    """Draw from the prior 100,000 times and count who is in the first three places."""
    section = re.search(rf"^{campaign}:\n((?:[ ]+.*\n?)+)", prior, re.MULTILINE)
    assert section is not None
    numbers = {"alpha": list[float](), "beta": list[float]()}
    current = numbers["alpha"]
    for line in section[1].splitlines():
        name, _, value = line.strip().partition(" ")
        if name.endswith(":"):
            current = numbers[name.removesuffix(":")]
        else:
            current.append(float(value))
    count = len(numbers["alpha"])
    # The dataset's authors drew with this generator; another one gives other digits.
    drawn = np.random.RandomState(12345).beta(
        numbers["alpha"], numbers["beta"], (PRIOR_DRAWS, count)
    )
    places = np.argsort(-drawn, axis=1)[:, :POSITIONS]
    return np.column_stack(
        [np.bincount(places[:, place], minlength=count) for place in range(POSITIONS)]
    ) / float(PRIOR_DRAWS)
