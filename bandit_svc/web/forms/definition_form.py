"""A definition as a form: its fields, what was typed, and the problem of each field.

Owns the names of the fields, their way to a definition, and the way from the JSON
pointer of an error back to a field. The rules of a definition are
services.managing.lifecycle's.
"""

import json
from collections.abc import Callable, Mapping
from functools import partial
from itertools import zip_longest
from types import MappingProxyType
from typing import Any, NamedTuple

from werkzeug.datastructures import MultiDict

from bandit_svc.domain.apprentice.mode import LIVE
from bandit_svc.domain.experiment import Definition
from bandit_svc.services.managing.lifecycle import (
    checked_definition,
    convert_definition,
)
from bandit_svc.web.forms.form_result import form_result_of
from bandit_svc.web.forms.json_field import Json, read_list, read_object
from bandit_svc.web.forms.number_field import read_number
from bandit_svc.web.forms.plan_form import PLAN_DEFAULTS, planned_values
from bandit_svc.web.forms.variant_row import ROW_FIELDS, Row, variant_of
from policies.prior.settings import PRIOR
from policies.spec import DEFAULT_KIND, KINDS

MOST_ROWS = 100
POLICIES: Mapping[str, str] = MappingProxyType(
    {
        kind.name: f"{kind.name}: {kind.summary}"
        for kind in KINDS.values()
        if not kind.needs_settings
    }
)
"""The words of each kind that needs no settings, in the order of the registry."""
DEFAULTS: Mapping[str, str] = MappingProxyType(
    {
        "key": "",
        "description": "",
        "baseline": "",
        "policy_kind": DEFAULT_KIND,
        "policy_settings": "",
        "holdout": "0.1",
        "exploration_floor": "0.02",
        "learn_share": "1",
        "evaluate_share": "1",
        "carry_over": "possible",
        "window_seconds": "1800",
        "aggregate": "sum",
        "minimum": "0",
        "maximum": "1",
        "default": "0",
        "event": "",
        "value": "",
        "credit": "",
        "within_seconds": "",
        **PLAN_DEFAULTS,
        "metrics": "",
        "derived_metrics": "",
        "features": "",
        "enrich": "",
        "sticky": "",
        "programme": "",
        "channel": "",
        "split": "",
        "slots": "",
        "mode": LIVE,
        "switch_at": "",
    }
)
_REWARD_NUMBERS = ("window_seconds", "minimum", "maximum", "default")
_SHARES = ("holdout", "exploration_floor", "learn_share", "evaluate_share")
_CREDIT = ("event", "value", "credit")
"""Fields whose text is a value of the reward, left out where it is empty."""
_RANGE = ("minimum", "maximum", "default")
_LISTS = ("metrics", "derived_metrics")
"""Fields whose text is a list of JSON objects."""
_OBJECTS = ("features", "enrich", "sticky", "split", "switch_at")
"""Fields whose text is a JSON object."""
_WORDS = ("programme", "channel", "mode")
"""Fields whose text is a value, left out where it is empty."""
_TOGETHER: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        **dict.fromkeys(_RANGE, _RANGE),
        # Derived metrics name others, so they can't stand without them.
        **dict.fromkeys(_LISTS, _LISTS),
        "horizon_days": ("horizon_days", "planned_decisions"),
    }
)
"""Names of a definition that go together, by the field that is invalid."""
_MOST_FAULTS = 2 * MOST_ROWS


def settings_hint(kind_name: str) -> str:
    """Return the sentence that lists the settings of a kind, with an example."""
    kind = KINDS.get(kind_name)
    settings = [] if kind is None else kind.every_setting
    if not settings:
        return "May stay empty."
    names = ", ".join(setting.name for setting in settings)
    example = json.dumps({settings[0].name: settings[0].default})
    if kind is not None and kind.learns:
        names += f", {PRIOR.name}"
    return f"May stay empty, or like {example}. Settings of {kind_name}: {names}."


class DefinitionForm(NamedTuple):
    """All texts of the form."""

    values: Mapping[str, str]
    rows: tuple[Row, ...]

    def with_rows(self, rows: tuple[Row, ...]) -> "DefinitionForm":
        """Return the same form with other variants."""
        return self._replace(rows=rows[:MOST_ROWS] or (Row(),))


class Reading(NamedTuple):
    """A parsed form: a definition, or the problems by the id of their field."""

    definition: Definition | None
    problems: Mapping[str, str]


def empty_form() -> DefinitionForm:
    """Return the form with its defaults."""
    return DefinitionForm(DEFAULTS, (Row(), Row()))


def form_of(sent: MultiDict[str, str]) -> DefinitionForm:
    """Return the form that a browser sent."""
    values = {name: sent.get(name, text) for name, text in DEFAULTS.items()}
    columns = [sent.getlist(f"variant_{name}") for name in ROW_FIELDS]
    rows = tuple(Row(*texts) for texts in zip_longest(*columns, fillvalue=""))
    return DefinitionForm(values, rows).with_rows(rows)


