"""How estimates, intervals and moments stand in a report's JSON.

Owns their shape and the report's confidence; every part of a report uses it.
"""

from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from bandit_svc.ope.interval import Estimate, Interval

Json = dict[str, Any]

CONFIDENCE = 0.95


def estimate_json(estimate: Estimate) -> Json:
    """Give a value with its interval."""
    return {
        "estimate": estimate.estimate,
        "interval": interval_json(estimate.interval),
    }


def interval_json(interval: Interval) -> list[float | None]:
    """Give both ends, None where nothing bounds the value."""
    return [interval.lower, interval.upper]


def timestamp(at_ms: int) -> str:
    """Give a moment as RFC 3339 in UTC, with milliseconds."""
    second, millisecond = divmod(at_ms, 1000)
    return f"{_whole_second(second)}.{millisecond:03d}Z"


@lru_cache(maxsize=64)
def _whole_second(second: int) -> str:
    """Keep what every answer of the same second shares."""
    return datetime.fromtimestamp(second, UTC).isoformat().removesuffix("+00:00")


def moment(at_ms: int) -> str:
    """Give a moment in a sentence: 2030-01-31 14:00 UTC."""
    return f"{datetime.fromtimestamp(at_ms / 1000, UTC):%Y-%m-%d %H:%M} UTC"
