"""How estimates, intervals and moments stand in a report's JSON.

Owns their shape and the report's confidence; every part of a report uses it.
"""

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
