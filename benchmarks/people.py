"""Decisions with features of units and kept choices, events, and how soon they count.

One service with two experiments that differ in nothing but `features` and `sticky`.
Each round has units of its own, whose events a learner has read; it is stopped while
decisions are measured, and runs while the time from an event to its feature is.
"""

import itertools
import json
import math
import time
from typing import Any

from benchmarks.speed.processes import ask, drive
from benchmarks.speed.rows import Figures, Goal
from benchmarks.speed.service import (
    EXPERIMENT,
    OneService,
    Service,
    contexts,
    definition,
    learning,
)
from benchmarks.speed.serving import CONNECTIONS

UNITS = 1_000
"""Of a round; each comes back several times."""
TRIALS = 20
LONGEST_S = 20.0
_OWN = "bench-people"
_FEATURES = {
    "views_7d": "count(viewed, 7d)",
    "style": "top(viewed.category, 30d)",
    "cart_age_h": "hours_since(cart_added unless purchased)",
}


class People(OneService):
    """Units with a past."""

    name = "people"
    goals = (
        Goal(
            "decision throughput, features and stickiness / without",
            "decisions_per_s with features and stickiness",
            "decisions_per_s without",
            ">=",
            0.85,
        ),
        Goal(
            "decision throughput, features alone / without",
            "decisions_per_s with features",
            "decisions_per_s without",
            ">=",
            0.85,
        ),
        Goal(
            "event throughput / rewards'",
            "events_per_s",
            "rewards_per_s",
            ">=",
            1.0,
        ),
        Goal(
            "event to feature of the unit's next decision, p99 of a round, s",
            "event to feature, p99 s",
            None,
            "<=",
            1.0,
        ),
    )

    def __init__(self) -> None:
        super().__init__()
        self._rounds = itertools.count()

    def measure(self, seconds: float) -> Figures:
        """Measure one round."""
        found, prefix = self._running, f"r{next(self._rounds)}"
        for key, more in _definitions().items():
            if prefix == "r0":
                own = definition() | {"key": key} | more
                ask(found.port, "POST", "/v1/experiments", found.secret, own)
        units = [f"{prefix}-{number}" for number in range(UNITS)]
        with learning(found):
            _report_events(found, units)
            taken = sorted(
                _event_to_feature(found, f"{prefix}-t{n}") for n in range(TRIALS)
            )
        figures = {
            f"decisions_per_s {name}": self._decisions_per_s(key, units, seconds)
            for name, key in (
                ("without", EXPERIMENT),
                ("with features", f"{_OWN}-features"),
                ("with features and stickiness", _OWN),
            )
        }
        return (
            figures
            | self._reports_per_s(seconds)
            | {
                "event to feature, median s": taken[len(taken) // 2],
                "event to feature, p99 s": taken[math.ceil(0.99 * len(taken)) - 1],
            }
        )

    def _decisions_per_s(self, key: str, units: list[str], seconds: float) -> float:
        bodies = [
            json.dumps({"experiment": key, "unit_id": unit, "context": context})
            for unit, context in zip(units, contexts(len(units)), strict=True)
        ]
        return float(self._closed("/v1/decisions", bodies, seconds)["decisions_per_s"])

    def _reports_per_s(self, seconds: float) -> Figures:
        """Return the throughput of rewards and of events."""
        made = self._closed("/v1/decisions", self._bodies, 0.5, keep_ids=True)["ids"]
        rewards = [json.dumps({"decision_id": i, "value": 1.0}) for i in made[:500]]
        events = [json.dumps(_viewed(f"u-{n}", f"e-{n}")) for n in range(500)]
        return {
            "rewards_per_s": _answered_per_s(
                self._closed("/v1/rewards", rewards, seconds)
            ),
            "events_per_s": _answered_per_s(
                self._closed("/v1/events", events, seconds)
            ),
        }

    def _closed(
        self, path: str, bodies: list[str], seconds: float, *, keep_ids: bool = False
    ) -> dict[str, Any]:
        return drive(
            self._running.plan(path, bodies)
            | {"loop": "closed", "connections": CONNECTIONS, "seconds": seconds}
            | {"keep_ids": keep_ids}
        )


def _answered_per_s(got: dict[str, Any]) -> float:
    return float(got["answered"] / got["took_s"])


def _definitions() -> dict[str, dict[str, Any]]:
    sticky = {"for_seconds": 2_592_000, "break_when": ["context.device"]}
    return {
        f"{_OWN}-features": {"features": _FEATURES},
        _OWN: {"features": _FEATURES, "sticky": sticky},
    }


def _viewed(unit: str, event_id: str) -> dict[str, Any]:
    return {
        "unit_id": unit,
        "event": "viewed",
        "properties": {"category": "dress"},
        "event_id": event_id,
    }


def _report_events(found: Service, units: list[str]) -> None:
    """Report an event of each unit, and wait until the last one counts."""
    events = {"events": [_viewed(unit, f"{unit}-0") for unit in units]}
    ask(found.port, "POST", "/v1/events/batch", found.secret, events)
    _wait_for_views(found, units[-1], 1)


def _event_to_feature(found: Service, unit: str) -> float:
    """Return the seconds from the answer to an event until a decision has it."""
    ask(found.port, "POST", "/v1/events", found.secret, _viewed(unit, unit))
    return _wait_for_views(found, unit, 1)


def _wait_for_views(found: Service, unit: str, count: int) -> float:
    """Return the seconds until a decision of the unit has so many views."""
    began_s = time.monotonic()
    body = {"experiment": f"{_OWN}-features", "unit_id": unit}
    while time.monotonic() < began_s + LONGEST_S:
        at_s = time.monotonic()
        made = ask(found.port, "POST", "/v1/decisions", found.secret, body)
        path = f"/v1/decisions/{made['decision_id']}"
        context = ask(found.port, "GET", path, found.secret)["context"]
        if context.get("unit", {}).get("views_7d") == count:
            return at_s - began_s
        time.sleep(0.01)
    raise RuntimeError(f"no decision of {unit} had its event within {LONGEST_S} s")
