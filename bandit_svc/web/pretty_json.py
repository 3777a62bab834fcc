"""Any JSON value on several lines, for people.

Owns how values of callers (contexts, payloads, definitions) are written on pages.
"""

import msgspec


def pretty(value: object) -> str:
    """Write a value on several lines, indented by two."""
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()


def one_line(value: object) -> str:
    """Write a value on one line."""
    return msgspec.json.encode(value).decode()
