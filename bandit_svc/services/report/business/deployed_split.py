"""What two policies earn as they are deployed, from the newest split.

Owns the report's `deployed`: the branches as they were assigned, with their means and
their difference. It stays in the report after the split is over, until another begins.
"""

import msgspec

from bandit_svc.domain.experiment import Experiment
from bandit_svc.domain.splits.split import CURRENT, Split
from bandit_svc.ope.interval import Estimate
from bandit_svc.ope.uplift.sides import MINIMAL_UNITS
from bandit_svc.services.learning.splits.comparison import (
    branch_means,
    evidence_of,
    kept_comparison,
)
from bandit_svc.services.values import Bounds, Estimated, Reason
from bandit_svc.storage.interface import Storage

FEW_UNITS = (
    f"each branch needs the worth of {MINIMAL_UNITS} units that come equally often"
)
NONE_YET = "no decision of both branches has matured yet"


class DeployedBranch(msgspec.Struct, frozen=True):
    """One branch of a split: the policy, and what a decision of it has earned.

    Attributes:
        decisions: matured ones.
        units: that had one.
        mean: reward a decision, each one weighted by 1 over the branch's share then.
    """

    branch: str
    share: float
    decisions: int
    units: int
    mean: float | None
    interval: Bounds
    reason: Reason = msgspec.UNSET


class Deployed(msgspec.Struct, frozen=True):
    """The newest split as an estimate of what deploying its other policy earns.

    Attributes:
        split: its number, the revision that began it.
        running: whether it is the experiment's split now.
        branches: `current`, then the other policy.
        difference: mean(other) - mean(current), by unit, valid at every look.
    """

    split: int
    policy: str
    running: bool
    branches: tuple[DeployedBranch, DeployedBranch]
    difference: Estimated
    estimand: str = "deployed"


def deployed_split(storage: Storage, experiment: Experiment) -> Deployed | None:
    """Return the newest split's estimate; None for an experiment that had none."""
    number, definition = experiment.number, experiment.definition
    kept = storage.splits.sums(number)
    if kept is None:
        return None
    now = definition.split
    running = now is not None and now.id == kept.since
    split = now if running else _past(storage, number, kept.since)
    compared = None if split is None else kept_comparison(storage, number, split)
    if split is None or compared is None:
        return None
    evidence = evidence_of(compared, definition, split)
    current, other = branch_means(compared)
    share = split.served_share if running else 0.0
    counts = zip(evidence.decisions, evidence.units, strict=True)
    shown = (
        _branch(CURRENT, 1.0 - share, current, next(counts)),
        _branch(split.name, share, other, next(counts)),
    )
    return Deployed(
        kept.since,
        split.name,
        running=running,
        branches=shown,
        difference=Estimated(
            evidence.estimate,
            evidence.interval,
            _why(evidence.estimate, evidence.interval),
        ),
    )


def _past(storage: Storage, number: int, since: int) -> Split | None:
    definition = storage.experiments.at_revision(number, since)
    return None if definition is None else definition.split


def _branch(
    name: str, share: float, found: Estimate, counts: tuple[int, int]
) -> DeployedBranch:
    decisions, units = counts
    interval = found.interval.lower, found.interval.upper
    reason = _why(found.estimate, interval)
    return DeployedBranch(
        name, share, decisions, units, found.estimate, interval, reason
    )


def _why(estimate: float | None, interval: Bounds) -> Reason:
    """Return why a number is not known; nothing where it is."""
    if estimate is None:
        return NONE_YET
    return FEW_UNITS if None in interval else msgspec.UNSET
