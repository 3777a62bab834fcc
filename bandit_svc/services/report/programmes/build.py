"""The report of a programme: whole, parts, and what they do to each other.

Owns its contents and the sentences of what is missing. It reads the sums that the
learner keeps, so that its cost does not grow with the log. The estimates are
ope.programmes.effects'.
"""

from collections.abc import Mapping, Sequence

import msgspec

from bandit_svc.domain.experiment import Experiment
from bandit_svc.domain.numbers import counted, percent
from bandit_svc.domain.programmes.assigning import share_of
from bandit_svc.domain.programmes.membership import ProgrammeGroup
from bandit_svc.domain.programmes.programme import Programme
from bandit_svc.domain.times import timestamp
from bandit_svc.ope.audit.sample_ratio import sample_ratio_p_value
from bandit_svc.ope.interval import Interval
from bandit_svc.ope.programmes.effects import (
    MINIMAL_BRINGING,
    MINIMAL_UNITS,
    Effect,
    Effects,
)
from bandit_svc.services.checks.check import Check, CheckKind, Status
from bandit_svc.services.learning.programmes.following import kept_sums
from bandit_svc.services.report.programmes.caps import CapRow, cap_rows
from bandit_svc.services.values import CONFIDENCE, UNKNOWN, Bounds, Reason, bounds
from bandit_svc.storage.interface import Storage

GROUPS: tuple[ProgrammeGroup, ...] = (
    "experiment",
    "holdout",
    "business_as_usual",
    "explore",
)
SAMPLE_RATIO = CheckKind(
    "sample_ratio",
    "Every group has its share of the units",
    "Look for what loses units of one group: assignment, logging or ingest.",
)
SAME = 1e-9
MISMATCH_WARN, MISMATCH_FAIL = 0.01, 0.001
"""Of the smallest p-value, times the number of groups."""


class GroupRow(msgspec.Struct, frozen=True):
    """The units of one group.

    Attributes:
        share: of the units, as the programme is now.
        units: that have been seen in it first.
        decisions: of these units that have matured.
        mean: the mean total of a unit, in reward units; None without a unit.
    """

    group: ProgrammeGroup
    share: float
    units: int
    decisions: int
    mean: float | None


class Compared(msgspec.Struct, frozen=True):
    """A difference of mean totals, in reward units a unit.

    Attributes:
        interval: valid at every look.
        units: that are compared.
        reason: why there is no estimate, or no interval.
    """

    estimate: float | None
    interval: Bounds
    units: int
    reason: Reason = msgspec.UNSET


class Interaction(Compared, frozen=True):
    """The whole less the sum of the parts.

    Attributes:
        parts: the sum of the parts; None where one is not known.
        sentence: what it says of adding up the experiments' own uplifts.
    """

    parts: float | None = None
    sentence: str = ""


class ProgrammeReport(msgspec.Struct, frozen=True):
    """What a programme earns.

    Attributes:
        as_of: when it was made.
        confidence: of each interval, for all looks together.
        whole: the units that get the experiments against the holdout.
        versus_business_as_usual: the same against business as usual.
        parts: by experiment, what its treatment adds to its own holdout where the
            others are as they are.
        caps: how often each kept something out, and was exceeded.
        units_in_both_groups: units that were seen in two groups of the programme.
    """

    programme: str
    revision: int
    as_of: str
    confidence: float
    anytime_valid: bool
    asymptotic: bool
    groups: list[GroupRow]
    whole: Compared
    versus_business_as_usual: Compared
    parts: dict[str, Compared]
    interaction: Interaction
    caps: list[CapRow]
    units_in_both_groups: int
    health: list[Check]


def build_programme_report(
    storage: Storage, programme: Programme, now_ms: int
) -> ProgrammeReport:
    """Return the report of a programme as it is now."""
    kept = kept_sums(storage, programme.number)
    effects = Effects(kept.sums)
    experiments = {one.number: one for one in storage.experiments.all()}
    read = [experiments[p.number] for p in kept.places if p.number in experiments]
    definition = programme.definition
    rows = [_group(effects, programme, group) for group in GROUPS]
    whole = effects.between("experiment", "holdout")
    usual = effects.between("experiment", "business_as_usual")
    parts = {one.key: effects.part(one.number) for one in read}
    return ProgrammeReport(
        programme=programme.key,
        revision=programme.revision,
        as_of=timestamp(now_ms),
        confidence=CONFIDENCE,
        anytime_valid=True,
        asymptotic=True,
        groups=rows,
        whole=_compared(whole, _no_group(definition.holdout, "holdout")),
        versus_business_as_usual=_compared(
            usual, _no_group(definition.business_as_usual, "business_as_usual")
        ),
        parts={
            one.key: _compared(parts[one.key], _no_part(effects, one)) for one in read
        },
        interaction=_interaction(effects, whole, parts),
        caps=cap_rows(storage, programme, _ever_in(programme, experiments, read)),
        units_in_both_groups=kept.sums.crossed,
        health=[_sample_ratio(effects, rows)],
    )


