"""Any JSON value on several lines, for people.

Owns the text of callers' values (contexts, payloads, definitions) on pages.
"""

from collections.abc import Mapping
from typing import Any

import msgspec


def pretty(value: object) -> str:
    """Write a value on several lines, indented by two."""
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()


def one_line(value: object) -> str:
    """Write a value on one line."""
    return msgspec.json.encode(value).decode()


def brief(context: Mapping[str, Any]) -> str:
    """Write a context as one line of words: device phone, user.segment new."""
    words = []
    for name, value in context.items():
        if isinstance(value, Mapping):
            words += [f"{name}.{inner} {_word(v)}" for inner, v in value.items()]
        else:
            words.append(f"{name} {_word(value)}")
    return ", ".join(words)


def _word(value: Any) -> str:  # noqa: ANN401 - any feature
    return value if isinstance(value, str) else one_line(value)
