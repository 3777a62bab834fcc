"""Say what an experiment earned, from sums whose number does not grow.

Owns the report in the shape of the contract. Every interval holds at every look,
so that a page may be read every minute. What other policies would have earned is
read from sums too; services.evaluation.evaluate computes it from the log.
"""

from bandit_svc.domain.events.reward import MAIN_METRIC
from bandit_svc.domain.experiment import BASELINE, TREATMENT, Experiment
from bandit_svc.domain.model_version import SnapshotMeta
from bandit_svc.domain.times import timestamp
from bandit_svc.ope.sequences.asymptotic import mean_interval
from bandit_svc.ope.uplift.moments import Moments
from bandit_svc.ope.uplift.uplift import absolute_uplift, relative_uplift
from bandit_svc.services.checks.drift import context_drift
from bandit_svc.services.checks.loop import health_checks
from bandit_svc.services.checks.stored_log import (
    calibration,
    missing_rewards,
    repeat_visits,
    sample_ratio,
)
from bandit_svc.services.evaluation.checks import propensity_audit, scorecard
from bandit_svc.services.evaluation.rows import (
    kept_evaluations,
    kept_quality_json,
    policies,
    variants_with_ips,
)
from bandit_svc.services.learning.adjusted_uplift import adjusted
from bandit_svc.services.report.guardrails import metrics
from bandit_svc.services.report.history import history
from bandit_svc.services.report.latency import latency
from bandit_svc.services.report.segments import RULE, segments
from bandit_svc.services.report.verdict import verdict
from bandit_svc.services.values import CONFIDENCE, Json, estimate_json, interval_json
from bandit_svc.storage.interface import Storage
from bandit_svc.storage.rows import Tally, Totals

METHOD = "asymptotic-cs"


def build_report(storage: Storage, experiment: Experiment, now_ms: int) -> Json:
    """Give the report of one experiment as JSON values."""
    number = experiment.number
    tallies = storage.joins.tallies(number)
    totals = storage.facts.totals(number)
    metas = storage.snapshots.metas(number)
    main = [t for t in tallies if t.metric == MAIN_METRIC]
    uplift = _uplift(experiment, main)
    uplift |= adjusted(storage.joins, experiment)
    model = _model(storage, experiment, metas[0] if metas else None, now_ms)
    evaluations = kept_evaluations(storage, experiment, totals.joined)
    other = policies(experiment, evaluations)
    holdout = _moments(main, BASELINE)
    latency_curve = latency(storage, experiment)
    report: Json = {
        "experiment": experiment.key,
        "as_of": timestamp(now_ms),
        "status": experiment.definition.status,
        "revision": experiment.revision,
        "decisions": _decisions(totals),
        "uplift": uplift,
        "groups": [_group(experiment, main, group) for group in (TREATMENT, BASELINE)],
        "variants": variants_with_ips(_variants(experiment, main), other),
        "policies": other,
        "reward_model": kept_quality_json(storage, experiment),
        "metrics": metrics(experiment, tallies),
        "history": history(storage, experiment, now_ms),
        "segments": segments(storage, experiment),
        "segment_rule": RULE,
        "latency": latency_curve,
        "model": model,
        "health": [
            sample_ratio(storage, experiment),
            repeat_visits(storage, experiment, totals),
            *health_checks(experiment, totals, model, latency_curve),
            missing_rewards(storage, experiment),
            context_drift(storage, experiment),
            calibration(storage, experiment),
            propensity_audit(experiment, evaluations),
            scorecard(storage, experiment, evaluations, holdout),
        ],
    }
    report["verdict"] = verdict(report)
    return report


def _decisions(totals: Totals) -> Json:
    counts = totals.counts
    return {
        "treatment": counts.get("decisions_treatment", 0),
        "baseline": counts.get("decisions_baseline", 0),
        "joined": totals.joined,
        "pending": totals.pending,
        "unexposed": totals.unexposed,
        "ambiguous": counts.get("decisions_ambiguous", 0),
        "fallback": counts.get("decisions_fallback", 0),
        "late_rewards": counts.get("rewards_late", 0),
        "duplicate_rewards": counts.get("rewards_duplicate", 0),
        "conflicting_rewards": counts.get("rewards_conflict", 0),
        "orphan_rewards": totals.orphans,
    }


def _uplift(experiment: Experiment, main: list[Tally]) -> Json:
    treatment, baseline = _moments(main, TREATMENT), _moments(main, BASELINE)
    reward = experiment.definition.reward
    bounds = (CONFIDENCE, reward.minimum, reward.maximum)
    return {
        "absolute": estimate_json(absolute_uplift(treatment, baseline, *bounds)),
        "relative": estimate_json(relative_uplift(treatment, baseline, *bounds)),
        "confidence": CONFIDENCE,
        "method": METHOD,
        "anytime_valid": True,
    }


def _group(experiment: Experiment, main: list[Tally], group: str) -> Json:
    moments = _moments(main, group)
    return {"group": group, **_mean(experiment, moments)}


def _variants(experiment: Experiment, main: list[Tally]) -> list[Json]:
    """Give each variant's share and mean among the decisions of the treatment.

    The means of variants are not comparable with one another: the policy shows
    each where it expects it to do well.
    """
    treated = {t.variant: t for t in main if t.group == TREATMENT}
    joined = sum(t.n for t in treated.values())
    keys = [v.key for v in experiment.definition.variants]
    keys += [key for key in treated if key not in keys]
    rows = []
    for key in keys:
        tally = treated.get(key)
        moments = _of(tally) if tally else Moments()
        share = moments.n / joined if joined else 0.0
        rows.append({"variant": key, "share": share, **_mean(experiment, moments)})
    return rows


def _model(
    storage: Storage, experiment: Experiment, meta: SnapshotMeta | None, now_ms: int
) -> Json:
    cursor = meta.cursor if meta else 0
    waiting_ms = storage.joins.waiting_since_ms(experiment.number, cursor, now_ms)
    lag_ms = 0 if waiting_ms is None else max(0, now_ms - waiting_ms)
    served = meta.policy if meta else experiment.definition.policy
    return {
        "version": meta.version if meta else 0,
        "policy": served,
        "catching_up": served != experiment.definition.policy,
        "learned": meta.learned if meta else 0,
        "age_seconds": max(0, now_ms - meta.created_at_ms) / 1000 if meta else None,
        "lag_seconds": lag_ms / 1000,
    }


def _mean(experiment: Experiment, moments: Moments) -> Json:
    reward = experiment.definition.reward
    interval = mean_interval(moments, CONFIDENCE, reward.minimum, reward.maximum)
    return {
        "n": moments.n,
        "mean": moments.mean if moments.n else None,
        "interval": interval_json(interval),
    }


def _moments(main: list[Tally], group: str) -> Moments:
    total = Moments()
    for tally in main:
        if tally.group == group:
            total = total.merge(_of(tally))
    return total


def _of(tally: Tally) -> Moments:
    return Moments(tally.n, tally.total, tally.total_squares)
