"""Report what an experiment earned, from sums whose number does not grow.

Owns the report in the shape of the contract. Every interval holds at every look,
so that a page may be read every minute. What other policies would have earned is
read from sums too; services.evaluation.evaluate computes it from the log.
"""

from collections.abc import Sequence

from msgspec.structs import replace

from bandit_svc.domain.events.reward import MAIN_METRIC
from bandit_svc.domain.experiment import BASELINE, TREATMENT, Definition, Experiment
from bandit_svc.domain.experiment import Group as GroupName
from bandit_svc.domain.learning.thinning import ALL
from bandit_svc.domain.model_version import ModelVersionMeta
from bandit_svc.domain.times import timestamp, timestamp_or_none
from bandit_svc.ope.uplift.moments import Moments
from bandit_svc.ope.uplift.totals import Totals as Sums
from bandit_svc.services.checks.degraded import Reason, silence
from bandit_svc.services.checks.reported import (
    CLIPPED,
    FORCED,
    REFUSED,
    REPEATS,
    RESTRICTED,
    total_of,
)
from bandit_svc.services.evaluation.rows import (
    Clustering,
    ips_of_variants,
    kept_evaluations,
    kept_reward_model,
    policies,
)
from bandit_svc.services.learning.parts.kept import MOST_VARIANTS, VARIANT, Part
from bandit_svc.services.policy_inputs import policy_of
from bandit_svc.services.report.apprentice.section import apprentice_of
from bandit_svc.services.report.business.corrections import corrected_rewards
from bandit_svc.services.report.business.deployed_split import deployed_split
from bandit_svc.services.report.business.money import money_now
from bandit_svc.services.report.business.outlook import outlook_of
from bandit_svc.services.report.business.restricted import restricted_rows
from bandit_svc.services.report.business.slots import slot_rows
from bandit_svc.services.report.business.without_consent import without_consent
from bandit_svc.services.report.checks import Facts, report_checks
from bandit_svc.services.report.counts.decisions import Decisions, Pending
from bandit_svc.services.report.deployed import with_deployed_values
from bandit_svc.services.report.first_reward import without_biased_numbers
from bandit_svc.services.report.former_uplift import former_uplift
from bandit_svc.services.report.guardrails import metrics
from bandit_svc.services.report.history import history
from bandit_svc.services.report.latency import latency
from bandit_svc.services.report.metrics.claims import claims
from bandit_svc.services.report.metrics.declared import mean_chance, tested_means
from bandit_svc.services.report.metrics.derived import derived_metrics
from bandit_svc.services.report.parts import part_mean, part_of
from bandit_svc.services.report.report import (
    Group,
    Latency,
    Model,
    ModelEvidenceRow,
    PolicyChoice,
    PolicyMemory,
    Report,
    Thinning,
    VariantRow,
)
from bandit_svc.services.report.segments import segments
from bandit_svc.services.report.uplift import (
    GROUPS,
    Compared,
    adjusted_of,
    compared_groups,
    group_mean,
    group_units,
    uplift_now,
    uplift_of,
)
from bandit_svc.services.report.verdict import verdict
from bandit_svc.services.values import (
    NOT_ESTIMATED,
    Estimated,
    Period,
    estimated,
    period,
)
from bandit_svc.storage.interface import Storage
from bandit_svc.storage.rows import Tally, Totals
from policies.base import Choosing, Memory, Policy, Remembering
from policies.shares.policy import without_limits
from policies.spec import learns

_NOT_SHOWN = "no decision with it has matured yet"
_NOT_SUMMED = (
    f"only the first {MOST_VARIANTS} variants that were shown are summed up by unit"
)


