"""The JSON of a report stays what callers of an earlier version have read."""

import json
import math
from pathlib import Path
from typing import Any

from bandit_svc.services.checks.check import checked_json
from bandit_svc.services.report.build import build_report
from tests.harness.service import Service

RECORDED = Path(__file__).parent / "recorded_report.json"
"""Made by the version before reports were typed, from the same 2,417 decisions.

Newer are the intervals of segments and their rule, those of e-BH, and the intervals of
the uplift, its course, the groups and the guardrails, which are by unit; and the rows
of a metric that was not declared, which is refused now, are left out. The counts of
decisions by group are of those that have matured. The values of policies are newer,
too: they have the decisions of both groups, and are by unit. The adjusted uplift is
unknown now, since a unit comes back.
"""
ADDED = (
    *("/decisions/rewards_", "/decisions/units_", "/health/rewards_range/"),
    *("/uplift/asymptotic", "/uplift/units/", "/uplift/randomised/"),
    *("/uplift/one_step/", "/health/carry_over/", "/health/exclusion/"),
    *("/health/history/", "/model/policy/scale", "/segment_rule/left_out"),
    *("/health/repeat_visits/design_effect", "/policy_choice", "/pending/"),
    *("/derived_metrics", "/claims/", "/uplift/chance_to_beat/", "/corrections/"),
    *(f"/metrics/{place}/guardrail/chance_to_beat/" for place in (0, 1)),
    *("/policy_memory", "/outlook/", "/decisions/repeats", "/health/sticky_window/"),
    *("/health/personal_fields/", "/range", "/money/", "/without_consent"),
    *(
        "/decisions/forced",
        "/decisions/restricted",
        "/restricted",
        "/slots",
        "/deployed",
        "/apprentice",
        "/decisions/local",
        "/thinning",
    ),
)
"""Where paths of later versions begin."""
LATER = ("/reason", "/estimand", "/period/first", "/period/last", "/units")
"""How they end."""
DEFINITION: dict[str, Any] = {
    "holdout": 0.3,
    # As the version that recorded it had by default.
    "policy": {
        "kind": "vw",
        "scale": "range",
        "learning_rate": 0.5,
        "power_t": 0.5,
        "gamma_scale": 20.0,
    },
    "metrics": [
        {
            "name": "returns",
            "direction": "lower",
            "margin": 0.1,
            "minimum": 0.0,
            "maximum": 5.0,
        }
    ],
    "covariate": {"key": "hour", "minimum": 0.0, "maximum": 24.0},
}
ENDS = {-1.0, 0.0, 1.0, -5.0, 5.0}
"""Of ranges that exclude nothing, which were given as intervals; they are None now."""


def lived_in(service: Service) -> None:
    """Play rounds in which every part of a report gets its numbers."""
    service.create(**DEFINITION)
    for part in range(6):
        for i in range(400):
            played = service.round(service.workers[i % 2])
            if i % 5 == 0:
                service.reward(played, value=float(i % 3), metric="returns")
        if part % 2:
            late = service.decide(unit_id="late", context={"device": "mobile"})
            service.now_ms += 2_500
            service.reward(late)
        for _ in range(4):
            service.mature()
    service.rounds(7)
    service.learner.tick()


def flat(value: object, path: str = "") -> dict[str, object]:
    """Return every leaf of a JSON value by its path, a check's by its name."""
    if path == "/health" and isinstance(value, list):
        value = {check["check"]: check for check in value}
    if isinstance(value, dict):
        return {
            k: v for n, o in value.items() for k, v in flat(o, f"{path}/{n}").items()
        }
    if isinstance(value, list | tuple) and value:
        return {
            k: v for i, o in enumerate(value) for k, v in flat(o, f"{path}/{i}").items()
        }
    return {path: value}


def same(found: object, recorded: object) -> bool:
    """Compare two leaves; the last digits of a float may differ."""
    if isinstance(found, float) and isinstance(recorded, float):
        return math.isclose(found, recorded, rel_tol=1e-9)
    return found == recorded


def test_the_json_of_a_report_is_that_of_the_version_before(service: Service) -> None:
    lived_in(service)
    experiment = service.storage.experiments.get("hero")
    report = checked_json(build_report(service.storage, experiment, service.now_ms))
    found, recorded = flat(report), flat(json.loads(RECORDED.read_text()))
    # Sentences may be put in plainer words; numbers, names and statuses may not.
    words = {p for p in recorded if p.endswith(("/detail", "/verdict", "/refused"))}
    numbers = {p: v for p, v in recorded.items() if p not in words}

    assert set(recorded) - set(found) == set()
    new = {p for p in set(found) - set(recorded) if not p.startswith(ADDED)}
    assert {p for p in new if not p.endswith(LATER)} == set()
    different = {
        path: (value, found[path])
        for path, value in numbers.items()
        if not same(found[path], value)
    }
    unknown = {p for p, (_, now) in different.items() if now is None}
    assert set(different) == unknown, different
    unknown = {p for p in unknown if not p.startswith("/uplift/adjusted/")}
    assert all("/interval/" in path for path in unknown)
    assert all(numbers[path] in ENDS for path in unknown)
