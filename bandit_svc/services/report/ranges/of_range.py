"""Report the decisions that were made in a range of time.

Owns the report of a range: groups, variants, uplift, metrics, and their course. What is
known of the whole log alone (policies, checks, latencies, segments, the model) is left
out of it.
"""

from collections import defaultdict

import numpy as np
from msgspec.structs import replace

from bandit_svc.domain.events.reward import MAIN_METRIC
from bandit_svc.domain.experiment import BASELINE, TREATMENT, Experiment
from bandit_svc.domain.times import timestamp
from bandit_svc.ope.arrays import IntArray
from bandit_svc.ope.uplift import by_unit
from bandit_svc.ope.uplift.columns import RANDOMISED
from bandit_svc.ope.uplift.sides import sides
from bandit_svc.services.learning.parts.kept import KeptParts
from bandit_svc.services.learning.uplift_looks import Looks
from bandit_svc.services.report.build import group_row, moments_of, period_of
from bandit_svc.services.report.business.money import money_of_range
from bandit_svc.services.report.counts.decisions import Decisions
from bandit_svc.services.report.first_reward import without_biased_numbers
from bandit_svc.services.report.guardrails import metrics
from bandit_svc.services.report.history import history
from bandit_svc.services.report.metrics.declared import mean_chance
from bandit_svc.services.report.parts import part_mean
from bandit_svc.services.report.ranges.asked import AskedRange, report_range
from bandit_svc.services.report.ranges.sums import (
    RangeSums,
    is_whole_history,
    range_sums,
)
from bandit_svc.services.report.ranges.verdict import range_verdict
from bandit_svc.services.report.report import (
    Latency,
    Model,
    Report,
    SegmentRule,
    VariantRow,
)
from bandit_svc.services.report.uplift import (
    GROUPS,
    Compared,
    uplift_now,
    uplift_of,
)
from bandit_svc.services.values import (
    CONFIDENCE,
    NOT_ESTIMATED,
    Estimated,
    RewardModelQuality,
    estimated,
)
from bandit_svc.storage.interface import Storage
from bandit_svc.storage.rows import HistoryRow, Tally

MOST_LOOKS = 100
MOST_NAMED = 12
"""Variants that the course of a range keeps by name."""
_NOT_SHOWN = "no decision with it was made in the range, or none has matured"
_NO_MODEL = Model(
    version=0, policy={}, catching_up=False, learned=0, age_seconds=None, lag_seconds=0
)
_LEFT_OUT = "not computed for a range of time"


def range_report(storage: Storage, experiment: Experiment, asked: AskedRange) -> Report:
    """Return the report of a range.

    The same range as of the same moment has the same bytes at any later call.

    Raises:
        InvalidInput: the range holds too many decisions.
    """
    then = _as_of(storage, experiment, asked.as_of_ms)
    whole = is_whole_history(storage, then, asked.made)
    sums = range_sums(storage, then, asked.made, whole_history=whole)
    compared = Compared(then, sums.headline, 0, _looks(sums), KeptParts())
    main = [t for t in sums.tallies if t.metric == MAIN_METRIC]
    report = Report(
        experiment=then.key,
        as_of=timestamp(asked.as_of_ms),
        status=then.definition.status,
        revision=then.revision,
        decisions=_decisions(main),
        uplift=replace(
            uplift_of(compared, None),
            chance_to_beat=mean_chance(compared, uplift_now(compared)),
        ),
        groups=(
            group_row(compared, main, TREATMENT),
            group_row(compared, main, BASELINE),
        ),
        variants=_variants(compared, sums, main),
        policies=(),
        reward_model=RewardModelQuality(0, None),
        metrics=metrics(compared, sums.tallies),
        history=history(_history_rows(sums), compared, asked.as_of_ms),
        segments=(),
        segment_rule=SegmentRule(CONFIDENCE, 0, 0, _LEFT_OUT),
        latency=Latency(
            0, 0, None, then.definition.reward.window_seconds, (), _LEFT_OUT, ()
        ),
        model=_NO_MODEL,
        health=(),
        made=report_range(
            asked, then.definition.reward.closes_after_ms, whole_history=whole
        ),
    )
    if then.definition.reward.closes_at_first_reward:
        report = without_biased_numbers(report)
    report = replace(report, money=money_of_range(then, report))
    return replace(report, verdict=range_verdict(report))


def _as_of(storage: Storage, experiment: Experiment, as_of_ms: int) -> Experiment:
    """Return an experiment with the definition that it had; the first one before it."""
    revisions = storage.experiments.revisions(experiment.number)
    known = [r for r in revisions if r.revised_at_ms <= as_of_ms] or revisions[:1]
    if not known:
        return experiment
    revision = known[-1]
    definition = storage.experiments.at_revision(experiment.number, revision.revision)
    return replace(
        experiment,
        revision=revision.revision,
        revised_at_ms=revision.revised_at_ms,
        definition=definition or experiment.definition,
    )