def build_report(storage: Storage, experiment: Experiment, now_ms: int) -> Report:
    """Return the report of one experiment as of `now_ms`."""
    number = experiment.number
    tallies = storage.joins.tallies(number)
    totals = storage.facts.totals(number)
    compared = compared_groups(storage.joins, experiment, totals.joined)
    main = [t for t in tallies if t.metric == MAIN_METRIC]
    model = _model(storage, experiment, storage.model_versions.newest(number), now_ms)
    evaluations = kept_evaluations(storage, experiment, totals.joined)
    rows = policies(experiment, evaluations, Clustering.of(compared.totals))
    parts, segment_rule = segments(compared)
    rewards = latency(storage, experiment)
    facts = Facts(
        storage=storage,
        experiment=experiment,
        totals=totals,
        lag_s=model.lag_seconds,
        advised_windows_s=_advised_s(rewards),
        evaluations=evaluations,
        holdout=moments_of(main, BASELINE),
        sums=compared.totals,
        silence=_silence(storage, experiment, now_ms),
    )
    computed = derived_metrics(compared)
    choice, memory = _served_policy(storage, experiment, model.version)
    report = Report(
        experiment=experiment.key,
        as_of=timestamp(now_ms),
        status=experiment.definition.status,
        revision=experiment.revision,
        decisions=_decisions(totals, main),
        without_consent=without_consent(storage.apart, number, totals),
        restricted=restricted_rows(compared),
        slots=slot_rows(storage.slot_tallies.tallies(number)),
        pending=Pending(totals.rewarded, timestamp_or_none(totals.first_ready_at_ms)),
        uplift=replace(
            uplift_of(compared, adjusted_of(compared, storage.joins)),
            chance_to_beat=mean_chance(compared, uplift_now(compared)),
            former=former_uplift(
                storage.joins.method_changed_at_ms(number),
                moments_of(main, TREATMENT),
                moments_of(main, BASELINE),
                experiment.definition.reward,
            ),
        ),
        groups=(
            group_row(compared, main, TREATMENT),
            group_row(compared, main, BASELINE),
        ),
        variants=_variants(compared, main, ips_of_variants(rows)),
        policies=rows,
        reward_model=kept_reward_model(storage, experiment),
        metrics=metrics(compared, tallies),
        derived_metrics=tuple(one.row for one in computed),
        claims=claims([*tested_means(compared), *(one.tested for one in computed)]),
        history=history(storage.breakdowns.history(number), compared, now_ms),
        segments=parts,
        segment_rule=segment_rule,
        latency=rewards,
        model=model,
        policy_choice=choice,
        policy_memory=memory,
        health=tuple(report_checks(facts)),
    )
    report = replace(
        with_deployed_values(report, storage, number),
        deployed=deployed_split(storage, experiment),
        apprentice=apprentice_of(storage, experiment),
        thinning=_thinning(experiment.definition),
    )
    if experiment.definition.reward.closes_at_first_reward:
        report = without_biased_numbers(report)
    report = replace(
        report,
        outlook=outlook_of(report, compared),
        money=money_now(storage, experiment, report),
        corrections=corrected_rewards(storage.corrections, number),
    )
    return replace(report, verdict=verdict(report))


def _thinning(definition: Definition) -> Thinning | None:
    """Return the shares that are learned from and evaluated; None for all."""
    shares = definition.learn_share, definition.evaluate_share
    return None if shares == (ALL, ALL) else Thinning(*shares)


def _silence(storage: Storage, experiment: Experiment, now_ms: int) -> Reason | None:
    """Return that no learner runs; None while one does, or where none is needed."""
    if experiment.definition.status == "archived":
        return None
    return silence(storage.clock.kept(), now_ms)


def _advised_s(rewards: Latency) -> tuple[float | None, float | None]:
    most, nearly_all = (window.seconds for window in rewards.windows)
    return most, nearly_all


def _decisions(totals: Totals, main: list[Tally]) -> Decisions:
    counts = totals.counts
    return Decisions(
        treatment=moments_of(main, TREATMENT).n + counts.get("repeats_treatment", 0),
        baseline=moments_of(main, BASELINE).n + counts.get("repeats_baseline", 0),
        joined=totals.joined,
        pending=totals.pending,
        unexposed=totals.unexposed,
        ambiguous=counts.get("decisions_ambiguous", 0),
        fallback=counts.get("decisions_fallback", 0),
        late_rewards=counts.get("rewards_late", 0),
        duplicate_rewards=counts.get("rewards_duplicate", 0),
        conflicting_rewards=counts.get("rewards_conflict", 0),
        orphan_rewards=totals.orphans,
        rewards_clipped=total_of(totals, CLIPPED),
        rewards_refused=total_of(totals, REFUSED),
        units_in_both_groups=counts.get("units_in_both_groups", 0),
        repeats=total_of(totals, REPEATS),
        forced=total_of(totals, FORCED),
        restricted=total_of(totals, RESTRICTED),
        local=counts.get("decisions_local", 0),
        local_lost=counts.get("local_lost", 0),
    )


def group_row(compared: Compared, main: list[Tally], group: GroupName) -> Group:
    """Return the row of a group."""
    moments = moments_of(main, group)
    mean = group_mean(compared, group)
    if mean.estimate is None and moments.n:
        # There is nothing to compare it with, and so no interval by unit either.
        mean = replace(mean, estimate=moments.mean)
    return Group(
        group,
        moments.n,
        group_units(compared, group),
        mean.estimate,
        mean.interval,
        mean.reason,
        period_of([tally for tally in main if tally.group == group]),
    )


