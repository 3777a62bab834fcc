"""Tell whether an experiment's numbers can be relied on.

Owns the report's checks of the loop's own workings, each with a status and a sentence;
those of the log that it keeps are report_trust's and report_drift's.
"""

from typing import Any, Literal

from bandit_svc.domain.experiment import Experiment
from bandit_svc.domain.numbers import duration, percent
from bandit_svc.storage.rows import Totals

Json = dict[str, Any]
Status = Literal["ok", "warn", "fail"]

LATE_WARN = 0.05
LAG_WARN_S = 10.0
LAG_FAIL_S = 60.0


def health_checks(
    experiment: Experiment, totals: Totals, model: Json, latency: Json
) -> list[Json]:
    """Give every check, whatever its outcome, in a fixed order."""
    return [
        _late_rewards(totals, latency),
        _orphans(totals),
        _ambiguous(totals),
        _fallback(totals),
        _learner(model),
        _learn_on(experiment),
    ]


def _check(name: str, status: Status, detail: str, **more: float) -> Json:
    return {"check": name, "status": status, "detail": detail, **more}


def _late_rewards(totals: Totals, latency: Json) -> Json:
    counts = totals.counts
    late = counts.get("rewards_late", 0)
    taken = counts.get("rewards_accepted", 0) + counts.get("rewards_orphan", 0)
    share = late / max(1, late + taken)
    sentence = f"{late} rewards came too late to count ({percent(share)})"
    if share <= LATE_WARN:
        return _check("late_rewards", "ok", sentence)
    most, nearly_all = (window["seconds"] for window in latency["windows"])
    if most is None or most <= latency["window_seconds"]:
        # They came after decisions that had closed at a first reward, say.
        return _check("late_rewards", "warn", sentence)
    return _check(
        "late_rewards",
        "warn",
        f"{sentence}; set reward.window_seconds to {most:.0f} to count 95 % of those "
        f"that were reported ({duration(most)}), or to {nearly_all:.0f} for 99 % "
        f"({duration(nearly_all)}), instead of {duration(latency['window_seconds'])}",
    )


def _orphans(totals: Totals) -> Json:
    sentence = f"{totals.orphans} rewards wait for a decision that has not turned up"
    return _check("orphan_rewards", "warn" if totals.orphans else "ok", sentence)


def _ambiguous(totals: Totals) -> Json:
    count = totals.counts.get("decisions_ambiguous", 0)
    sentence = (
        f"{count} decisions went out with two different variants under one request_id; "
        "they are left out of learning and of this report"
    )
    return _check("ambiguous_decisions", "warn" if count else "ok", sentence)


def _fallback(totals: Totals) -> Json:
    count = totals.counts.get("decisions_fallback", 0)
    sentence = f"{count} decisions fell back to the baseline, for want of a valid pmf"
    return _check("fallback_decisions", "warn" if count else "ok", sentence)


def _learner(model: Json) -> Json:
    lag_s = model["lag_seconds"]
    sentence = f"the oldest matured decision has waited {lag_s:.1f} s to be learned"
    status: Status = "ok"
    if lag_s > LAG_FAIL_S:
        status = "fail"
    elif lag_s > LAG_WARN_S:
        status = "warn"
    return _check("learner", status, sentence)


def _learn_on(experiment: Experiment) -> Json:
    if experiment.definition.reward.closes_at_first_reward:
        return _check(
            "learn_on",
            "warn",
            "a decision closes at its first reward (learn_on: first_reward), so the "
            "successes of a period count before its failures and means are too high "
            "while decisions are pending",
        )
    return _check("learn_on", "ok", "decisions are learned from when they mature")
