"""The comparison of two stores by what they answer.

Owns what is asked of both: the hashes of rows don't say that a store reads its rows.
"""

import hashlib
from collections.abc import Iterator

from bandit_svc.domain.experiment import Experiment
from bandit_svc.errors import Conflict
from bandit_svc.storage.control.model_versions import ModelVersions
from bandit_svc.storage.interface import Storage


def differing(left: Storage, new: Storage) -> Iterator[str]:
    """Yield what differs between the answers of two stores, in a few words each."""
    if left.secret() != new.secret():
        yield "the secret"
    if left.pseudonym_key() != new.pseudonym_key():
        yield "the key of the pseudonyms"
    if left.facts.cursors() != new.facts.cursors():
        yield "the cursors of the event log"
    if left.joins.last_positions() != new.joins.last_positions():
        yield "the last joined positions"
    experiments = left.experiments.all()
    if experiments != new.experiments.all():
        yield "the definitions"
        return
    for experiment in experiments:
        yield from _differing(left, new, experiment)
    if left.facts.check() != new.facts.check():
        yield "the faults that `bandit-svc doctor` finds"
    if left.units.overshoot() != new.units.overshoot():
        yield "the overshoot of caps"
    if left.units.position() != new.units.position():
        yield "the position of the states of units"


def equal_models(left: Storage, new: Storage) -> int:
    """Return how many models are kept, each of the same SHA-256 in both stores.

    Raises:
        Conflict: one differs, or its bytes are not those of its hash.
    """
    count = 0
    for experiment in left.experiments.all():
        for own, other in (
            (left.model_versions, new.model_versions),
            (left.branch_versions, new.branch_versions),
        ):
            count += _equal_models(own, other, experiment)
    return count


def _equal_models(own: ModelVersions, other: ModelVersions, of: Experiment) -> int:
    ages = own.ages(of.number)
    for age in ages:
        digests = set()
        for versions in (own, other):
            model = versions.get(of.number, age.version)
            if model is None:
                digests.add("")
            else:
                digests |= {model.meta.sha256, hashlib.sha256(model.state).hexdigest()}
        if len(digests) != 1 or "" in digests:
            raise Conflict(
                f"model version {age.version} of experiment {of.key!r} is not the same "
                "in both stores; nothing was moved"
            )
    return len(ages)


def _differing(left: Storage, new: Storage, experiment: Experiment) -> Iterator[str]:
    number = experiment.number
    name = f"of experiment {experiment.key!r}"
    if left.facts.totals(number) != new.facts.totals(number):
        yield f"the counts {name}"
    if left.joins.tallies(number) != new.joins.tallies(number):
        yield f"the sums {name}"
    if left.evaluations.all(number) != new.evaluations.all(number):
        yield f"the candidates {name}"
