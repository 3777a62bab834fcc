"""The sentence about what two policies of a split earn as they are deployed."""

from bandit_svc.domain.numbers import amount, counted, percent
from bandit_svc.services.report.business.deployed_split import DeployedBranch
from bandit_svc.services.report.report import Report


def deployed_sentence(report: Report) -> str:
    """Return what the newest split says; empty where there was none."""
    found = report.deployed
    if found is None:
        return ""
    current, other = found.branches
    state = (
        f"{percent(other.share)} of the units have {found.policy}"
        if found.running
        else "it is over"
    )
    difference = found.difference
    lower, upper = difference.interval
    said = f"not known: {difference.reason}"
    if difference.estimate is not None:
        said = amount(difference.estimate, signed=True)
        if lower is not None and upper is not None:
            low, high = amount(lower, signed=True), amount(upper, signed=True)
            said += f", between {low} and {high} at every look"
    return (
        f"Deployed, in split {found.split} ({state}): {_branch(current)}, "
        f"{_branch(other)}. Difference {said}."
    )


def _branch(branch: DeployedBranch) -> str:
    mean = "not known" if branch.mean is None else amount(branch.mean)
    made = counted(branch.decisions, "decision")
    return f"{branch.branch} {mean} ({made}, {counted(branch.units, 'unit')})"
