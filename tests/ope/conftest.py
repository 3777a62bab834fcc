"""Logs that several tests of this room share, and the Open Bandit Dataset.

The dataset is inside a wheel on the package index. It is fetched once into a folder
outside of git, checked by its SHA-256, and read from there afterwards.
"""

import hashlib
import io
import subprocess
import sys
import zipfile
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path

import numpy as np
import pytest

from bandit_svc.ope.logged import LoggedData
from tests.harness.open_bandit_log import OpenBanditLog, read_log

WHEEL = "obp-0.4.1-py3-none-any.whl"
WHEEL_SHA256 = "87dec9caf4283c25ab13036532e0a24566f1c7bdcad1653a8ded43b2f5ef8208"
CACHE = Path(__file__).parents[2] / ".pytest_cache" / "open-bandit-dataset"


@pytest.fixture(scope="session")
def open_bandit_wheel() -> zipfile.ZipFile:
    """Return the wheel; fetch it if it is missing, refuse it if it is another."""
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
    """Return a function that reads the log of a policy, "random" or "bts"."""
    return cache(partial(read_log, open_bandit_wheel))


@pytest.fixture
def shared_log() -> LoggedData:
    """Forty rounds of three actions that can be written down anywhere again.

    obp's numbers in test_importance.py, test_doubly_robust.py and test_tuning.py were
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
