"""A programme as a form: its fields, what was typed, and the problem of each field.

Owns the names of the fields, and their way to a definition. The rules of a definition
are services.managing.programmes'.
"""

from collections.abc import Mapping
from functools import partial
from types import MappingProxyType
from typing import NamedTuple

import msgspec
from werkzeug.datastructures import MultiDict

from bandit_svc.domain.programmes.programme import ProgrammeDefinition
from bandit_svc.web.forms.form_result import form_result_of
from bandit_svc.web.forms.json_field import Json, read_json
from bandit_svc.web.forms.number_field import read_number

SHARES = ("holdout", "business_as_usual", "explore")
_JSON = ("layers", "caps", "quiet")
"""Fields whose text is JSON; an empty one stands for its default."""
EMPTY: Mapping[str, str] = MappingProxyType(
    {
        "key": "",
        "description": "",
        "holdout": "0.05",
        "business_as_usual": "0.05",
        "explore": "0",
        **dict.fromkeys(_JSON, ""),
    }
)


class ReadForm(NamedTuple):
    """What was typed as plain JSON values, or the problems by field."""

    raw: Json
    problems: Mapping[str, str]


def typed_of(sent: MultiDict[str, str]) -> Mapping[str, str]:
    """Return the texts that a browser sent."""
    return {name: sent.get(name, text) for name, text in EMPTY.items()}


def texts_of(definition: ProgrammeDefinition) -> Mapping[str, str]:
    """Return a programme as the texts of the form."""
    plain: Json = msgspec.to_builtins(definition)
    texts = {name: f"{plain[name]:g}" for name in SHARES}
    for name in _JSON:
        texts[name] = msgspec.json.encode(plain[name]).decode() if plain[name] else ""
    return {"key": definition.key, "description": definition.description, **texts}


def read_programme(typed: Mapping[str, str]) -> ReadForm:
    """Read the texts; the problems of all fields are found at once."""
    raw: Json = {"key": typed["key"].strip(), "description": typed["description"]}
    problems: dict[str, str] = {}
    for name in SHARES:
        read = form_result_of(partial(read_number, name, typed[name]))
        raw[name] = read.value
        problems |= dict.fromkeys([name], *read.problems.values())
    for name in _JSON:
        parsed = form_result_of(partial(read_json, typed[name]))
        # A merge patch with null gives a field its default.
        raw[name] = parsed.value
        problems |= dict.fromkeys([name], *parsed.problems.values())
    return ReadForm(raw, {n: text for n, text in problems.items() if text})


def field_of_programme(pointer: str) -> str:
    """Return the name of the field of a JSON pointer; "" for none."""
    name = pointer.split("/")[1] if pointer else ""
    return name if name in EMPTY else ""
