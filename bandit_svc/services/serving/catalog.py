"""The experiments, models and keys that this process serves.

Owns what a request reads from memory. Definitions are looked at again when the
store says that they changed (a number in shared memory, compared at each
request); models are swapped in behind the requests' back by `refresh_models`.
"""

import threading
from collections.abc import Mapping, Sequence
from typing import assert_never

from bandit_svc.domain.experiment import Definition, Experiment, unknown_experiment
from bandit_svc.domain.people.feature import (
    TrailName,
    kept_trails,
    parse_features,
)
from bandit_svc.domain.programmes.programme import Programme
from bandit_svc.errors import Conflict, FieldError, NotFound, Unavailable
from bandit_svc.services.serving.callers.key_ring import KeyRing
from bandit_svc.services.serving.callers.source_ring import SourceRing
from bandit_svc.services.serving.served_experiment import (
    LoadedPolicy,
    ServedExperiment,
    load_policy,
    prepared,
)
from bandit_svc.services.serving.splits.branches import (
    load_other,
    load_other_or_untrained,
)
from bandit_svc.storage.interface import Storage
from bandit_svc.storage.keys import KeyRow
from policies.base import PolicyError

_NEVER = -1


class Catalog:
    """One a process, created after the fork. Thread-safe."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._lock = threading.RLock()
        self._seen_version = _NEVER
        self._experiments: dict[str, Experiment] = {}
        self._numbers: dict[int, Experiment] = {}
        self._served: dict[str, ServedExperiment] = {}
        self._keys = KeyRing(())
        self._sources = SourceRing(())
        self._unloaded: dict[str, str] = {}
        self._programmes: dict[str, Programme] = {}
        self._trails: Mapping[TrailName, int] = {}
        self._crediting: Sequence[Experiment] = ()

    @property
    def version(self) -> int:
        """A number that differs when other definitions or keys were read."""
        return self._seen_version

    @property
    def is_behind(self) -> bool:
        """Return whether the next question reads the store."""
        return self._storage.experiments.version() != self._seen_version

    def asks_store(self, key: str) -> bool:
        """Return whether a decision of an experiment has to read the store.

        It does so for what is known of its unit, and where it was not prepared yet.
        """
        served = self._served.get(key)
        return (
            served is None
            or served.experiment is not self._experiments.get(key)
            or served.asks_store
        )

    def running(self, key: str) -> ServedExperiment:
        """Return a running experiment, ready to decide.

        Raises:
            NotFound: there is no experiment of that key.
            Conflict: it is paused or archived.
        """
        served = self.prepared(key)
        match served.experiment.definition.status:
            case "running":
                return served
            case "paused":
                raise _stopped(
                    f"experiment {key!r} is paused; show your own default, or resume "
                    "it with PATCH status = running"
                )
            case "archived":
                raise _stopped(
                    f"experiment {key!r} is archived for good; show your own default, "
                    "or ask for another experiment"
                )
            case _:
                assert_never(served.experiment.definition.status)

    def prepared(self, key: str) -> ServedExperiment:
        """Return an experiment of any status, ready to decide.

        Raises:
            NotFound: there is no experiment of that key.
        """
        experiment = self.experiment(key)
        served = self._served.get(key)
        if served is None or served.experiment is not experiment:
            served = self._prepare(experiment)
        return served

    def experiment(self, key: str) -> Experiment:
        """Return the current definition, as fresh as the store.

        Raises:
            NotFound: there is no experiment of that key.
        """
        self._look_again()
        experiment = self._experiments.get(key)
        if experiment is None:
            self._look_now()
            experiment = self._experiments.get(key)
        if experiment is None:
            raise unknown_experiment(key, "/experiment")
        return experiment

    def by_number(self, number: int) -> Experiment:
        """Return the definition of an id's experiment number.

        Raises:
            NotFound: the store has none; it was restored from an older copy.
        """
        self._look_again()
        experiment = self._numbers.get(number)
        if experiment is None:
            self._look_now()
            experiment = self._numbers.get(number)
        if experiment is None:
            raise NotFound(
                "the experiment of this decision_id is not in the store any more"
            )
        return experiment

    def at_revision(self, experiment: Experiment, revision: int) -> Definition:
        """Return the definition that a decision was made with; an old one is read."""
        if revision == experiment.revision:
            return experiment.definition
        old = self._storage.experiments.at_revision(experiment.number, revision)
        return experiment.definition if old is None else old

    def all(self) -> list[Experiment]:
        """Return every current definition, oldest experiment first."""
        self._look_again()
        return list(self._experiments.values())

    def crediting(self) -> Sequence[Experiment]:
        """Return the experiments that take rewards of units, but for archived ones."""
        self._look_again()
        return self._crediting

    def key(self, secret: str, now_ms: int) -> KeyRow | None:
        """Return the row of a key that is valid now, or None."""
        row = self.issued_key(secret)
        return None if row is None or row.is_expired(now_ms) else row

    def issued_key(self, secret: str) -> KeyRow | None:
        """Return the row of a key that is not revoked, expired or not, or None."""
        self._look_again()
        return self._keys.find(secret)

    def live_secret_keys(self, now_ms: int) -> list[str]:
        """Return the ids of the secret keys that are good now."""
        self._look_again()
        return self._keys.secret_keys(now_ms)

    def sources(self) -> SourceRing:
        """Return the sources of webhooks."""
        self._look_again()
        return self._sources

    def trails(self) -> Mapping[TrailName, int]:
        """Return the trails of events that features of any experiment are made of."""
        self._look_again()
        return self._trails

    def served(self) -> list[ServedExperiment]:
        """Return the experiments that this process has prepared so far."""
        return list(self._served.values())

    def unloaded(self) -> Mapping[str, str]:
        """Return why the newest model of an experiment could not be loaded, by key."""
        return dict(self._unloaded)

    def refresh_models(self) -> int:
        """Swap in newer models; return how many were swapped.

        Called in the background several times a second, never by a request.

        Raises:
            PolicyError: a model is damaged; every other one was swapped in.
        """
        newest = self._storage.model_versions.known_versions()
        branches: Mapping[int, int] = {}
        if any(served.other is not None for served in self._served.values()):
            branches = self._storage.branch_versions.known_versions()
        swapped = 0
        fault: PolicyError | None = None
        for key, served in list(self._served.items()):
            number = served.experiment.number
            other = served.other
            if newest.get(number, 0) == served.policy.version and (
                other is None or branches.get(number, 0) == other.policy.version
            ):
                continue
            # Loading happens outside the lock; requests go on with the old model.
            try:
                policy = self._load(served.experiment)
                branch = load_other(self._storage, served.experiment)
            except PolicyError as error:
                fault = error
                self._unloaded[key] = error.message
                continue
            self._unloaded.pop(key, None)
            with self._lock:
                current = self._served[key]
                # A definition that was changed meanwhile has loaded its own branch.
                if current.experiment is not served.experiment:
                    changed = current.other
                    branch = None if changed is None else changed.policy
                self._served[key] = self._with(current.experiment, policy, branch)
            swapped += 1
        if fault is not None:
            raise fault
        return swapped

    def _look_now(self) -> None:
        """Look behind what was heard, before anybody is told that nothing is there.

        Raises:
            Unavailable: the store's server is away, so that nobody knows.
        """
        self._storage.experiments.look()
        self._look_again()

    def _look_again(self) -> None:
        if self._storage.experiments.version() == self._seen_version:
            return
        with self._lock:
            version = self._storage.experiments.version()
            if version == self._seen_version:
                return
            try:
                self._read_again()
            except Unavailable:
                if self._seen_version == _NEVER or not self._storage.is_on_server:
                    raise
                # Decisions go on with what was read last. When the server is there
                # again, its number is another one.
                self._storage.experiments.missed()
            # Last, so that another thread never sees the number before the rows.
            self._seen_version = version

    def _read_again(self) -> None:
        """Read the definitions, programmes, keys and sources.

        Raises:
            Unavailable: the store can't be read.
        """
        fresh = self._storage.experiments.all()
        keys, sources = self._storage.keys.all(), self._storage.sources.all()
        self._look_at_programmes()
        for experiment in fresh:
            known = self._experiments.get(experiment.key)
            if known is None or known.revision != experiment.revision:
                self._experiments[experiment.key] = experiment
                self._numbers[experiment.number] = experiment
        self._trails = kept_trails(
            feature
            for experiment in self._experiments.values()
            if experiment.definition.status != "archived"
            for feature in parse_features(experiment.definition.features).values()
        )
        self._crediting = [
            experiment
            for experiment in self._experiments.values()
            if experiment.definition.status != "archived"
            and experiment.definition.reward.credit_rule is not None
        ]
        self._keys = KeyRing(keys)
        self._sources = SourceRing(sources)

    def _look_at_programmes(self) -> None:
        """Read the programmes; what is served of a changed one is prepared anew."""
        fresh = {one.key: one for one in self._storage.programmes.all()}
        known, self._programmes = self._programmes, fresh
        if fresh == known:
            return
        for key, served in list(self._served.items()):
            programme = served.experiment.definition.programme
            if programme is not None and fresh.get(programme) != known.get(programme):
                other = None if served.other is None else served.other.policy
                self._served[key] = self._with(served.experiment, served.policy, other)

    def _prepare(self, experiment: Experiment) -> ServedExperiment:
        with self._lock:
            known = self._served.get(experiment.key)
            if known is not None and known.experiment is experiment:
                return known
            if known is not None and known.policy.version > 0 and not _is_over(known):
                policy = known.policy
            else:
                # Where nothing was learned yet, a changed spec acts at once.
                policy = self._load_or_untrained(experiment)
            branch = load_other_or_untrained(self._storage, experiment)
            served = self._with(experiment, policy, branch)
            self._served[experiment.key] = served
            return served

    def _with(
        self, experiment: Experiment, policy: LoadedPolicy, other: LoadedPolicy | None
    ) -> ServedExperiment:
        programme = self._programmes.get(experiment.definition.programme or "")
        return prepared(experiment, policy, programme, other)

    def _load_or_untrained(self, experiment: Experiment) -> LoadedPolicy:
        """Load the newest model; one that is damaged must not fail a request.

        An untrained policy serves then, with its true propensities, until the
        learner has published a good model.
        """
        try:
            return self._load(experiment)
        except PolicyError as error:
            self._unloaded[experiment.key] = error.message
        except Unavailable:
            # It is looked for again as soon as the server is there.
            if not self._storage.is_on_server:
                raise
        return load_policy(experiment.definition, None)

    def _load(self, experiment: Experiment) -> LoadedPolicy:
        published = self._storage.model_versions.latest(experiment.number)
        return load_policy(experiment.definition, published)


def _is_over(known: ServedExperiment) -> bool:
    """Return whether a split was served, whose end may have brought another model."""
    return known.other is not None


def _stopped(detail: str) -> Conflict:
    return Conflict(detail, FieldError("/experiment", detail))