def read_form(form: DefinitionForm) -> Reading:
    """Parse a form; the problems of all fields are found at once."""
    problems: dict[str, str] = {}

    def read(field: str, call: Callable[[], Any]) -> Any:  # noqa: ANN401 - any JSON
        tried = form_result_of(call)
        for detail in tried.problems.values():
            problems[field] = detail
        return tried.value

    raw, places = _raw(form, read)
    for field in problems:
        _stand_in(raw, field, places)
    # A definition is refused for its first invalid field. A valid value in its place
    # lets the next invalid field be found.
    for _ in range(_MOST_FAULTS):
        tried = form_result_of(lambda: checked_definition(convert_definition(raw)))
        if tried.value is not None:
            return Reading(None if problems else tried.value, problems)
        for pointer, detail in tried.problems.items():
            field = field_of(pointer, places)
            if field in problems:
                return Reading(None, problems)
            problems[field] = detail
            _stand_in(raw, field, places)
    return Reading(None, problems)


def _stand_in(raw: Json, field: str, places: list[int]) -> None:
    """Replace the value of an invalid field by a valid one."""
    if field == "key":
        raw["key"] = "stand-in"
    elif field == "variants":
        raw["variants"] = [{"key": "stand-in"}]
        raw.pop("baseline", None)
    elif field.startswith("variant-"):
        _, place, name = field.split("-")
        variant = raw["variants"][places.index(int(place))]
        variant.pop(name, None)
        if name == "key":
            variant["key"] = f"stand-in-{place}"
            # The baseline may name this variant.
            raw.pop("baseline", None)
    elif field.startswith("policy_"):
        raw["policy"] = {"kind": DEFAULT_KIND}
    else:
        for name in _TOGETHER.get(field, (field,)):
            raw.pop(name, None)
            raw["reward"].pop(name, None)


def _raw(
    form: DefinitionForm, read: Callable[[str, Callable[[], Any]], Any]
) -> tuple[Json, list[int]]:
    """Return plain JSON values, and the row of each variant."""
    given = form.values
    raw: Json = {"key": given["key"].strip(), "description": given["description"]}
    places = [place for place, row in enumerate(form.rows) if not row.is_empty]
    raw["variants"] = [variant_of(form.rows[place], place, read) for place in places]
    for name in _SHARES:
        raw[name] = read(name, partial(read_number, name, given[name]))
    raw["reward"] = {"aggregate": given["aggregate"]}
    for name in _REWARD_NUMBERS:
        unbounded = name == "maximum" and not given[name].strip()
        raw["reward"][name] = (
            None if unbounded else read(name, partial(read_number, name, given[name]))
        )
    raw["reward"] |= {
        name: given[name].strip() for name in _CREDIT if given[name].strip()
    }
    if given["within_seconds"].strip():
        within = partial(read_number, "within_seconds", given["within_seconds"])
        raw["reward"]["within_seconds"] = read("within_seconds", within)
    for name in _LISTS:
        raw[name] = read(name, partial(read_list, given[name])) or []
    for name in _OBJECTS:
        if found := read(name, partial(read_object, given[name])):
            raw[name] = found
    raw |= _slots(given["slots"], read)
    raw["carry_over"] = given["carry_over"]
    for name in _WORDS:
        if given[name].strip():
            raw[name] = given[name].strip()
    raw |= planned_values(given, read)
    settings = read("policy_settings", lambda: read_object(given["policy_settings"]))
    raw["policy"] = {"kind": given["policy_kind"], **(settings or {})}
    if given["baseline"].strip():
        raw["baseline"] = {"kind": "fixed", "variant": given["baseline"].strip()}
    return raw, places


def _slots(text: str, read: Callable[[str, Callable[[], Any]], Any]) -> Json:
    """Return the number of slots, if one is given."""
    if not text.strip():
        return {}
    count = read("slots", partial(read_number, "slots", text))
    return {"slots": int(count) if count and count % 1 == 0 else count}


def field_of(pointer: str, places: list[int]) -> str:
    """Return the id of the field of a JSON pointer; "" for none.

    Args:
        places: the row of each variant in the definition.
    """
    match pointer.split("/")[1:]:
        case ["variants", index, name, *_] if name in ROW_FIELDS:
            return f"variant-{places[int(index)]}-{name}"
        case ["policy", name, *_]:
            return "policy_kind" if name == "kind" else "policy_settings"
        case ["planned_decisions"]:
            return "horizon_days"
        case ["reward", name] | [name, *_] if name in {*DEFAULTS, "variants"}:
            return name
    return ""


def unfinished(problems: Mapping[str, str], form: DefinitionForm) -> Mapping[str, str]:
    """Return the problems without those of fields that are still empty."""
    empty = {name for name, text in form.values.items() if not text.strip()}
    empty |= {f"variant-{n}-key" for n, row in enumerate(form.rows) if not row.key}
    return {f: text for f, text in problems.items() if f not in {*empty, "variants"}}
