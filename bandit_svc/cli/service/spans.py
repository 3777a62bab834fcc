"""Spans of time as a command line has them.

Owns their form.
"""

import re

_UNITS_MS = {"d": 86_400_000, "h": 3_600_000, "m": 60_000}
_SPAN = re.compile(r"([0-9]{1,6})([dhm])")


def span_ms(text: str) -> int | None:
    """Return the milliseconds of 90d, 12h or 30m; None for any other text."""
    given = _SPAN.fullmatch(text)
    return None if given is None else int(given[1]) * _UNITS_MS[given[2]]
