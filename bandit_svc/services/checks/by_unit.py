"""Check what a comparison by unit assumes.

Owns three checks of the report: how alike the decisions of one unit are, whether its
earlier decisions change its later ones, and whether the group acts other than through
what is shown. Each reads the sums of the uplift, and may be read at every look: the
last two warn in at most 5 % of sound experiments, ever.
"""

from bandit_svc.domain.experiment import BASELINE, TREATMENT, Experiment
from bandit_svc.domain.numbers import amount, percent
from bandit_svc.ope.sequences.asymptotic import OPTIMISED_COUNT
from bandit_svc.ope.uplift.agreement import carry_over as carry_over_of
from bandit_svc.ope.uplift.agreement import exclusion as exclusion_of
from bandit_svc.ope.uplift.by_unit import Band, Possible
from bandit_svc.ope.uplift.columns import RANDOMISED, TRAJECTORY, weight_column
from bandit_svc.ope.uplift.sides import (
    MINIMAL_UNITS,
    enough_units,
    pooled_design_effect,
)
from bandit_svc.ope.uplift.totals import Totals as Sums
from bandit_svc.services.checks.check import Check, CheckKind
from bandit_svc.services.values import CONFIDENCE
from bandit_svc.storage.interface import Storage
from bandit_svc.storage.rows import Totals

DESIGN_EFFECT_WARN = 1.2
COME_BACK_WARN = 3.0
"""Decisions a unit that warn as long as the design effect can't be estimated."""
NO_UNIT = "not tested: no unit has been counted yet"
_TOO_FEW = (
    f"not tested: each group needs the worth of {MINIMAL_UNITS} units that come "
    "equally often"
)
_NO_CHANCES = (
    "not tested: for no decision does the log hold both groups' chances of the shown "
    "variant"
)
_NOT_BACK = "no unit has come back so far"

REPEAT_VISITS = CheckKind(
    "repeat_visits",
    "Decisions are nearly independent",
    "The intervals allow for it: they count units, not decisions. Expect to wait "
    "longer, and plan with units. Deciding once per visit rather than per page view "
    "gives the same answer from fewer decisions.",
)
CARRY_OVER = CheckKind(
    "carry_over",
    "A decision changes nothing for the unit's later ones",
    "The uplift allows for it. Estimates of other policies do not: they are for one "
    "decision at a time. Don't declare carry_over none.",
)
EXCLUSION = CheckKind(
    "exclusion",
    "The group acts only through what is shown",
    "Look for what else differs between the groups: a slower page, a rule outside of "
    "this service, rewards that are reported for one group only. Until it is found, "
    "read uplift.randomised, which does not need this.",
)


def repeat_visits(
    storage: Storage, experiment: Experiment, totals: Totals, sums: Sums
) -> Check:
    """Warn if the decisions of a unit are alike, so that many tell little.

    A decision without a unit counts as one of its own.
    """
    last = {r.since: r for r in storage.breakdowns.units(experiment.number)}
    units = sum(r.baseline + r.treatment for r in last.values())
    # Both count exposed decisions alone, as the units do, and not those of a caller.
    made = (totals.counts.get(f"decisions_{g}", 0) for g in (TREATMENT, BASELINE))
    decisions = sum(made) - totals.counts.get("decisions_shown", 0)
    if not units:
        return REPEAT_VISITS.early(NO_UNIT)
    mean = decisions / units
    sentence = f"a unit has {mean:.1f} decisions on average"
    if not enough_units(sums):
        if mean <= COME_BACK_WARN:
            return REPEAT_VISITS.ok(sentence)
        return REPEAT_VISITS.warn(
            f"{sentence}; it takes more units to tell how alike their rewards are"
        )
    effect = float(pooled_design_effect(sums))
    detail = f"{sentence}; the design effect is {effect:.2f}"
    if effect <= DESIGN_EFFECT_WARN:
        return REPEAT_VISITS.ok(detail, design_effect=effect)
    return REPEAT_VISITS.warn(
        f"{detail}: {effect:.2g} decisions tell as much as one of a unit that comes "
        "once. The intervals allow for it",
        design_effect=effect,
    )


def carry_over(experiment: Experiment, sums: Sums) -> Check:
    """Warn if earlier decisions of a unit matter for its later ones."""
    if not enough_units(sums):
        return CARRY_OVER.early(_TOO_FEW)
    if float(sums.units) == float(sums.decisions.sum()):
        return CARRY_OVER.ok(_NOT_BACK)
    if _are_equal(sums):
        return CARRY_OVER.early(_NO_CHANCES)
    found = carry_over_of(sums, CONFIDENCE, _possible(experiment))
    if not _excludes_none(found):
        return CARRY_OVER.ok(
            "decisions by themselves and in the order of their unit give the same "
            "uplift as far as can be told"
        )
    declared = experiment.definition.carry_over == "none"
    against = ", although carry_over none is declared" if declared else ""
    return CARRY_OVER.warn(
        f"earlier decisions of a unit change what later ones earn{against}: taken by "
        f"themselves, decisions would put the uplift off by {_between(found)}"
    )


def exclusion(experiment: Experiment, sums: Sums) -> Check:
    """Warn if the groups differ by more than what is shown."""
    if not enough_units(sums):
        return EXCLUSION.early(_TOO_FEW)
    if _are_equal(sums):
        return EXCLUSION.early(_NO_CHANCES)
    found = exclusion_of(sums, CONFIDENCE, _possible(experiment))
    if not _excludes_none(found):
        return EXCLUSION.ok(
            "the uplift by group and the one by what was shown agree as far as can be "
            "told"
        )
    return EXCLUSION.warn(
        "the groups differ by more than by what is shown: the uplift by what was shown "
        f"is off by {_between(found)}"
    )


def _possible(experiment: Experiment) -> Possible:
    reward = experiment.definition.reward
    at = experiment.definition.planned_decisions or OPTIMISED_COUNT
    return Possible(reward.minimum, reward.maximum, tightest_at=at)


def _are_equal(sums: Sums) -> bool:
    """Return true if what was shown tells no more than the group itself."""
    first, second = (
        [sums.sums[weight_column(w, group)] for group in (0, 1)]
        for w in (RANDOMISED, TRAJECTORY)
    )
    return first == second


def _excludes_none(found: Band) -> bool:
    return not bool((found.lower <= 0) & (found.upper >= 0))


def _between(found: Band) -> str:
    lower, upper = (
        amount(float(end), signed=True) for end in (found.lower, found.upper)
    )
    return f"{lower} to {upper} ({percent(CONFIDENCE)} confidence)"
