"""Give an experiment the decisions that its prior names, once.

Owns which decisions those are: the last ones that the newest model of the other
experiment had learned. They are kept as an import, so that a model stays a function of
what is stored, whatever the other experiment learns, corrects or loses later.
"""

from bandit_svc.domain.experiment import Experiment
from bandit_svc.domain.model_version import ModelVersionMeta
from bandit_svc.domain.numbers import counted
from bandit_svc.services.learning.definitions import Definitions
from bandit_svc.services.learning.examples import JoinedExamples
from bandit_svc.services.learning.priors.prior_files import (
    kept_prior,
    name_of_prior,
)
from bandit_svc.storage.imports.kept import ImportedChoice, ImportedFile
from bandit_svc.storage.interface import Storage
from bandit_svc.storage.rows import JoinedRow
from policies.prior.settings import prior_of

STRETCH = 2_000
"""Positions that are read at a time, from the newest back."""


def begin_with_prior(
    storage: Storage, definitions: Definitions, experiment: Experiment, now_ms: int
) -> bool:
    """Keep the decisions of an experiment's prior, if it has one and lacks them.

    Call it before the experiment's model learns. The caller holds the learner's lease.

    Returns:
        True if they were kept now.
    """
    prior = prior_of(experiment.definition.policy)
    number = experiment.number
    if prior is None or kept_prior(storage.imports.files(number)) is not None:
        return False
    other = next(
        (e for e in storage.experiments.all() if e.key == prior.experiment), None
    )
    meta = None if other is None else storage.model_versions.newest(other.number)
    if other is None or meta is None:
        return False
    examples = JoinedExamples(storage.joins, definitions, other.number)
    choices = _last_learned(examples, meta, prior.strength)
    with storage.leases.hold(f"import-{number}") as held:
        if held is None or not choices:
            # Once the import that is under way has ended.
            return False
        first = storage.imports.begin(number)
        storage.imports.add(number, first, choices)
        n = len(choices)
        name = name_of_prior(prior)
        file = ImportedFile(name, meta.sha256, n, first + n, now_ms)
        storage.imports.complete(
            storage.experiments.get(experiment.key),
            file,
            f"prior: {counted(n, 'decision')} of experiment {other.key}, the last that "
            f"its model {meta.version} had learned (sha256 {meta.sha256})",
        )
    return True


def _last_learned(
    examples: JoinedExamples, meta: ModelVersionMeta, most: int
) -> list[ImportedChoice]:
    """Return the last decisions that a model has learned, in their order.

    What it had imported itself is no part of them.
    """
    found: list[ImportedChoice] = []
    for first, last in reversed(meta.spans):
        until = last
        while until > max(first, 0) and len(found) < most:
            begin = max(first, 0, until - STRETCH)
            rows = [row for rows in examples.rows((begin, until)) for row in rows]
            learned = [_choice(row) for row in rows if row.learnable]
            found = learned + found
            until = begin
    return found[-most:]


def _choice(row: JoinedRow) -> ImportedChoice:
    decision = row.decision
    return ImportedChoice(
        variants=decision.variants,
        chosen=decision.chosen,
        propensity=decision.weighed_by,
        reward=row.reward,
        context=decision.context,
        unit_id=decision.unit_id,
        revision=decision.revision,
        number=decision.number,
        inline_variants=decision.inline_variants,
    )
