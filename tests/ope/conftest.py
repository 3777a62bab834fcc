"""Logs that several tests of this room share, and the Open Bandit Dataset.

The dataset is inside a wheel on the package index. It is fetched once into a folder
outside of git, checked by its SHA-256, and read from there afterwards.
"""

import csv
import hashlib
import io
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from bandit_svc.ope.arrays import FloatArray, IntArray
from bandit_svc.ope.logged import LoggedData

WHEEL = "obp-0.4.1-py3-none-any.whl"
WHEEL_SHA256 = "87dec9caf4283c25ab13036532e0a24566f1c7bdcad1653a8ded43b2f5ef8208"
CACHE = Path(__file__).parents[2] / ".pytest_cache" / "open-bandit-dataset"
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


@pytest.fixture(scope="session")
def open_bandit_wheel() -> zipfile.ZipFile:
    """Give the wheel, fetched if it is not there, refused if it is another."""
    path = CACHE / WHEEL
    if not path.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        subprocess.run([*command, "--dest", str(CACHE), "obp==0.4.1"], check=True)
    content = path.read_bytes()
    assert hashlib.sha256(content).hexdigest() == WHEEL_SHA256
    return zipfile.ZipFile(io.BytesIO(content))


@pytest.fixture(scope="session")
def open_bandit(
    open_bandit_wheel: zipfile.ZipFile,
) -> Callable[[str, str], OpenBanditLog]:
    """Give a function that reads the log of a policy, "random" or "bts"."""

    def table(path: str) -> list[dict[str, str]]:
        text = open_bandit_wheel.read(path).decode()
        return list(csv.DictReader(text.splitlines()))

    @cache
    def read(policy: str, campaign: str) -> OpenBanditLog:
        folder = f"obp/dataset/obd/{policy}/{campaign}"
        rows = sorted(
            table(f"{folder}/{campaign}.csv"), key=lambda row: row["timestamp"]
        )
        items = table(f"{folder}/item_context.csv")
        prior = open_bandit_wheel.read("obp/policy/conf/prior_bts.yaml").decode()
        return OpenBanditLog(
            action=np.array([int(row["item_id"]) for row in rows]),
            position=np.array([int(row["position"]) - 1 for row in rows]),
            reward=np.array([float(row["click"]) for row in rows]),
            propensity=np.array([float(row["propensity_score"]) for row in rows]),
            user_features=np.hstack(
                [
                    _indicators([row[f"user_feature_{i}"] for row in rows])
                    for i in range(4)
                ]
            ),
            item_features=np.column_stack(
                [
                    _codes([item[f"item_feature_{i}"] for item in items])
                    for i in (1, 2, 3)
                ]
                + [[float(item["item_feature_0"]) for item in items]]
            ),
            thompson_pmf=_thompson_pmf(prior, campaign),
        )

    return read


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


@pytest.fixture
def shared_log() -> LoggedData:
    """Forty rounds of three actions that can be written down anywhere again.

    obp's numbers in test_estimators.py, test_doubly_robust.py and test_tuning.py were
    computed on the same arrays (their `position` all 0, `action_dist` the
    `pmf_target` with a last axis of 1, `estimated_rewards_by_reg_model` likewise the
    `q_hat`), with obp 0.5.7, numpy 1.23.5, scikit-learn 1.2.2 and an empty torch, as

        Estimator(lambda_=...).estimate_policy_value(reward=..., action=..., ...)
    """
    i = np.arange(40)
    action = (i * 7 + i // 5) % 3
    logging = np.stack([1.0 + (i + 2 * k) % 5 for k in range(3)], axis=1)
    logging /= logging.sum(axis=1, keepdims=True)
    target = np.stack([1.0 + (3 * i + k * k) % 7 for k in range(3)], axis=1)
    target /= target.sum(axis=1, keepdims=True)
    return LoggedData(
        reward=((i * i + action) % 4 == 1).astype(np.float64),
        propensity=logging[i, action],
        target_probability=target[i, action],
        action=action,
        pmf_target=target,
        q_hat=np.stack([(i + 3 * k) % 10 / 10 for k in range(3)], axis=1),
    )
