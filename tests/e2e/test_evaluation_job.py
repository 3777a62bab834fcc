"""An evaluation asked for over HTTP, while the service goes on."""

import json
import os
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.harness.process import COMMAND, children_of
from tests.harness.served import Served, StartServed

pytestmark = pytest.mark.e2e

PATH = "/v1/experiments/hero/evaluations"
DECISIONS = 1_000
TABLE = {"kind": "rules", "name": "table", "rules": ["when hour < 12 then a"]}
LEARNERS = [
    {"kind": "vw", "explorer": "bag", "name": f"bag-{seed}", "seed": seed}
    for seed in range(6)
]
LABELS = ["uniform", "fixed:a", "baseline", "table", *(p["name"] for p in LEARNERS)]


def fill(service: Served) -> None:
    """Make decisions and rewards, and wait until all have matured."""
    reward = {"window_seconds": 2}
    variants = [{"key": "a"}, {"key": "b"}]
    service.post(
        "/v1/experiments", {"key": "hero", "variants": variants, "reward": reward}
    )
    for begin in range(0, DECISIONS, 500):
        asked = [
            {"experiment": "hero", "context": {"hour": number % 24}}
            for number in range(begin, begin + 500)
        ]
        made = service.post("/v1/decisions/batch", {"decisions": asked})["decisions"]
        rewards = [
            {"decision_id": one["decision_id"], "value": 1.0}
            for one in made
            if one["variant"] == "a"
        ]
        service.post("/v1/rewards/batch", {"rewards": rewards})
    service.wait_for(lambda: matured(service) == DECISIONS, "mature all")


def matured(service: Served) -> int:
    groups = service.get("/v1/experiments/hero/report")["groups"]
    return sum(int(group["n"]) for group in groups)


def on_the_command_line(data: Path, policies: Sequence[object]) -> Any:
    """Return what `bandit-svc evaluate KEY --format json` prints."""
    words = [p if isinstance(p, str) else json.dumps(p) for p in policies]
    options = [word for policy in words for word in ("--policy", policy)]
    command = [
        *(COMMAND, "evaluate", "hero"),
        *("--data", str(data), "--format", "json", *options),
    ]
    return json.loads(subprocess.run(command, check=True, capture_output=True).stdout)


def test_it_equals_the_command_line_though_its_process_is_killed_midway(
    start_service: StartServed,
) -> None:
    service = start_service(publish_every_ms="0")
    fill(service)
    policies = ["uniform", "fixed:a", "baseline", TABLE, *LEARNERS]
    queued = service.post(PATH, {"policies": policies})
    place = f"{PATH}/{queued['id']}"
    service.wait_for(
        lambda: 0 < service.get(place)["progress"]["done"] < DECISIONS, "be midway"
    )
    (learner,) = service.by_role()["learner"]
    (child,) = children_of(learner)
    os.kill(child, signal.SIGKILL)
    # The web workers stay free meanwhile.
    assert service.post("/v1/decisions", {"experiment": "hero"}) is not None
    service.wait_for(lambda: service.get(place)["status"] == "done", "end it")
    found = service.get(place)

    assert found["policies"] == LABELS
    assert found["result"]["policies"][0]["n"] > 0
    service.wait_for(lambda: matured(service) == DECISIONS + 1, "mature the last")
    again = service.post(PATH, {"policies": policies[:4]})
    place = f"{PATH}/{again['id']}"
    service.wait_for(lambda: service.get(place)["status"] == "done", "end another")
    assert service.get(place)["result"] == on_the_command_line(
        service.data, policies[:4]
    )
    assert service.stop() == 0
