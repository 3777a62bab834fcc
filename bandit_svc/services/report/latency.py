"""Report how long rewards take, and the window that would count them.

Owns the report's `latency`, from counts by bin. It knows the rewards that were
reported; it can't see what callers never send.
"""

from bandit_svc.domain.experiment import Experiment
from bandit_svc.domain.latency import lower_edge_ms, upper_edge_ms
from bandit_svc.domain.numbers import counted, duration, percent
from bandit_svc.services.report.report import Latency, LatencyBin, Window
from bandit_svc.storage.interface import Storage
from bandit_svc.storage.rows import LatencyRow

SHARES = (0.95, 0.99)
LEAST_REWARDS = 100
LATE_SHARE = 0.05
"""More late rewards than this are worth a longer window."""
SPARE = 2.0
"""A window this many times as long as needed is worth shortening."""


def latency(storage: Storage, experiment: Experiment) -> Latency:
    """Return the histogram, the share that came late and the windows to choose from."""
    rows = storage.breakdowns.latencies(experiment.number)
    in_time = sum(row.counted for row in rows)
    late = sum(row.late for row in rows)
    window_s = experiment.definition.reward.window_seconds
    total = in_time + late
    windows = tuple(Window(share, _window_s(rows, share * total)) for share in SHARES)
    return Latency(
        rewards=total,
        late=late,
        late_share=late / total if rows else None,
        window_seconds=window_s,
        windows=windows,
        detail=_sentence(total, late, window_s, windows),
        histogram=tuple(
            LatencyBin(
                from_seconds=lower_edge_ms(row.bin) / 1000,
                to_seconds=upper_edge_ms(row.bin) / 1000,
                counted=row.counted,
                late=row.late,
            )
            for row in rows
        ),
    )


def _window_s(rows: list[LatencyRow], wanted: float) -> float | None:
    """Return the end of the bin in which this many rewards have come."""
    seen = 0
    for row in rows:
        seen += row.counted + row.late
        if seen >= wanted:
            return upper_edge_ms(row.bin) / 1000
    return None


def _sentence(
    total: int, late: int, window_s: float, windows: tuple[Window, ...]
) -> str:
    most, nearly_all = (window.seconds for window in windows)
    if total < LEAST_REWARDS or most is None or nearly_all is None:
        are = counted(total, "reward is", "rewards are")
        return (
            f"{are} of decisions that have matured; {LEAST_REWARDS} are needed before "
            "a window is recommended"
        )
    heard = f"{percent(late / total)} of the {total:,} reported rewards came too late"
    if late > LATE_SHARE * total:
        return (
            f"{heard}; a window of {duration(most)} would have counted 95 % of them "
            f"and one of {duration(nearly_all)} 99 %, instead of {duration(window_s)}"
        )
    if nearly_all * SPARE < window_s:
        return (
            f"{heard}; a window of {duration(nearly_all)} would have counted 99 % and "
            f"let the bandit learn sooner than the {duration(window_s)} of now"
        )
    return f"{heard}; the window of {duration(window_s)} fits"
