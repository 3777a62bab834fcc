"""Choices that a unit keeps, for experiments that are sticky.

Owns the look-up of a unit's newest choice: of this process at once, of another one when
the learner has stored it. Thread-safe.
"""

import threading
from collections import OrderedDict
from collections.abc import Sequence

from bandit_svc.domain.events.decision import Decision
from bandit_svc.domain.experiment import BASELINE
from bandit_svc.domain.people.sticky import Sticky
from bandit_svc.domain.plain_values import Context
from bandit_svc.domain.slots.places import shown_variants
from bandit_svc.domain.splits.split import is_other
from bandit_svc.services.serving.served_experiment import ServedExperiment
from bandit_svc.storage.joined.facts import Facts
from bandit_svc.storage.units import StickyChoices

REMEMBERED = 20_000

_Key = tuple[int, int]


class KeptChoices:
    """One a process."""

    def __init__(self, choices: StickyChoices, facts: Facts) -> None:
        self._choices = choices
        self._facts = facts
        self._decisions: OrderedDict[_Key, Decision] = OrderedDict()
        self._lock = threading.Lock()

    def find(
        self,
        served: ServedExperiment,
        sticky: Sticky,
        unit_id: str,
        context: Context,
        keys: Sequence[str],
        now_ms: int,
    ) -> Decision | None:
        """Return the choice that a unit still keeps, None if there is none.

        Args:
            served: the experiment.
            sticky: its declaration.
            unit_id: of the person.
            context: of the request, with the features of the unit.
            keys: of the variants that the request may be shown.
            now_ms: the time.
        """

        def is_kept(one: Decision | None) -> bool:
            return (
                one is not None
                and sticky.holds(one.decided_at_ms, now_ms)
                and set(shown_variants(one)).issubset(keys)
                and not sticky.breaks(
                    (one.context, _model_of(one, served)),
                    (context, _mark(served.policy.version, in_other=served.in_other)),
                )
            )

        key = served.experiment.number, served.units.of(unit_id)
        known = self._decisions.get(key)
        if is_kept(known):
            return known
        # Another process may have chosen anew since.
        stored_id = self._choices.newest(*key)
        if stored_id is None or (known is not None and stored_id == known.id):
            return None
        view = self._facts.decision(stored_id)
        if view is None or view.state not in {"open", "joined", "deferred"}:
            return None
        if known is not None and known.decided_at_ms > view.decision.decided_at_ms:
            return None
        self.remember(served, view.decision)
        return view.decision if is_kept(view.decision) else None

    def remember(self, served: ServedExperiment, decision: Decision) -> None:
        """Keep a choice of this process; the oldest beyond 20,000 is dropped."""
        if decision.unit_id is None:
            return
        key = served.experiment.number, served.units.of(decision.unit_id)
        with self._lock:
            self._decisions[key] = decision
            self._decisions.move_to_end(key)
            if len(self._decisions) > REMEMBERED:
                self._decisions.popitem(last=False)


def _model_of(decision: Decision, served: ServedExperiment) -> int:
    """Return the mark of the model that a choice was made with."""
    in_other = is_other(decision.branch)
    # The holdout is in no branch, and its decisions name the model of their unit's.
    if decision.branch is None and decision.group == BASELINE:
        in_other = served.in_other
    return _mark(decision.model_version, in_other=in_other)


def _mark(version: int, *, in_other: bool) -> int:
    """Return a number of a model: those of both policies of a split begin at 0."""
    return -1 - version if in_other else version
