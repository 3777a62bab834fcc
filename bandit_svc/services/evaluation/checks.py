"""Check that estimates of other policies' rewards can be relied on.

Owns two checks of the report. They read sums that hold at every look, so that a
sound experiment fails the audit in at most 1 % of cases in its whole life, whatever
variants it is given meanwhile, and is warned by the scorecard in at most 5 % (about
so with few decisions: the holdout's interval is asymptotic).

Neither is tested with learn_on first_reward: a decision is then joined sooner if it
succeeded, so what was joined is a biased sample of what was chosen.
"""

from collections.abc import Mapping

from bandit_svc.domain.experiment import Experiment
from bandit_svc.domain.numbers import amount, counted
from bandit_svc.ope.interval import Interval, stretched
from bandit_svc.ope.progressive.weighted import mean_weight_intervals
from bandit_svc.ope.sequences.asymptotic import MINIMAL_COUNT, mean_interval
from bandit_svc.ope.uplift.moments import Moments
from bandit_svc.ope.uplift.sides import pooled_design_effect
from bandit_svc.services.checks.check import Check, CheckKind
from bandit_svc.services.checks.stored_log import SUCCESSES_FIRST
from bandit_svc.services.evaluation.labels import FIXED, TREATED_BASELINE
from bandit_svc.services.evaluation.rows import CandidateProgress, refused, scaled_back
from bandit_svc.services.learning.uplift_sums import kept_uplift
from bandit_svc.services.policy_inputs import reward_range
from bandit_svc.storage.interface import Storage

AUDIT_RISK = 0.01
SCORECARD_CONFIDENCE = 0.975
"""Of each side, so that both hold together with 95 %."""

PROPENSITY_AUDIT = CheckKind(
    "propensity_audit",
    "The mean weight of each fixed variant is 1",
    "Don't use off-policy estimates until this check is ok. `bandit-svc audit KEY` "
    "says which decisions are at fault.",
)
SCORECARD = CheckKind(
    "scorecard",
    "The off-policy estimate of the baseline agrees with the holdout",
    "The baseline's estimate from the bandit's log disagrees with what the holdout "
    "earned: look for a difference in how the groups are shown or counted.",
)


def propensity_audit(
    experiment: Experiment, evaluations: Mapping[str, CandidateProgress]
) -> Check:
    """Check that the mean weight of every fixed variant is 1.

    It is, if logged propensities are the chances that variants were chosen with:
    a variant of propensity p is chosen once in 1 / p decisions, and then weighs 1 / p.

    The variant at place i of the definition has AUDIT_RISK / (i (i + 1)) of the risk,
    for life: a share that followed the number of variants would spend more with each
    one that is added.
    """
    if _successes_first(experiment):
        return PROPENSITY_AUDIT.early(SUCCESSES_FIRST)
    means = {
        label.removeprefix(FIXED): one.summary
        for label, one in evaluations.items()
        if label.startswith(FIXED) and one.summary.sums.n
    }
    if not means:
        if any(one.summary.unbounded for one in evaluations.values()):
            return PROPENSITY_AUDIT.early(
                "not tested: no matured decision had an exploration floor"
            )
        return PROPENSITY_AUDIT.early("not tested: no decision has matured yet")
    keys = [variant.key for variant in experiment.definition.variants]
    places = [keys.index(key) + 1 if key in keys else len(keys) + 1 for key in means]
    confidences = [1 - AUDIT_RISK / (place * (place + 1)) for place in places]
    found = mean_weight_intervals(list(means.values()), confidences)
    for (key, summary), interval in zip(means.items(), found, strict=True):
        lower, upper = _ends(interval)
        if not lower <= 1 <= upper:
            often = "more" if lower > 1 else "less"
            return PROPENSITY_AUDIT.fail(
                f"the mean weight of always showing {key!r} is "
                f"{summary.sums.mean_weight:.3f} ({lower:.3f} to {upper:.3f} at every "
                f"look) and should be 1: it is shown {often} often than logged, so "
                "estimates of other policies are biased"
            )
    return PROPENSITY_AUDIT.ok(
        f"the mean weight of each of {counted(len(means), 'fixed variant')} agrees "
        "with 1, its expected value"
    )


