"""Tell which of all metrics differ between the groups.

Owns the report's `claims`: e-BH over the reward, the declared metrics (the guardrails
among them) and the derived ones, each against no difference. A guardrail that is held
or breached is another question, with an interval of its own.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from bandit_svc.ope.metrics.claims import band_log_e_value, claimed
from bandit_svc.ope.sequences.asymptotic import OPTIMISED_COUNT
from bandit_svc.ope.uplift.by_unit import Band
from bandit_svc.services.report.metrics.rows import Claim, Claims
from bandit_svc.services.values import CONFIDENCE

RISK = 1 - CONFIDENCE
_MOST = 690.0
"""The largest logarithm of an e-value that is shown; e to it is a number still."""


class Tested(NamedTuple):
    """A difference that is tested.

    Attributes:
        metric: its name.
        band: returns the difference's band at a confidence; None where the metric has
            nothing to compare yet. It counts among the tested ones all the same.
        n: the count at which the band's boundary is taken.
        tightest_at: the count at which that boundary is tightest.
    """

    metric: str
    band: Callable[[float], Band] | None
    n: float
    tightest_at: float = OPTIMISED_COUNT


def claims(tested: Sequence[Tested]) -> Claims | None:
    """Return which of the tested metrics are claimed; None where only one is."""
    if len(tested) <= 1:
        return None
    strictest = 1 - RISK / max(len(tested), 1)
    logs = np.array([_log_e_value(one, strictest) for one in tested])
    bands = [one.band(CONFIDENCE) if one.band else None for one in tested]
    found = claimed(logs, RISK)
    rows = []
    for index, (one, band) in enumerate(zip(tested, bands, strict=True)):
        log = float(logs[index])
        is_claimed = bool(found[index]) and band is not None
        higher = band is not None and float(band.estimate) > 0
        rows.append(
            Claim(
                one.metric,
                float(np.exp(min(log, _MOST))) if np.isfinite(log) else None,
                is_claimed,
                ("higher" if higher else "lower") if is_claimed else None,
            )
        )
    return Claims(RISK_SHOWN, tuple(rows), _detail(len(rows)))


RISK_SHOWN = round(RISK, 6)


def _detail(tested: int) -> str:
    return (
        f"Of the metrics that are claimed, at most {RISK_SHOWN:.0%} are expected to be "
        f"without a difference, at whatever moment one stops (e-BH over {tested} "
        "metrics; e-values of the same mixture as the intervals)."
    ).replace("%", " %")


def _log_e_value(one: Tested, confidence: float) -> float:
    if one.band is None:
        return -np.inf
    n = np.array(max(one.n, 1.0))
    band = one.band(confidence)
    return float(band_log_e_value(band, n, confidence, one.tightest_at))