def _decisions(main: list[Tally]) -> Decisions:
    treatment, baseline = (moments_of(main, group).n for group in GROUPS)
    return Decisions(
        treatment=treatment,
        baseline=baseline,
        joined=treatment + baseline,
        pending=0,
        unexposed=0,
        ambiguous=0,
        fallback=0,
        late_rewards=0,
        duplicate_rewards=0,
        conflicting_rewards=0,
        orphan_rewards=0,
        rewards_clipped=0,
        rewards_refused=0,
        units_in_both_groups=0,
        repeats=0,
        forced=0,
        restricted=0,
    )


def _variants(
    compared: Compared, sums: RangeSums, main: list[Tally]
) -> tuple[VariantRow, ...]:
    treated = {t.variant: t for t in main if t.group == TREATMENT}
    joined = sum(t.n for t in treated.values())
    keys = [v.key for v in compared.experiment.definition.variants]
    keys += sorted(key for key in treated if key not in keys)
    rows = []
    for key in keys:
        tally = treated.get(key)
        mean = _variant_mean(compared, sums, key, tally)
        rows.append(
            VariantRow(
                variant=key,
                share=tally.n / joined if tally else 0.0,
                n=tally.n if tally else 0,
                units=_units(sums, key),
                mean=mean.estimate,
                interval=mean.interval,
                ips=NOT_ESTIMATED,
                reason=mean.reason,
                period=period_of([tally] if tally else []),
            )
        )
    return tuple(rows)


def _rows_of(sums: RangeSums, variant: str) -> IntArray:
    """Return the places of the treatment's decisions with a variant."""
    shown = np.array([one == variant for one in sums.variants], dtype=np.bool_)
    draws = sums.decisions.draws
    return np.flatnonzero(shown & draws.treated & draws.compared)


def _units(sums: RangeSums, variant: str) -> int:
    unit = sums.decisions.unit[_rows_of(sums, variant)]
    named = unit[unit >= 0]
    return int(np.unique(named).size + unit.size - named.size)


def _variant_mean(
    compared: Compared, sums: RangeSums, key: str, tally: Tally | None
) -> Estimated:
    rows = _rows_of(sums, key)
    if tally is None or not rows.size:
        return estimated(None, reason=_NOT_SHOWN)
    totals = sums.totals(rows, np.array([rows.size - 1])).at(0)
    found = part_mean(totals, GROUPS.index(TREATMENT), compared.possible, key)
    return replace(found, estimate=tally.total / tally.n)


def _looks(sums: RangeSums) -> Looks:
    """Return the uplift after each stretch of the range, at most MOST_LOOKS."""
    rows = sums.compared
    if not rows.size:
        return Looks()
    # Decisions are joined about in the order in which they were made.
    at_ms = np.maximum.accumulate(sums.exposed_at_ms[rows])
    stretch = at_ms // _width_ms(sums)
    ends = np.flatnonzero(np.diff(stretch)).astype(np.int64)
    if not ends.size:
        return Looks(int(at_ms[-1]))
    totals = sums.totals(rows, ends)
    headline = sums.headline
    band = by_unit.absolute(
        totals, headline.weighting, CONFIDENCE, headline.layout.possible
    )
    means = sides(totals, RANDOMISED).means
    lower, upper = (np.where(band.enough, e, np.nan) for e in (band.lower, band.upper))
    columns = [at_ms[ends].astype(float), band.estimate, lower, upper, *means]
    looks = np.stack(np.broadcast_arrays(*columns), axis=1)
    return Looks(int(at_ms[-1]), rows=looks.astype("<f8").tobytes())


def _width_ms(sums: RangeSums) -> int:
    """Return the length of a stretch, in whole seconds."""
    exposed = sums.exposed_at_ms
    span = int(exposed.max() - exposed.min()) if exposed.size else 0
    return 1_000 * (span // (MOST_LOOKS * 1_000) + 1)


def _history_rows(sums: RangeSums) -> list[HistoryRow]:
    """Return the sums of each stretch, group and variant, in the order of time."""
    width = _width_ms(sums)
    counts: defaultdict[str, int] = defaultdict(int)
    for variant in sums.variants:
        counts[variant] += 1
    named = set(sorted(counts, key=lambda one: (-counts[one], one))[:MOST_NAMED])
    found: dict[tuple[int, bool, str], list[float]] = {}
    rewards, treated = sums.decisions.values[:, 0], sums.decisions.draws.treated
    for place, variant in enumerate(sums.variants):
        begins = int(sums.exposed_at_ms[place]) // width * width
        name = variant if variant in named else ""
        key = begins, bool(treated[place]), name
        entry = found.setdefault(key, [0, 0.0, 0.0, 0])
        reward = float(rewards[place])
        entry[0] += 1
        entry[1] += reward
        entry[2] += reward * reward
        entry[3] += bool(sums.rewarded[place])
    return [
        HistoryRow(
            begins,
            begins + width,
            TREATMENT if is_treated else BASELINE,
            name,
            int(n),
            total,
            squares,
            int(rewarded),
        )
        for (begins, is_treated, name), (n, total, squares, rewarded) in sorted(
            found.items()
        )
    ]
