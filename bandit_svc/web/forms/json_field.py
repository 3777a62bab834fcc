"""JSON that somebody types into a form.

Owns how it is read, and how a message says what a field takes.
"""

import json
from typing import Any

import msgspec

from bandit_svc.errors import InvalidInput

Json = dict[str, Any]


def read_object(text: str) -> Json:
    """Read a JSON object; an empty one where nothing is typed.

    Raises:
        InvalidInput: it is no JSON, or no object.
    """
    found = read_json(text)
    if found is not None and not isinstance(found, dict):
        raise InvalidInput.at(
            "", 'this must be a JSON object, such as {"category": "dress"}'
        )
    return found or {}


def read_list(text: str) -> list[Any]:
    """Read a JSON list; an empty one where nothing is typed.

    Raises:
        InvalidInput: it is no JSON, or no list.
    """
    found = read_json(text)
    if found is not None and not isinstance(found, list):
        raise InvalidInput.at(
            "", 'this must be a JSON list of objects, such as [{"name": "orders"}]'
        )
    return found or []


def read_json(text: str) -> Any:  # noqa: ANN401 - any JSON
    """Read JSON; None where nothing is typed.

    Raises:
        InvalidInput: it is no JSON.
    """
    if not text.strip():
        return None
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError) as error:
        example = json.dumps(text.strip()[:20])
        raise InvalidInput.at(
            "", f"this is not JSON; a text needs quotation marks, such as {example}"
        ) from error
