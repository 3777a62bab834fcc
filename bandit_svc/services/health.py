"""Tell whether an experiment's numbers can be relied on.

Owns the checks of the report, each with a status and a sentence.
"""

from typing import Any, Literal

from bandit_svc.domain.experiment import Experiment
from bandit_svc.ope.sample_ratio import sample_ratio_p_value
from bandit_svc.services.wording import percent
from bandit_svc.storage.interface import Storage
from bandit_svc.storage.rows import Totals

Json = dict[str, Any]
Status = Literal["ok", "warn", "fail"]

MISMATCH_WARN = 0.01
LATE_WARN = 0.05
LAG_WARN_S = 10.0
LAG_FAIL_S = 60.0


def health_checks(
    storage: Storage, experiment: Experiment, totals: Totals, model: Json
) -> list[Json]:
    """Give every check, whatever its outcome, in a fixed order."""
    return [
        _sample_ratio(storage, experiment, totals),
        _late_rewards(totals),
        _orphans(totals),
        _ambiguous(totals),
        _fallback(totals),
        _learner(model),
        _learn_on(experiment),
    ]


def _check(name: str, status: Status, detail: str, **more: float) -> Json:
    return {"check": name, "status": status, "detail": detail, **more}


def _sample_ratio(storage: Storage, experiment: Experiment, totals: Totals) -> Json:
    """Compare the holdout that arrived with the one that was asked for.

    It counts decisions, and a few units with very many decisions each can set it
    off, so that it warns and does not fail.
    """
    holdout = experiment.definition.holdout
    if experiment.revision > 1:
        shares = {
            r.definition.get("holdout")
            for r in storage.experiments.revisions(experiment.number)
        }
        if len(shares) > 1:
            return _check(
                "sample_ratio",
                "ok",
                "not tested: the holdout was changed, so no one share is expected",
            )
    treatment = totals.counts.get("decisions_treatment", 0)
    baseline = totals.counts.get("decisions_baseline", 0)
    p_value = sample_ratio_p_value(baseline, treatment, holdout)
    share = baseline / max(1, baseline + treatment)
    sentence = (
        f"{percent(share)} of the decisions are in the baseline group; "
        f"{percent(holdout)} were asked for"
    )
    status: Status = "warn" if p_value < MISMATCH_WARN else "ok"
    return _check("sample_ratio", status, sentence, p_value=p_value)


def _late_rewards(totals: Totals) -> Json:
    counts = totals.counts
    late = counts.get("rewards_late", 0)
    taken = counts.get("rewards_accepted", 0) + counts.get("rewards_orphan", 0)
    share = late / max(1, late + taken)
    sentence = f"{late} rewards came too late to count ({percent(share)})"
    if share > LATE_WARN:
        return _check(
            "late_rewards",
            "warn",
            sentence + "; a longer reward window would count them",
        )
    return _check("late_rewards", "ok", sentence)


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
    if experiment.definition.reward.learn_on == "first_reward":
        return _check(
            "learn_on",
            "warn",
            "a decision closes at its first reward (learn_on: first_reward), so the "
            "successes of a period count before its failures and means are too high "
            "while decisions are pending",
        )
    return _check("learn_on", "ok", "decisions are learned from when they mature")
