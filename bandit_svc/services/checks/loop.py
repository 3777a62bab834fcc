"""Check that an experiment's own workings are sound.

Owns the report's checks of rewards, decisions and learning that read counters; those
of the stored log are in stored_log.py and drift.py. A counter of faults is `early` as
long as nothing was counted that could have been at fault.
"""

from bandit_svc.domain.experiment import Experiment
from bandit_svc.domain.numbers import counted, duration, percent
from bandit_svc.services.checks.check import Check, CheckKind
from bandit_svc.services.checks.degraded import Reason
from bandit_svc.storage.rows import Totals

LATE_WARN = 0.05
LAG_WARN_S = 10.0
LAG_FAIL_S = 60.0

LATE_REWARDS = CheckKind(
    "late_rewards",
    "Rewards arrive in time",
    "Choose a longer reward window, or report rewards sooner.",
)
ORPHAN_REWARDS = CheckKind(
    "orphan_rewards",
    "Every reward has its decision",
    "Rewards came for decisions that the store does not have yet. If their number "
    "stays, the log of a lost worker is missing.",
)
AMBIGUOUS_DECISIONS = CheckKind(
    "ambiguous_decisions",
    "Every decision showed one variant",
    "Callers repeat a request_id with another request. Give each page view its own.",
)
FALLBACK_DECISIONS = CheckKind(
    "fallback_decisions",
    "The policy's probabilities are always valid",
    "The policy's probabilities were not valid. Look at the service's log, and "
    "restore an older model if it continues.",
)
LEARNER = CheckKind(
    "learner",
    "The learner keeps up with the decisions",
    "Look whether a learner runs (see Operations) and whether its log has errors.",
)
LEARN_ON = CheckKind(
    "learn_on",
    "Rewards are complete before they count",
    "Set learn_on to maturity in a new experiment, unless rewards must count at once.",
)
_REWARDS = ("accepted", "duplicate", "conflict", "late", "orphan", "quarantined")


def late_rewards(
    totals: Totals, window_s: float, advised_s: tuple[float | None, float | None]
) -> Check:
    """Warn if too many rewards came after their decision had closed.

    Args:
        window_s: the reward window of now.
        advised_s: the windows that would count 95 % and 99 % of the reported rewards.
    """
    counts = totals.counts
    late = counts.get("rewards_late", 0)
    taken = counts.get("rewards_accepted", 0) + counts.get("rewards_orphan", 0)
    if not late + taken:
        return LATE_REWARDS.early("not tested: no reward has been reported yet")
    share = late / (late + taken)
    sentence = f"{counted(late, 'reward')} came too late to count ({percent(share)})"
    if share <= LATE_WARN:
        return LATE_REWARDS.ok(sentence)
    most, nearly_all = advised_s
    if most is None or nearly_all is None or most <= window_s:
        # They came after decisions that had closed at a first reward, for example.
        return LATE_REWARDS.warn(sentence)
    return LATE_REWARDS.warn(
        f"{sentence}; set reward.window_seconds to {most:.0f} to count 95 % of those "
        f"that were reported ({duration(most)}), or to {nearly_all:.0f} for 99 % "
        f"({duration(nearly_all)}), instead of {duration(window_s)}"
    )


def orphan_rewards(totals: Totals) -> Check:
    """Warn while rewards wait for decisions that the store does not have.

    Those of units are told, and no reason to warn: people buy who were shown nothing.
    """
    found_none = totals.counts.get("rewards_quarantined", 0)
    of_units = (
        f"; {counted(found_none, 'reward')} of units found no decision within 10 s "
        "(`bandit-svc rewards quarantine` lists those that still wait)"
        if found_none
        else ""
    )
    if totals.orphans:
        waiting = counted(totals.orphans, "reward waits", "rewards wait")
        return ORPHAN_REWARDS.warn(
            f"{waiting} for a decision that is not in the store{of_units}"
        )
    if not any(totals.counts.get(f"rewards_{name}", 0) for name in _REWARDS):
        return ORPHAN_REWARDS.early("not tested: no reward has been reported yet")
    return ORPHAN_REWARDS.ok(
        f"no reward waits for a decision that is not in the store{of_units}"
    )


def ambiguous_decisions(totals: Totals) -> Check:
    """Warn if two variants went out under one request_id."""
    count = totals.counts.get("decisions_ambiguous", 0)
    if count:
        return AMBIGUOUS_DECISIONS.warn(
            f"{counted(count, 'decision')} went out with two different variants under "
            "one request_id; learning and this report leave them out"
        )
    if not _decisions(totals):
        return AMBIGUOUS_DECISIONS.early(_NO_DECISION)
    return AMBIGUOUS_DECISIONS.ok(
        "no decision went out with two different variants under one request_id"
    )


def fallback_decisions(totals: Totals) -> Check:
    """Warn if the baseline had to choose for the policy."""
    count = totals.counts.get("decisions_fallback", 0)
    if count:
        return FALLBACK_DECISIONS.warn(
            f"{counted(count, 'decision')} fell back to the baseline, because the "
            "policy's probabilities were not valid"
        )
    if not _decisions(totals):
        return FALLBACK_DECISIONS.early(_NO_DECISION)
    return FALLBACK_DECISIONS.ok("no decision fell back to the baseline")


def learner(totals: Totals, lag_s: float, silence: Reason | None) -> Check:
    """Warn and fail by how long matured decisions wait for the learner.

    Args:
        lag_s: how long the oldest of them has waited, in seconds; 0 if none waits.
        silence: that no learner runs. What waits in the event log is not counted then.
    """
    sentence = f"the oldest matured decision has waited {lag_s:.1f} s to be learned"
    if lag_s > LAG_FAIL_S:
        return LEARNER.fail(sentence)
    if silence is not None:
        return LEARNER.warn(
            f"{silence.sentence}. What has come since then is not in these numbers"
        )
    if lag_s > LAG_WARN_S:
        return LEARNER.warn(sentence)
    if not lag_s and not totals.joined:
        return LEARNER.early("not tested: no decision has matured yet")
    return LEARNER.ok(sentence)


def learn_on(experiment: Experiment) -> Check:
    """Warn if decisions are learned from before their rewards are complete."""
    if experiment.definition.reward.closes_at_first_reward:
        return LEARN_ON.warn(
            "a decision closes at its first reward (learn_on: first_reward), so the "
            "successes of a period count before its failures, and means are too high "
            "while decisions are pending"
        )
    return LEARN_ON.ok("decisions are learned from when they mature")


_NO_DECISION = "not tested: no decision has been made yet"


def _decisions(totals: Totals) -> int:
    """Return how many decisions were counted, whatever became of them."""
    made = (totals.counts.get(f"decisions_{g}", 0) for g in ("treatment", "baseline"))
    return sum(made) + totals.pending + totals.joined
