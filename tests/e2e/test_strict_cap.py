"""A strict cap holds exactly: callers at once, linked ids, a learner that is killed.

`CAP_TRIES` sets how many requests each test makes; the suite makes a few.
"""

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

from bandit_svc.settings import Settings
from bandit_svc.wiring import Backends
from tests.harness.process import COMMAND
from tests.harness.served import Served, StartServed
from tests.harness.waiting import GENEROUS_S, wait_until

pytestmark = pytest.mark.e2e

CLIENT = Path(__file__).parents[1] / "harness" / "simulated" / "capped_client.py"
TRIES = int(os.environ.get("CAP_TRIES", "800"))
CALLERS = ["own", "own", "own", "linked", "linked", "linking", "linking", "linking"]
PROGRAMME = {
    "key": "shop",
    "caps": [{"match": "tag=offer", "max": 1, "per": "30d", "strict": True}],
}
POPUP = {
    "key": "popup",
    "programme": "shop",
    "holdout": 0.0,
    "exploration_floor": 0.2,
    "policy": {"kind": "fixed", "variant": "voucher"},
    "baseline": {"kind": "fixed", "variant": "nothing"},
    "variants": [{"key": "nothing"}, {"key": "voucher", "tags": ["offer"]}],
}


def declared(start_service: StartServed) -> Served:
    service = start_service()
    assert service.post("/v1/programmes", PROGRAMME) is not None
    assert service.post("/v1/experiments", POPUP) is not None
    return service


def link(service: Served, units: int) -> None:
    """Link an id to each unit, and wait until every worker knows of it."""
    for unit in range(units):
        assert put(service, f"/v1/units/u-{unit}", {"links": [f"anon-{unit}"]})
    with closing(Backends(Settings(data=str(service.data)))) as backends:
        names = backends.pseudonyms
        last = names.of(f"anon-{units - 1}")

        def known() -> bool:
            state = backends.storage.units.state(last)
            return state is not None and len(state.ids) > 1

        wait_until(known, "the learner has applied the last link")


def put(service: Served, path: str, body: object) -> bool:
    asked = subprocess.run(
        ["curl", "-sS", "-X", "PUT", service.url + path, "-d", json.dumps(body)],
        check=True,
        capture_output=True,
    )
    return b"unit_id" in asked.stdout


def start_callers(
    service: Served, units: int, rounds: int = 1
) -> list[subprocess.Popen[str]]:
    place = [str(number) for number in (service.port, units, rounds)]
    return [
        subprocess.Popen(
            [sys.executable, str(CLIENT), *place, who],
            stdout=subprocess.PIPE,
            text=True,
        )
        for who in CALLERS
    ]


def shown_by(callers: list[subprocess.Popen[str]]) -> Counter[int]:
    """Return how often each unit was shown the voucher."""
    shown: Counter[int] = Counter()
    for caller in callers:
        output, _ = caller.communicate(timeout=10 * GENEROUS_S)
        said = json.loads(output)
        assert set(said["statuses"]) == {"201"}
        shown.update(said["shown"])
    return shown


def killed(pid: int) -> bool:
    """Kill a process; return whether it was there."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True


def kill_the_learner(service: Served, callers: list[subprocess.Popen[str]]) -> int:
    """Kill it whenever it is there, as long as there are callers."""
    kills = 0
    while any(caller.poll() is None for caller in callers):
        for pid in service.by_role()["learner"]:
            kills += killed(pid)
        wait_until(
            lambda: (
                bool(service.by_role()["learner"])
                or all(caller.poll() is not None for caller in callers)
            ),
            "the learner is back, or the callers have ended",
        )
    return kills


@pytest.mark.parametrize("rounds", [1, TRIES // len(CALLERS)], ids=["many", "one"])
def test_each_unit_is_shown_the_voucher_once_by_whichever_of_its_ids(
    start_service: StartServed, rounds: int
) -> None:
    """Many units that all callers ask for at once, and one that all ask for always."""
    service = declared(start_service)
    units = TRIES // len(CALLERS) // rounds
    link(service, units)

    callers = start_callers(service, units, rounds)
    kills = kill_the_learner(service, callers)
    shown = shown_by(callers)

    assert kills > 0
    assert shown == Counter(range(units))
    with closing(Backends(Settings(data=str(service.data)))) as backends:
        wait_until(
            lambda: not backends.reader.backlog_bytes(backends.storage.facts.cursors()),
            "everything is in the store",
        )
        assert service.stop() == 0
        assert backends.storage.units.overshoot() == {}
    replay = [COMMAND, "replay", "--units", "--verify", "--data", str(service.data)]
    assert subprocess.run(replay, capture_output=True, check=False).returncode == 0


def test_no_unit_is_shown_the_voucher_twice_while_workers_are_killed(
    start_service: StartServed,
) -> None:
    """A place that a killed worker has taken may be lost, but is never taken twice."""
    service = declared(start_service)
    units = TRIES // len(CALLERS)
    link(service, units)
    callers = start_callers(service, units)
    probe = {"experiment": "popup", "unit_id": "another", "variants": ["nothing"]}
    kills = 0
    while any(caller.poll() is None for caller in callers):
        for pid in service.by_role()["worker"][:1]:
            kills += killed(pid)
        # The next one is killed when there was some work again.
        for _ in range(40):
            wait_until(lambda: service.post("/v1/decisions", probe), "an answer")

    shown = shown_by(callers)

    assert kills > 0
    assert max(shown.values()) == 1
    assert len(shown) > units // 2
