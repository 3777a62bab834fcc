"""Check that later visits of a unit that keeps its variant can be rewarded.

Owns the comparison of the stickiness with the reward window, and the sentence that says
what the stickiness costs.
"""

import math

from bandit_svc.domain.experiment import Experiment
from bandit_svc.domain.numbers import counted, percent
from bandit_svc.services.checks.check import Check, CheckKind
from bandit_svc.services.checks.reported import REPEATS, total_of
from bandit_svc.storage.rows import Totals

STICKY_WINDOW = CheckKind(
    "sticky_window",
    "Rewards of later visits count while a unit keeps its variant",
    "Lengthen the reward window to the time of the stickiness, or shorten the latter: "
    "the window of a choice that is given again stays that of the first time.",
)


def sticky_window(experiment: Experiment, totals: Totals) -> Check:
    """Warn where a choice is kept for longer than its rewards count."""
    definition = experiment.definition
    if definition.sticky is None:
        return STICKY_WINDOW.ok("each decision is a choice of its own")
    kept_s, window_s = definition.sticky.for_seconds, definition.reward.window_seconds
    words = (
        f"a unit keeps its variant for {counted(round(kept_s), 'second')}, and rewards "
        f"count for {counted(round(window_s), 'second')} after the first time"
    )
    cost, numbers = _cost(totals)
    if kept_s > window_s:
        late = f"{words}: those of later visits are late{cost}"
        return STICKY_WINDOW.warn(late, **numbers)
    return STICKY_WINDOW.ok(f"{words}{cost}", **numbers)


def _cost(totals: Totals) -> tuple[str, dict[str, float]]:
    """Return what the kept choices cost, as the end of a sentence and as numbers.

    Had each visit been a draw of its own, and had visits told as much as units do, an
    interval would be narrower by the root of the visits a choice.
    """
    choices, repeats = totals.joined + totals.pending, total_of(totals, REPEATS)
    if not (choices and repeats):
        return "", {}
    visits = choices + repeats
    share = repeats / visits
    wider = math.sqrt(visits / choices)
    words = (
        f"; it costs draws: {repeats:,} of {visits:,} visits ({percent(share)}) "
        "were given an earlier choice again and taught nothing, so that intervals are "
        f"up to {wider:.2g} times as wide as with a draw a visit"
    )
    return words, {"repeats_share": share, "wider_at_most": wider}
