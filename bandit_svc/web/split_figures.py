"""The splits of an experiment, with the pictures of their intervals.

Owns the figure beside each step, all on one scale.
"""

from collections.abc import Mapping

from markupsafe import Markup

from bandit_svc.charts.interval import Interval, shared_reach, small_interval
from bandit_svc.domain.numbers import amount
from bandit_svc.services.managing.splits.listed import SplitShown, StepShown


def split_figures(splits: list[SplitShown]) -> Mapping[tuple[int, int], Markup]:
    """Return the picture of each step that has an interval, by split and place.

    The place of what is known now is -1.
    """
    found: dict[tuple[int, int], Interval] = {}
    for split in splits:
        shown: list[tuple[int, SplitShown | StepShown]] = [(-1, split)]
        shown += enumerate(split.steps)
        for place, one in shown:
            interval = _interval(one)
            if interval is not None:
                found[split.split, place] = interval
    reach = shared_reach([*found.values()])
    return {
        at: Markup(small_interval(interval, reach, _words(interval)))  # noqa: S704 - our own
        for at, interval in found.items()
    }


def _interval(one: SplitShown | StepShown) -> Interval | None:
    lower, upper = one.interval
    if one.estimate is None or lower is None or upper is None:
        return None
    return Interval(one.estimate, lower, upper)


def _words(interval: Interval) -> str:
    return (
        f"{amount(interval.estimate, signed=True)}, between "
        f"{amount(interval.lower, signed=True)} and "
        f"{amount(interval.upper, signed=True)}"
    )