def scorecard(
    storage: Storage,
    experiment: Experiment,
    evaluations: Mapping[str, CandidateProgress],
    holdout: Moments,
) -> Check:
    """Compare the baseline's estimate from the treatment with what the holdout earned.

    Both are the value of one policy on visitors in general, so they agree unless
    propensities, rewards or groups are not what they seem. Where units come back, both
    intervals are wider by the root of the design effect: with sessions of 20 decisions
    they otherwise disagree in a third of sound experiments.
    """
    treated = evaluations[TREATED_BASELINE]
    open_question = _not_compared(storage, experiment, treated, holdout)
    if open_question is not None:
        return SCORECARD.early(open_question)
    scale = reward_range(experiment.definition)
    summary = treated.summary
    upper = experiment.definition.reward.upper
    of_bandit = scaled_back(summary.value_interval(SCORECARD_CONFIDENCE), scale)
    of_holdout = mean_interval(holdout, SCORECARD_CONFIDENCE, scale.minimum, upper)
    factor = _design_effect(storage, experiment) ** 0.5
    estimated, earned = (
        _ends(stretched(interval, factor, scale.minimum, upper))
        for interval in (of_bandit, of_holdout)
    )
    agree = max(estimated[0], earned[0]) <= min(estimated[1], earned[1])
    sentence = (
        f"the off-policy estimate of the baseline is between {amount(estimated[0])} "
        f"and {amount(estimated[1])} reward a decision; the holdout earned "
        f"{amount(holdout.mean)} ({amount(earned[0])} to {amount(earned[1])})"
    )
    if agree:
        return SCORECARD.ok(sentence)
    return SCORECARD.warn(f"{sentence}: propensities, rewards or groups are wrong")


def _design_effect(storage: Storage, experiment: Experiment) -> float:
    """Return the ratio of variances by unit and by decision; 1 if it is unknown."""
    kept = kept_uplift(storage.joins, experiment.number)
    return 1.0 if kept is None else float(pooled_design_effect(kept.sums))


def _not_compared(
    storage: Storage, experiment: Experiment, one: CandidateProgress, holdout: Moments
) -> str | None:
    """Return the reason why the two can't be compared, or None."""
    if _successes_first(experiment):
        return SUCCESSES_FIRST
    if experiment.definition.reward.maximum is None:
        return "not compared: the experiment declares no maximum reward"
    reason = _difference(storage, experiment, one, holdout)
    return None if reason is None else f"not compared: {reason}"


def _difference(
    storage: Storage, experiment: Experiment, one: CandidateProgress, holdout: Moments
) -> str | None:
    if experiment.revision > 1:
        revisions = storage.experiments.revisions(experiment.number)
        for name in ("holdout", "baseline"):
            values = [r.definition.get(name) for r in revisions]
            if any(value != values[0] for value in values):
                return f"the {name} was changed, so the two are of different visitors"
    if holdout.n < MINIMAL_COUNT:
        some = counted(
            holdout.n,
            "decision of the holdout has matured",
            "decisions of the holdout have matured",
        )
        return f"{some}; {MINIMAL_COUNT} are needed"
    if one.behind > 0 and one.summary.sums.n == 0:
        return "the baseline has not been evaluated on the log yet"
    if one.summary.unbounded:
        return (
            f"{counted(one.summary.unbounded, 'decision')} of the treatment had no "
            "exploration floor, so the two are of different visitors"
        )
    reason = refused(one.summary)
    return None if reason is None else reason[0].lower() + reason[1:].rstrip(".")


def _successes_first(experiment: Experiment) -> bool:
    return experiment.definition.reward.closes_at_first_reward


def _ends(interval: Interval | None) -> tuple[float, float]:
    if interval is None or interval.lower is None or interval.upper is None:
        return 0.0, float("inf")
    return interval.lower, interval.upper
