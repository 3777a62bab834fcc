"""Sum up a report: what is known, and what to do.

Owns the words at the top of a report, for someone who did not build it. What to do
follows from the status too: nothing more will come where no decision is made.
"""

from collections.abc import Mapping
from typing import NamedTuple

from bandit_svc.domain.experiment import Status
from bandit_svc.domain.numbers import amount, counted, percent
from bandit_svc.domain.times import to_the_second
from bandit_svc.services.checks.check import with_status
from bandit_svc.services.checks.loop import LEARNER
from bandit_svc.services.report.first_reward import REASON
from bandit_svc.services.report.report import Report

LEARNS_AT_FIRST = 1_000
"""Decisions that a policy may take to learn what is best; until then it earns less than
a baseline that happens to be the best variant."""
_STOPPED: Mapping[Status, str] = {
    "paused": "It is paused: no decision is made until it is resumed.",
    "archived": "It is archived: no more decisions will come.",
}


class _Newest(NamedTuple):
    """Mean rewards in the newest half of the matured decisions."""

    treatment: float
    baseline: float


def verdict(report: Report) -> str:
    """Return the sentence for a report that has everything else."""
    failed = with_status(report.health, "fail")
    if failed:
        names = ", ".join(check.name for check in failed).replace("_", " ")
        return f"Don't act on these numbers yet: a check fails ({names})."
    return (
        _uplift(report)
        + _adjusted(report)
        + _guardrails(report)
        + _early(report)
        + _learner(report)
    )


def _adjusted(report: Report) -> str:
    adjusted = report.uplift.adjusted
    if not adjusted or adjusted.estimate is None or adjusted.interval[0] is None:
        return ""
    lower, upper = adjusted.interval
    return (
        f" Adjusted for {adjusted.covariate} the difference is between "
        f"{amount(lower, signed=True)} and {amount(upper, signed=True)}."
    )


def _guardrails(report: Report) -> str:
    """Name the metrics that got worse by more than was allowed."""
    breached = sorted(
        {
            row.metric
            for row in report.metrics
            if row.guardrail and row.guardrail.status == "breached"
        }
    )
    if not breached:
        return ""
    names = ", ".join(breached)
    return f" But a guardrail is breached ({names}): pause it until you know why."


def _early(report: Report) -> str:
    """Warn that a known uplift has not passed every check."""
    early = with_status(report.health, "early")
    if not early or report.uplift.absolute.interval[0] is None:
        return ""
    some = counted(len(early), "check is", "checks are")
    names = ", ".join(check.name for check in early).replace("_", " ")
    return f" {some} too early to test ({names})."


def _learner(report: Report) -> str:
    """Warn where no learner runs, so that waiting changes nothing."""
    if report.status == "archived":
        return ""
    warned = [c for c in with_status(report.health, "warn") if c.name == LEARNER.name]
    return "".join(f" But look at the learner: {check.detail}." for check in warned)


def _uplift(report: Report) -> str:
    absolute = report.uplift.absolute
    if absolute.reason == REASON:
        return f"The groups can't be compared: {REASON}."
    if absolute.estimate is None:
        return _nothing(report)
    lower, upper = absolute.interval
    if lower is None or upper is None:
        return (
            f"Too little is known yet: {absolute.reason}. "
            f"{_advice(report, 'Wait for more.')}"
        )
    if lower > 0:
        return (
            f"The bandit earns more than the baseline: between {amount(lower)} and "
            f"{amount(upper)} more reward a decision{_relative(report)}. "
            f"{_advice(report, 'Keep it running.')}"
        )
    if upper < 0:
        less = (
            f"between {amount(-upper)} and {amount(-lower)} less reward a "
            f"decision{_relative(report)}"
        )
        return _loss(report, less)
    return (
        "It is not decided yet whether the bandit earns more than the baseline: the "
        f"difference is between {amount(lower, signed=True)} and "
        f"{amount(upper, signed=True)} reward a decision. "
        f"{_advice(report, 'Wait for more decisions.')}"
    )


def _advice(report: Report, while_running: str) -> str:
    return _STOPPED.get(report.status, while_running)


def _nothing(report: Report) -> str:
    """Return why nothing is known: no request, or no decision has matured."""
    decisions = report.decisions
    if not decisions.joined and not decisions.pending and not decisions.unexposed:
        first = "See First request on its page, or POST /v1/decisions."
        return f"No request for a decision has come yet. {_advice(report, first)}"
    waiting = f"Nothing is known yet: {report.uplift.absolute.reason}."
    if decisions.joined or not decisions.pending:
        return waiting
    are = counted(decisions.pending, "decision waits", "decisions wait")
    waiting += f" {are} for rewards"
    if report.pending.rewarded is not None:
        have = "has" if report.pending.rewarded == 1 else "have"
        waiting += f"; {report.pending.rewarded:,} of them {have} one so far"
    if report.pending.first_matures_at is not None:
        at = to_the_second(report.pending.first_matures_at)
        waiting += f". The first ones count from {at} UTC on"
    return f"{waiting}."


def _loss(report: Report, less: str) -> str:
    """Return that the bandit earned less, and whether learning is why."""
    so_far = f"The bandit has earned less than the baseline so far: {less}."
    if report.model.learned < LEARNS_AT_FIRST:
        learned = counted(report.model.learned, "decision")
        advice = _advice(report, "Wait for more decisions.")
        return (
            f"{so_far} It has learned from {learned} only, and this mean keeps what it "
            f"tried at first. {advice}"
        )
    newest = _newest_half(report)
    if newest is None or newest.treatment < newest.baseline:
        advice = _advice(report, "Pause it and look at its context and rewards.")
        return f"The bandit earns less than the baseline: {less}. {advice}"
    return (
        f"{so_far} This mean keeps the price of learning: in the newest half of the "
        f"decisions the bandit earned {amount(newest.treatment)} and the baseline "
        f"{amount(newest.baseline)}. {_advice(report, 'Wait for more decisions.')}"
    )


def is_price_of_learning(report: Report) -> bool:
    """Return whether a loss may be that of the first decisions alone.

    True while the policy has learned from few decisions, and where it has earned no
    less than the baseline in the newest half of them.
    """
    if report.model.learned < LEARNS_AT_FIRST:
        return True
    newest = _newest_half(report)
    return newest is not None and newest.treatment >= newest.baseline


def _newest_half(report: Report) -> _Newest | None:
    """Return the means of the newest half, by the report's history; None if unknown."""
    history = report.history
    if not history:
        return None
    half = history[-1].joined / 2
    begin = max((i for i, p in enumerate(history) if p.joined <= half), default=-1)
    if begin < 0:
        return None
    old, new = history[begin], history[-1]
    shown = sum(point.shown for point in history[: begin + 1])
    treated = sum(point.shown for point in history)
    means = []
    for before, after, n_before, n_after in (
        (old.treatment, new.treatment, shown, treated),
        (old.baseline, new.baseline, old.joined - shown, new.joined - treated),
    ):
        if before is None or after is None or n_after <= n_before:
            return None
        means.append((after * n_after - before * n_before) / (n_after - n_before))
    return _Newest(*means)


def _relative(report: Report) -> str:
    estimate = report.uplift.relative.estimate
    return "" if estimate is None else f" ({percent(estimate, signed=True)} so far)"
