"""The changes that the page of an experiment offers, as forms.

Owns the list of changes: the title of each, the fields of its form, and the merge
patch for services.managing.lifecycle. The sentences on what a change does are
prose.consequences'.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import msgspec

from bandit_svc.domain.experiment import Definition
from bandit_svc.errors import InvalidInput
from bandit_svc.services.evaluation.labels import without_name
from bandit_svc.services.managing.splits.promoting import (
    FIRST_SHARE,
    WHOLE,
    split_patch,
)
from bandit_svc.web.forms.number_field import read_number

Json = dict[str, Any]
Given = Mapping[str, str]


class Field(NamedTuple):
    """One value that a form asks for."""

    name: str
    label: str
    pointer: str
    """The JSON pointer of the value in a definition."""
    options: tuple[str, ...] = ()
    """The values of a menu; empty for a field that takes a number."""
    value: str = ""


class Action(NamedTuple):
    """One change that a person can make."""

    title: str
    """May contain `{}`, replaced by the variant or candidate."""
    button: str
    patch: Callable[[Definition, Given], Json]
    fields: Callable[[Definition, Given], list[Field]] = lambda _d, _g: []
    name: str = ""
    """The field that the title and the note name."""
    is_final: bool = False

    def title_for(self, given: Given) -> str:
        """Return the title with the variant or candidate of a form filled in."""
        return self.title.format(given.get(self.name, "")[:128])


def _status_patch(status: str) -> Callable[[Definition, Given], Json]:
    return lambda _definition, _given: {"status": status}


def _number_patch(name: str) -> Callable[[Definition, Given], Json]:
    return lambda _definition, given: {name: read_number(name, given.get(name, ""))}


def _number_field(name: str, label: str) -> Callable[[Definition, Given], list[Field]]:
    def fields(definition: Definition, given: Given) -> list[Field]:
        value = given.get(name, f"{getattr(definition, name):g}")
        return [Field(name, label, f"/{name}", value=value)]

    return fields


def _retire(definition: Definition, given: Given) -> Json:
    if _is_baseline(definition, given) and not given.get("baseline"):
        raise InvalidInput.at(
            "/baseline/variant",
            "the baseline always shows this variant; choose another one for it",
        )
    return _with_variant(definition, given, retired=True) | _new_baseline(
        definition, given
    )


def _bring_back(definition: Definition, given: Given) -> Json:
    return _with_variant(definition, given, retired=False)


def _with_variant(definition: Definition, given: Given, *, retired: bool) -> Json:
    key = given.get("variant", "")
    if key not in {v.key for v in definition.variants}:
        raise InvalidInput.at("/variants", f"there is no variant {key[:128]!r}")
    return {
        "variants": [
            msgspec.to_builtins(
                msgspec.structs.replace(v, retired=retired) if v.key == key else v
            )
            for v in definition.variants
        ]
    }


def _new_baseline(definition: Definition, given: Given) -> Json:
    """Return the patch of a baseline that always shows the variant to retire."""
    if not _is_baseline(definition, given):
        return {}
    return {"baseline": {"kind": "fixed", "variant": given["baseline"]}}


def _is_baseline(definition: Definition, given: Given) -> bool:
    baseline = definition.baseline or {}
    key = given.get("variant", "")
    return baseline.get("kind") == "fixed" and baseline.get("variant") == key


def _retire_fields(definition: Definition, given: Given) -> list[Field]:
    if not _is_baseline(definition, given):
        return []
    others = tuple(
        v.key for v in definition.active_variants if v.key != given.get("variant")
    )
    label = "New variant of the baseline"
    value = given.get("baseline", "")
    return [Field("baseline", label, "/baseline/variant", others, value)]


def _promote(definition: Definition, given: Given) -> Json:
    name = given.get("candidate", "")
    for candidate in definition.candidates:
        if candidate["name"] == name:
            spec = without_name(candidate)
            share = read_number("share", given.get("share", f"{FIRST_SHARE:g}"))
            if share == WHOLE:
                return {"policy": spec}
            return split_patch(name, spec, share)
    raise InvalidInput.at("/candidates", f"there is no candidate {name[:128]!r}")


def _promote_fields(_definition: Definition, given: Given) -> list[Field]:
    label = "Share of the units at first, in a split; 1 changes all at once"
    value = given.get("share", f"{FIRST_SHARE:g}")
    return [Field("share", label, "/share", value=value)]


ACTIONS: Mapping[str, Action] = MappingProxyType(
    {
        "pause": Action("Pause", "Pause", _status_patch("paused")),
        "resume": Action("Resume", "Resume", _status_patch("running")),
        "archive": Action(
            "Archive", "Archive", _status_patch("archived"), is_final=True
        ),
        "holdout": Action(
            "Change the holdout",
            "Change the holdout",
            _number_patch("holdout"),
            _number_field("holdout", "Holdout, as a share between 0 and 0.9"),
        ),
        "floor": Action(
            "Change the exploration floor",
            "Change the floor",
            _number_patch("exploration_floor"),
            _number_field(
                "exploration_floor", "Exploration floor, as a share between 0 and 1"
            ),
        ),
        "retire": Action(
            "Retire {}", "Retire it", _retire, _retire_fields, name="variant"
        ),
        "bring-back": Action(
            "Bring {} back", "Bring it back", _bring_back, name="variant"
        ),
        "promote": Action(
            "Promote {}", "Promote it", _promote, _promote_fields, name="candidate"
        ),
    }
)
