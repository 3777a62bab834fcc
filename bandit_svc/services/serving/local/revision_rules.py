"""What a decision of one revision must follow, wherever it was made.

Owns the rules of a revision in a form that many records are held against, and the
memory of the last ones. Thread-safe.
"""

import threading
from collections import OrderedDict
from collections.abc import Sequence
from typing import Final, NamedTuple

from bandit_svc.domain.experiment import Definition, Experiment
from bandit_svc.domain.variant import Variant
from bandit_svc.errors import FieldError, InvalidInput
from bandit_svc.services.policy_inputs import actions_of, baseline_spec, policy_of
from bandit_svc.services.serving.conditions import why_out
from bandit_svc.services.serving.local.local_reasons import why_not_local
from bandit_svc.storage.control.experiments import Experiments
from policies.base import Action
from policies.draws.chances import ReferencePmfs, reads_context

MOST_KNOWN: Final = 64


class RevisionRules(NamedTuple):
    """One revision of an experiment.

    Attributes:
        listed: keys of its active variants, in order.
    """

    definition: Definition
    variants: dict[str, Variant]
    listed: tuple[str, ...]
    reference: ReferencePmfs

    def actions(self, keys: Sequence[str]) -> tuple[Action, ...]:
        """Return what policies read of variants."""
        return actions_of([self.variants[key] for key in keys])

    def check_eligible(
        self, keys: Sequence[str], context: dict[str, object], at_ms: int
    ) -> None:
        """Refuse variants that could not be chosen from.

        Raises:
            InvalidInput: one is no active variant, comes twice, or was kept out by its
                own conditions.
        """
        if len(set(keys)) < len(keys) or not keys:
            raise InvalidInput.at(
                "/variants", "each variant comes once, and there is at least one"
            )
        for index, key in enumerate(keys):
            variant = self.variants.get(key)
            pointer = f"/variants/{index}/variant"
            if variant is None:
                raise InvalidInput.at(
                    pointer,
                    f"{key[:128]!r} is not an active variant of this revision; they "
                    f"are {', '.join(self.listed[:20])}",
                )
            out = why_out(variant, context, at_ms)
            if out is not None:
                raise InvalidInput.at(
                    pointer, f"{key!r} was not eligible for this context then: {out}"
                )


class KnownRules:
    """The rules of the revisions that records came of last."""

    def __init__(self, experiments: Experiments) -> None:
        self._experiments = experiments
        self._known: OrderedDict[tuple[int, int], RevisionRules] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, experiment: Experiment, revision: int) -> RevisionRules:
        """Return the rules of a revision.

        Raises:
            InvalidInput: the experiment never had it, or it can be decided by the
                service alone.
        """
        asked = experiment.number, revision
        with self._lock:
            found = self._known.get(asked)
            if found is None:
                found = self._known[asked] = self._read(experiment, revision)
                if len(self._known) > MOST_KNOWN:
                    self._known.popitem(last=False)
        return found

    def _read(self, experiment: Experiment, revision: int) -> RevisionRules:
        definition: Definition | None = experiment.definition
        if revision != experiment.revision:
            definition = self._experiments.at_revision(experiment.number, revision)
        if definition is None:
            raise InvalidInput.at(
                "/revision",
                f"experiment {experiment.key!r} has no revision {revision}; its newest "
                f"is {experiment.revision}",
            )
        reason = why_not_local(definition)
        if reason is not None:
            raise InvalidInput(reason, FieldError("/experiment", reason))
        spec = baseline_spec(definition)
        active = definition.active_variants
        return RevisionRules(
            definition,
            {variant.key: variant for variant in active},
            tuple([variant.key for variant in active]),
            ReferencePmfs(
                policy_of(definition, spec), reads_context=reads_context(spec)
            ),
        )
