"""The planner in the form of a new experiment.

Owns which fields ask for it, and how they are read: as a plan, and as the two values of
a definition that come of it. All of them may stay empty.
"""

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any, NamedTuple

from bandit_svc.prose.planned import plan_sentence
from bandit_svc.services.planning.plan import PlanRequest, plan
from bandit_svc.web.forms.form_result import form_result_of
from bandit_svc.web.forms.number_field import read_number

PLAN_DEFAULTS: Mapping[str, str] = MappingProxyType(
    {
        "traffic": "",
        "base_rate": "",
        "smallest_lift": "",
        "horizon_days": "",
        "visits": "1",
        "icc": "0",
        "reward_sd": "",
    }
)
"""The fields with what they hold at first."""
_NAMES: Mapping[str, str] = MappingProxyType(
    {"lift": "smallest_lift", "horizon": "horizon_days", "sd": "reward_sd"}
)
"""The fields of parameters that a plan calls otherwise."""
_NEEDED = ("traffic", "base_rate", "smallest_lift")
Read = Callable[[str, Callable[[], Any]], Any]


class PlanReading(NamedTuple):
    """What the fields say: a sentence, or the problem of each field."""

    sentence: str
    problems: Mapping[str, str]


def read_plan(values: Mapping[str, str]) -> PlanReading:
    """Return how long it takes; nothing while a field that it needs is empty."""
    if not all(values[name].strip() for name in _NEEDED):
        return PlanReading("", {})
    found = form_result_of(lambda: plan(_asked(values)))
    if found.value is not None:
        return PlanReading(plan_sentence(found.value), {})
    problems = {
        _NAMES.get(name := pointer.strip("/"), name): detail
        for pointer, detail in found.problems.items()
    }
    return PlanReading("", problems)


def planned_values(values: Mapping[str, str], read: Read) -> dict[str, Any]:
    """Return the values of a definition: the smallest lift, the planned decisions.

    Args:
        values: the texts of the form.
        read: calls a function for a field, and keeps its problem.
    """
    found: dict[str, Any] = {}
    if values["smallest_lift"].strip():
        found["smallest_lift"] = read("smallest_lift", _number(values, "smallest_lift"))
    if values["horizon_days"].strip():
        days = read("horizon_days", _number(values, "horizon_days"))
        traffic = read("traffic", _number(values, "traffic"))
        if days is not None and traffic is not None:
            found["planned_decisions"] = round(traffic * days)
    return found


def _number(values: Mapping[str, str], name: str) -> Callable[[], float]:
    return partial(read_number, name, values[name])


def _asked(values: Mapping[str, str]) -> PlanRequest:
    def number(name: str) -> float:
        return read_number(name, values[name])

    def number_or_none(name: str) -> float | None:
        return number(name) if values[name].strip() else None

    return PlanRequest(
        traffic=number("traffic"),
        base_rate=number("base_rate"),
        lift=number("smallest_lift"),
        holdout=number("holdout"),
        sd=number_or_none("reward_sd"),
        visits=number("visits"),
        icc=number("icc"),
        horizon=number_or_none("horizon_days"),
    )