def _ever_in(
    programme: Programme,
    experiments: Mapping[int, Experiment],
    read: Sequence[Experiment],
) -> list[Experiment]:
    """Return the experiments that are in a programme, or of which it has sums."""
    mine = {
        number: one
        for number, one in experiments.items()
        if one.definition.programme == programme.key
    }
    return list({**mine, **{one.number: one for one in read}}.values())


def _group(effects: Effects, programme: Programme, group: ProgrammeGroup) -> GroupRow:
    sums = effects.units_of(group)
    return GroupRow(
        group=group,
        share=share_of(programme.definition, group),
        units=sums.units,
        decisions=sums.decisions,
        mean=effects.group_mean(group),
    )


def _no_group(share: float, group: str) -> str:
    if share <= 0:
        return f"the share of {group} is 0, so that there is nothing to compare with"
    return f"no decision has matured in one of the groups experiment and {group}"


def _no_part(effects: Effects, experiment: Experiment) -> str:
    if experiment.definition.holdout <= 0:
        return (
            "the experiment has no holdout of its own, so that nothing tells what it "
            "adds to the others"
        )
    if experiment.number not in effects.experiments():
        return "no unit of the group experiment has met it yet"
    return "no decision has matured in one of its groups"


def _compared(effect: Effect, missing: str) -> Compared:
    if effect.estimate is None:
        return Compared(None, UNKNOWN, 0, missing)
    ends = effect.interval(CONFIDENCE)
    if ends is None:
        return Compared(effect.estimate, UNKNOWN, effect.units, _too_few(effect))
    return Compared(effect.estimate, bounds(Interval(*ends)), effect.units)


def _too_few(effect: Effect) -> str:
    if effect.effective < MINIMAL_UNITS:
        return (
            f"the smaller side has {effect.effective:.0f} effective units; an interval "
            f"needs {MINIMAL_UNITS}"
        )
    return (
        f"{counted(effect.bringing, 'unit')} brought anything; an interval needs "
        f"{MINIMAL_BRINGING}"
    )


def _interaction(
    effects: Effects, whole: Effect, parts: Mapping[str, Effect]
) -> Interaction:
    missing = [key for key, part in parts.items() if part.estimate is None]
    if whole.estimate is None or missing or not parts:
        why = "the whole is not known"
        if missing:
            why = f"the part of {', '.join(missing)} is not known"
        elif not parts:
            why = "no experiment is in the programme"
        return Interaction(None, UNKNOWN, 0, f"{why}, so that nothing can be added up")
    found = effects.interaction(whole, list(parts.values()))
    shown = _compared(found, "")
    together = sum(part.estimate or 0.0 for part in parts.values())
    return Interaction(
        shown.estimate,
        shown.interval,
        shown.units,
        shown.reason,
        together,
        _sentence(shown, together, whole.estimate),
    )


def _sentence(shown: Compared, together: float, whole: float) -> str:
    sums = f"the parts are {together:.4g} together, the whole is {whole:.4g}"
    lower, upper = shown.interval
    if lower is not None and lower > 0:
        return (
            f"{sums}: the parts don't add up to the whole, which is more; adding the "
            "experiments' own uplifts says too little"
        )
    if upper is not None and upper < 0:
        return (
            f"{sums}: the parts don't add up to the whole, which is less; adding the "
            "experiments' own uplifts says too much"
        )
    return f"{sums}: the data do not tell the difference from 0"


def _sample_ratio(effects: Effects, rows: Sequence[GroupRow]) -> Check:
    """Compare the groups' units with their shares."""
    n = sum(row.units for row in rows)
    if not n:
        return SAMPLE_RATIO.early("not tested: no decision has matured yet")
    changed = [
        row.group
        for row in rows
        if any(abs(one - row.share) > SAME for one in effects.chances_of(row.group))
    ]
    if changed:
        return SAMPLE_RATIO.early(
            f"not tested: the share of {', '.join(changed)} was changed since units "
            "were first seen"
        )
    tests = [
        sample_ratio_p_value(row.units, n - row.units, row.share)
        for row in rows
        if 0 < row.share < 1
    ]
    p_value = min(1.0, min(tests, default=1.0) * len(rows))
    found = ", ".join(f"{row.group} {percent(row.units / n)}" for row in rows)
    status: Status = "ok"
    if p_value < MISMATCH_WARN:
        status = "fail" if p_value < MISMATCH_FAIL else "warn"
    return SAMPLE_RATIO.answer(
        status,
        f"of {counted(n, 'unit')}: {found}; the shares are "
        + ", ".join(f"{row.group} {percent(row.share)}" for row in rows),
        p_value=p_value,
    )
