"""Build a model again from the log and compare it with the published one.

Owns the proof that a model is a function of the log.
"""

import hashlib
from collections.abc import Callable

import msgspec

from bandit_svc.domain.experiment import Experiment
from bandit_svc.errors import NotFound
from bandit_svc.services.learning.definitions import Definitions
from bandit_svc.services.learning.examples import JoinedExamples
from bandit_svc.storage.control.model_versions import ModelVersions
from bandit_svc.storage.interface import Storage
from bandit_svc.storage.joined.joins import JoinedOrder


class Replayed(msgspec.Struct, frozen=True):
    """The published model beside the one that the log gives."""

    version: int
    learned: int
    published_sha256: str
    replayed_sha256: str

    @property
    def matches(self) -> bool:
        """True if both are the same bytes."""
        return self.published_sha256 == self.replayed_sha256


def replay(
    storage: Storage,
    experiment: Experiment,
    on_progress: Callable[[int, int], None] = lambda _done, _total: None,
    versions: ModelVersions | None = None,
    order: JoinedOrder | None = None,
) -> Replayed:
    """Learn the spans of the newest model version from nothing.

    Args:
        storage: the service's.
        experiment: as it is now.
        versions: `storage.branch_versions` for the other policy of a split; None for
            the experiment's own.
        order: of the experiment; None for the store's. An archive has its own.
        on_progress: told how many joined decisions are done, of how many.

    Raises:
        NotFound: no model has been published yet.
    """
    versions = storage.model_versions if versions is None else versions
    published = versions.latest(experiment.number)
    if published is None:
        raise NotFound(
            f"experiment {experiment.key!r} has no published model yet; the first one "
            "comes when a decision has matured"
        )
    definitions = Definitions(storage.experiments)
    examples = JoinedExamples(order or storage.joins, definitions, experiment.number)
    meta = published.meta
    total = sum(last - first for first, last in meta.spans)
    policy = examples.replay(
        meta.policy,
        experiment.definition,
        meta.spans,
        lambda done: on_progress(done, total),
    )
    return Replayed(
        version=meta.version,
        learned=meta.learned,
        published_sha256=hashlib.sha256(published.state).hexdigest(),
        replayed_sha256=hashlib.sha256(policy.dump()).hexdigest(),
    )


def replay_branch(
    storage: Storage,
    experiment: Experiment,
    on_progress: Callable[[int, int], None] = lambda _done, _total: None,
    order: JoinedOrder | None = None,
) -> Replayed | None:
    """Learn the newest model of the split's other policy from nothing.

    None where there is no split, or no model of its policy to compare: none has been
    published yet, or it is learned again with corrected rewards at present.
    """
    split, number = experiment.definition.split, experiment.number
    newest = storage.branch_versions.newest(number)
    if (
        split is None
        or newest is None
        or newest.policy != split.policy
        or newest.version <= storage.splits.outdated_to(number)
    ):
        return None
    return replay(storage, experiment, on_progress, storage.branch_versions, order)
