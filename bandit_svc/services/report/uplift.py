"""Compare the groups by unit: the report's uplift, its groups and their reasons.

Owns which of the weightings is shown as what, and why a number is not known, in a
sentence. The headline weighs each decision by what its unit was shown so far
(ope.uplift.history_weights, TRAJECTORY); beside it stands the comparison that asks for
the group alone (RANDOMISED). What takes each decision by itself (ONE_STEP) is shown
only where earlier decisions of a unit can't matter: because the definition says so, or
because no unit has come twice.
"""

from typing import NamedTuple

from msgspec import UNSET, UnsetType

from bandit_svc.domain.experiment import BASELINE, TREATMENT, Experiment, Group
from bandit_svc.domain.numbers import amount, count, percent
from bandit_svc.ope.interval import UNBOUNDED, Estimate
from bandit_svc.ope.uplift import by_unit
from bandit_svc.ope.uplift.columns import ONE_STEP, RANDOMISED
from bandit_svc.ope.uplift.sides import MINIMAL_UNITS
from bandit_svc.ope.uplift.totals import Totals
from bandit_svc.services.learning.adjusted_uplift import AdjustedUplift, adjusted
from bandit_svc.services.learning.parts.kept import GROUP, KeptParts, Part
from bandit_svc.services.learning.parts.returns import Returns, kept_returns
from bandit_svc.services.learning.uplift_headline import BETS, Headline
from bandit_svc.services.learning.uplift_looks import Looks
from bandit_svc.services.learning.uplift_rows import Layout
from bandit_svc.services.learning.uplift_sums import kept_uplift
from bandit_svc.services.report.parts import SIDE_WORDS, part_mean, part_of
from bandit_svc.services.report.report import Comparison, UnitCounts, Uplift
from bandit_svc.services.values import (
    CONFIDENCE,
    Estimated,
    Possible,
    estimated,
)
from bandit_svc.storage.joined.joins import Joins

NOTHING_JOINED = "no decision of both groups has matured yet"
NO_RATIO = "the baseline's mean can't be told from 0"
COME_BACK = (
    "units come back, and a covariate of later decisions may follow from the group; "
    "the adjusted uplift is known for units that come once"
)
NO_HOLDOUT = "the holdout is 0, so that there is no baseline to compare with"
GROUPS: tuple[Group, ...] = (TREATMENT, BASELINE)
"""In the order of their sides."""


class Compared(NamedTuple):
    """The sums that an experiment's groups are compared by.

    Attributes:
        headline: the sums of the joined decisions so far.
        behind: joined decisions that are not in the totals yet.
        looks: at the totals of the past.
        parts: the sums of segments and variants.
        returns: units by whether they were seen again.
    """

    experiment: Experiment
    headline: Headline
    behind: int
    looks: Looks
    parts: KeptParts
    returns: Returns = Returns()

    @property
    def totals(self) -> Totals:
        """The sums of all weightings."""
        return self.headline.totals

    @property
    def layout(self) -> Layout:
        """The values that are summed up."""
        return self.headline.layout

    @property
    def possible(self) -> by_unit.Possible:
        """The declared range of the reward."""
        return self.layout.possible

    @property
    def alone(self) -> bool:
        """True if no unit has come twice."""
        return bool(self.totals.units == self.totals.decisions.sum())

    @property
    def has_both(self) -> bool:
        """True if each group has a decision that can be compared."""
        return self.behind <= 0 and bool(self.totals.decisions.min() > 0)

    @property
    def nothing(self) -> str:
        """Why there is no number where a group has none, as a sentence."""
        if self.behind > 0:
            return (
                f"it is being computed from the log; {count(self.behind)} matured "
                "decisions are still to come"
            )
        if self.experiment.definition.holdout <= 0:
            return NO_HOLDOUT
        return NOTHING_JOINED


def compared_groups(joins: Joins, experiment: Experiment, joined: int) -> Compared:
    """Read the sums of an experiment.

    Args:
        joined: how many decisions had been joined before this call.
    """
    kept = kept_uplift(joins, experiment.number)
    if kept is None:
        layout = Layout.of(experiment.definition)
        nothing = Headline(layout, layout.empty(), None)
        return Compared(experiment, nothing, joined, Looks(), KeptParts())
    parts = KeptParts.from_bytes(kept.parts)
    behind = joined - kept.position
    returns = kept_returns(kept.returns)
    return Compared(experiment, kept.headline, behind, kept.looks, parts, returns)


def uplift_of(compared: Compared, adjusted: AdjustedUplift | None) -> Uplift:
    """Return the report's uplift."""
    units = UnitCounts(*(int(seen) for seen in compared.totals.units_seen))
    headline = compared.headline
    return Uplift(
        absolute=uplift_now(compared),
        relative=_relative_now(compared, compared.headline.weighting),
        confidence=CONFIDENCE,
        method=headline.method,
        anytime_valid=True,
        asymptotic=headline.method != BETS,
        units=units,
        randomised=comparison(compared, RANDOMISED),
        one_step=_one_step(compared),
        adjusted=adjusted or UNSET,
    )


