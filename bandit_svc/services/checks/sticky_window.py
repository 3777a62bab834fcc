"""Check that later visits of a unit that keeps its variant can be rewarded.

Owns the comparison of the stickiness with the reward window.
"""

from bandit_svc.domain.experiment import Experiment
from bandit_svc.domain.numbers import counted
from bandit_svc.services.checks.check import Check, CheckKind

STICKY_WINDOW = CheckKind(
    "sticky_window",
    "Rewards of later visits count while a unit keeps its variant",
    "Lengthen the reward window to the time of the stickiness, or shorten the latter: "
    "the window of a choice that is given again stays that of the first time.",
)


def sticky_window(experiment: Experiment) -> Check:
    """Warn where a choice is kept for longer than its rewards count."""
    definition = experiment.definition
    if definition.sticky is None:
        return STICKY_WINDOW.ok("each decision is a choice of its own")
    kept_s, window_s = definition.sticky.for_seconds, definition.reward.window_seconds
    words = (
        f"a unit keeps its variant for {counted(round(kept_s), 'second')}, and rewards "
        f"count for {counted(round(window_s), 'second')} after the first time"
    )
    if kept_s > window_s:
        return STICKY_WINDOW.warn(f"{words}: those of later visits are late")
    return STICKY_WINDOW.ok(words)