def _variants(
    compared: Compared, main: list[Tally], ips: dict[str, Estimated]
) -> tuple[VariantRow, ...]:
    """Return each variant's share and mean among the decisions of the treatment.

    The means of variants are not comparable with one another: the policy shows
    each where it expects it to do well.
    """
    treated = {t.variant: t for t in main if t.group == TREATMENT}
    joined = sum(t.n for t in treated.values())
    keys = [v.key for v in compared.experiment.definition.variants]
    keys += [key for key in treated if key not in keys]
    rows = []
    for key in keys:
        tally = treated.get(key)
        moments = _of(tally) if tally else Moments()
        totals = _variant_totals(compared, key)
        mean = _mean(compared, key, totals, moments)
        rows.append(
            VariantRow(
                variant=key,
                share=moments.n / joined if joined else 0.0,
                n=moments.n,
                units=_units_of(totals, moments),
                mean=mean.estimate,
                interval=mean.interval,
                ips=ips.get(key, NOT_ESTIMATED),
                reason=mean.reason,
                period=period_of([tally] if tally else []),
            )
        )
    return tuple(rows)


def _model(
    storage: Storage, experiment: Experiment, meta: ModelVersionMeta | None, now_ms: int
) -> Model:
    cursor = meta.cursor if meta else 0
    waiting_ms = storage.joins.waiting_since_ms(experiment.number, cursor, now_ms)
    lag_ms = 0 if waiting_ms is None else max(0, now_ms - waiting_ms)
    served = meta.policy if meta else experiment.definition.policy
    return Model(
        version=meta.version if meta else 0,
        policy=served,
        catching_up=served != experiment.definition.policy,
        learned=meta.learned if meta else 0,
        age_seconds=max(0, now_ms - meta.created_at_ms) / 1000 if meta else None,
        lag_seconds=lag_ms / 1000,
    )


def _served_policy(
    storage: Storage, experiment: Experiment, version: int
) -> tuple[PolicyChoice | None, PolicyMemory | None]:
    """Return what the served model says of its parts and of its memory."""
    published = storage.model_versions.get(experiment.number, version)
    if published is None or not learns(published.meta.policy):
        return None, None
    policy = without_limits(
        policy_of(experiment.definition, published.meta.policy, published.state)
    )
    learned = published.meta.learned
    # A policy that says nothing of its memory forgets nothing.
    known = Memory(learned, float(learned), 0, None)
    if isinstance(policy, Remembering):
        known = policy.memory()
    memory = PolicyMemory(
        known.learned, known.effective, known.changes, known.last_change
    )
    return _policy_choice(policy), memory


def _policy_choice(policy: Policy) -> PolicyChoice | None:
    """Return the evidence for each model; None where the policy doesn't choose."""
    if not isinstance(policy, Choosing):
        return None
    rows = [
        ModelEvidenceRow(row.policy, row.weight, row.estimate, row.interval)
        for row in policy.evidence()
    ]
    return PolicyChoice(max(rows, key=lambda row: row.weight).policy, tuple(rows))


def _variant_totals(compared: Compared, key: str) -> Sums | None:
    """Return the sums by unit of a variant; None while there are none."""
    place = compared.parts.place(Part(VARIANT, "", key))
    if place is None or compared.behind > 0:
        return None
    return part_of(compared.parts.part_sums, place)


def _units_of(totals: Sums | None, moments: Moments) -> int | None:
    if totals is None:
        return None if moments.n else 0
    return int(totals.units_seen[GROUPS.index(TREATMENT)])


def _mean(
    compared: Compared, key: str, totals: Sums | None, moments: Moments
) -> Estimated:
    value = moments.mean if moments.n else None
    if value is None:
        return estimated(None, reason=_NOT_SHOWN)
    if totals is None:
        reason = compared.nothing if compared.behind > 0 else _NOT_SUMMED
        return estimated(value, reason=reason)
    side = GROUPS.index(TREATMENT)
    found = part_mean(totals, side, compared.possible, key)
    return replace(found, estimate=value)


def moments_of(main: list[Tally], group: str) -> Moments:
    """Return the sums of a group's rewards."""
    total = Moments()
    for tally in main:
        if tally.group == group:
            total = total.merge(_of(tally))
    return total


def period_of(tallies: Sequence[Tally]) -> Period:
    """Return the period of all decisions in some sums."""
    first = [t.first_ms for t in tallies if t.first_ms is not None]
    last = [t.last_ms for t in tallies if t.last_ms is not None]
    return period(min(first, default=None), max(last, default=None))


def _of(tally: Tally) -> Moments:
    return Moments(tally.n, tally.total, tally.total_squares)