def adjusted_of(compared: Compared, joins: Joins) -> AdjustedUplift | None:
    """Return the uplift adjusted by the covariate; unknown where units come back.

    It takes each decision for a draw of its own. A covariate of later decisions may
    follow from the group, too, and must then not be adjusted for.
    """
    found = adjusted(joins, compared.experiment)
    if found is None or compared.alone:
        return found
    return AdjustedUplift(
        found.covariate, n=found.n, missing=found.missing, reason=COME_BACK
    )


def uplift_now(compared: Compared) -> Estimated:
    """Return the absolute uplift of the headline."""
    if not compared.has_both:
        return estimated(None, reason=compared.nothing)
    return difference(compared, compared.headline.absolute, compared.possible)


def comparison(compared: Compared, weighting: int) -> Comparison:
    """Return the difference of the groups' mean rewards by one weighting."""
    if not compared.has_both:
        nothing = estimated(None, reason=compared.nothing)
        return Comparison(nothing, nothing)
    found = by_unit.absolute(compared.totals, weighting, CONFIDENCE, compared.possible)
    return Comparison(
        difference(compared, found.now, compared.possible),
        _relative_now(compared, weighting),
    )


def difference(
    compared: Compared, found: Estimate, possible: by_unit.Possible
) -> Estimated:
    """Return a difference of means as it is reported."""
    return estimated(
        found.estimate,
        found.interval,
        Possible(-possible.width, possible.width),
        shortage_reason(compared, possible) or "it excludes no possible difference",
    )


def shortage_reason(compared: Compared, possible: by_unit.Possible) -> str:
    """Return why there is no interval yet, as a sentence; empty if there is one."""
    missing = by_unit.shortage(compared.totals, possible)
    if missing is None:
        return ""
    if missing.of == "orders":
        return (
            f"rewards of this range need {missing.needed} decisions whose reward is "
            f"not {amount(float(compared.totals.usual[possible.value]))}; there are "
            f"{count(int(missing.found))}"
        )
    group = SIDE_WORDS[missing.group or 0]
    return (
        f"each group needs the worth of {missing.needed} units that come equally "
        f"often; the {group} has {count(int(missing.found))}{_how_many(compared)}"
    )


def group_mean(compared: Compared, group: Group) -> Estimated:
    """Return a group's mean reward, weighed so that the groups are comparable.

    Where the other group has had no chance, each decision weighs the same.
    """
    possible = compared.possible
    side = GROUPS.index(group)
    if not compared.has_both:
        alone = group_alone(compared, group)
        if alone is None:
            return estimated(None, reason=compared.nothing)
        return part_mean(alone, side, possible, f"the {SIDE_WORDS[side]}")
    found = by_unit.mean(compared.totals, RANDOMISED, side, CONFIDENCE, possible).now
    top = float("inf") if possible.maximum is None else possible.maximum
    return estimated(
        found.estimate,
        found.interval,
        Possible(possible.minimum, top),
        shortage_reason(compared, possible),
    )


def group_units(compared: Compared, group: Group) -> int:
    """Return the units that a group's mean is of."""
    side = GROUPS.index(group)
    alone = None if compared.has_both else group_alone(compared, group)
    totals = compared.totals if alone is None else alone
    return int(totals.units_seen[side])


def group_alone(compared: Compared, group: Group) -> Totals | None:
    """Return the sums of a group while the other one had no chance; None if it had."""
    place = compared.parts.place(Part(GROUP, "", group))
    if place is None or compared.behind > 0 or compared.totals.decisions.any():
        return None
    return part_of(compared.parts.part_sums, place)


def _relative_now(compared: Compared, weighting: int) -> Estimated:
    if not compared.has_both:
        return estimated(None, reason=compared.nothing)
    possible = compared.possible
    found = by_unit.relative(compared.totals, weighting, CONFIDENCE, possible).now
    reason = shortage_reason(compared, possible) or NO_RATIO
    interval = found.interval
    # One open end says that the baseline's mean may be 0: no ratio is known then.
    known = interval.lower is not None and interval.upper is not None
    return estimated(found.estimate, interval if known else UNBOUNDED, reason=reason)


def _one_step(compared: Compared) -> Comparison | UnsetType:
    if not compared.alone and compared.experiment.definition.carry_over != "none":
        return UNSET
    return comparison(compared, ONE_STEP)


def _how_many(compared: Compared) -> str:
    holdout = compared.experiment.definition.holdout
    least = min(holdout, 1 - holdout)
    if least <= 0:
        return ""
    units = count(round(MINIMAL_UNITS / least))
    return f". At a holdout of {percent(holdout)} that takes about {units} units"
