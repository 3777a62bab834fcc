"""The sentences about an apprentice: how often it agrees, what it would earn."""

from bandit_svc.domain.apprentice.mode import LIVE
from bandit_svc.domain.numbers import amount, counted, percent
from bandit_svc.services.report.apprentice.rows import Apprentice
from bandit_svc.services.report.report import Report
from bandit_svc.services.values import Estimated


def apprentice_sentence(report: Report) -> str:
    """Return what is found of an apprentice; empty of an experiment that was none."""
    found = report.apprentice
    if found is None:
        return ""
    state = "It is an apprentice"
    if found.mode == LIVE:
        state = "It was an apprentice"
        if found.switched is not None:
            state += f" until {found.switched.at[:10]} ({found.switched.note})"
    made = counted(found.decisions, "matured decision")
    if not found.recent:
        return f"{state}: no decision of your own system has matured yet."
    newest = (
        f"{state}: of {made} of your own system, in the newest {found.recent:,} the "
        f"policy would have shown the same in {_agreement(found.agreement)}."
    )
    return f"{newest} {_difference(found)}"


def _agreement(agreement: Estimated) -> str:
    lower, upper = agreement.interval
    said = percent(agreement.estimate)
    if lower is None or upper is None:
        return f"{said} of them"
    return f"{said} of them (between {percent(lower)} and {percent(upper)})"


def _difference(found: Apprentice) -> str:
    if found.refused is not None:
        return f"What it would earn is not known: {found.refused}"
    said = amount(found.difference.estimate, signed=True)
    lower, upper = found.difference.interval
    if lower is not None and upper is not None:
        low, high = amount(lower, signed=True), amount(upper, signed=True)
        said += f" (between {low} and {high})"
    given = "" if found.propensities == "given" else ", by estimated chances"
    return (
        f"It would have earned {amount(found.policy.estimate)} a decision, and your "
        f"system has earned {amount(found.shown.estimate)}{given}: a difference of "
        f"{said}."
    )
