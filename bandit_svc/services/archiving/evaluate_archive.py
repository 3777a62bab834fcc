"""Estimate from the archive what policies would have earned.

Owns which policies can be asked about: those whose chances follow from the columns of
a decision. Of the treatment's decisions only, each weighed by the pmf that it was drawn
from; errors are by unit.
"""

import tempfile
from collections.abc import Collection, Mapping, Sequence
from typing import Final

from bandit_svc.archive.duck import sums_of
from bandit_svc.archive.names import FileName
from bandit_svc.archive.sufficient import Target, estimates_of, weights_of
from bandit_svc.domain.experiment import Experiment
from bandit_svc.errors import InvalidInput, Unprocessable
from bandit_svc.ope.audit.diagnostics import refusal
from bandit_svc.services.archiving.evaluation import ArchiveEvaluation
from bandit_svc.services.archiving.ports import ArchivePorts
from bandit_svc.services.evaluation.labels import BASELINE, FIXED, UNIFORM
from bandit_svc.services.evaluation.rows import SUCCESSES_FIRST
from bandit_svc.services.values import PolicyRow, estimated

ESTIMATORS: Final = ("ips", "snips", "clipped_ips", "dm", "dr", "sndr")


def evaluate_archive(
    ports: ArchivePorts,
    experiment: Experiment,
    asked: Sequence[str] = (),
    estimators: Collection[str] = ESTIMATORS,
) -> ArchiveEvaluation:
    """Evaluate policies over all files of an experiment.

    Args:
        ports: the store, which knows the files, and the archive.
        experiment: whose decisions.
        asked: labels of policies; nothing asks about all that can be had.
        estimators: names of those to return.

    Raises:
        InvalidInput: a policy or an estimator can't be had from the archive.
        Unprocessable: the archive has no file of it, or can't be read.
    """
    _check(estimators)
    policies = _targets(experiment, asked)
    files = ports.storage.archived.files(experiment.number)
    if not files:
        raise Unprocessable(
            f"the archive has no file of {experiment.key} yet; one is written when a "
            "day is over. Without --archive the store is read"
        )
    names = [
        str(FileName(experiment.key, file.day, file.first, file.last)) for file in files
    ]
    with tempfile.TemporaryDirectory(dir=ports.folder, prefix="duckdb-") as scratch:
        sums = sums_of(ports.target, names, policies, scratch)
    whole = max(sums.values(), key=lambda one: one["n"] or 0.0)
    return ArchiveEvaluation(
        policies=tuple(
            _row(experiment, label, one, estimators) for label, one in sums.items()
        ),
        mean=whole["c"],
        first_day=files[0].day,
        last_day=files[-1].day,
    )


def _check(estimators: Collection[str]) -> None:
    for name in estimators:
        if name not in ESTIMATORS:
            raise InvalidInput(
                f"--estimator {name} can't be had from sums over the archive; there "
                f"are {', '.join(ESTIMATORS)}"
            )


def _targets(experiment: Experiment, asked: Sequence[str]) -> dict[str, Target]:
    keys = [variant.key for variant in experiment.definition.variants]
    fixed = {f"{FIXED}{key}": Target("fixed", key) for key in keys}
    known = {UNIFORM: Target("uniform"), BASELINE: Target("baseline"), **fixed}
    if not asked:
        active = {f"{FIXED}{v.key}" for v in experiment.definition.active_variants}
        return {
            label: target
            for label, target in known.items()
            if target.kind != "fixed" or label in active
        }
    for label in asked:
        if label not in known:
            raise InvalidInput(
                f"--policy {label} can't be had from sums over the archive, which has "
                f"{UNIFORM}, {BASELINE} and {FIXED}VARIANT; leave --archive out for "
                "any other"
            )
    return {label: known[label] for label in asked}


def _row(
    experiment: Experiment,
    label: str,
    sums: Mapping[str, float | None],
    estimators: Collection[str],
) -> PolicyRow:
    weights = weights_of(sums)
    biased = experiment.definition.reward.closes_at_first_reward
    reason = SUCCESSES_FIRST if biased else refusal(weights)
    found = {} if reason is not None else estimates_of(sums)
    return PolicyRow(
        policy=label,
        n=weights.n,
        effective_sample_size=weights.effective_sample_size,
        mean_weight=weights.mean_weight if weights.n else None,
        max_weight=weights.max_weight,
        refused=reason,
        estimates={
            name: estimated(found[name].value, found[name].interval)
            if name in found
            else estimated(None)
            for name in ESTIMATORS
            if name in estimators
        },
        units=int(sums["units"] or 0),
    )
