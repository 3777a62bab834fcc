"""The pmf that a choice is drawn from, and those of both groups.

Owns what a failing policy falls back to, and the memory of a reference policy's pmf.
The floor, the validation and the draw are pmf.py's.
"""

import threading
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec

from policies.base import Action, Chooser, Context, PolicyError
from policies.pmf import mix_floor, validate_pmf
from policies.spec import fixed_weights, normalise_spec

MOST_ELIGIBLE_SETS = 1_000
Source = Literal["policy", "baseline", "fallback", "explore"]
"""Whose pmf was drawn from: the learning policy's, the reference's, the reference's
because the policy's failed validation, or that of units that explore."""


class ReferencePmfs:
    """The reference policy's pmf of each eligible set, without a floor. Thread-safe.

    Every decision logs it. Most references read no context, so that theirs is asked for
    once for each eligible set.
    """

    def __init__(self, policy: Chooser, *, reads_context: bool) -> None:
        self._policy = policy
        self._reads_context = reads_context
        self._lock = threading.Lock()
        self._kept: dict[tuple[str, ...], tuple[float, ...]] = {}

    def of(
        self, context: Context, actions: Sequence[Action], keys: tuple[str, ...]
    ) -> tuple[float, ...]:
        """Return the pmf over the actions.

        Args:
            keys: of the actions; the same object returned for the same keys where the
                reference reads no context.

        Raises:
            PolicyError: it has no valid pmf for them.
        """
        found = self._kept.get(keys)
        if found is None:
            with self._lock:
                found = tuple(self._policy.pmf(context, actions))
            validate_pmf(found, len(actions), 0.0)
            if not self._reads_context:
                if len(self._kept) >= MOST_ELIGIBLE_SETS:
                    self._kept.clear()
                self._kept[keys] = found
        return found


def reads_context(spec: Mapping[str, Any]) -> bool:
    """Return whether the pmf of a spec's policy may follow from the context."""
    return fixed_weights(normalise_spec(spec)) is None


class Chances(msgspec.Struct, frozen=True, gc=False):
    """What is drawn from, and what each group would have been drawn from.

    Attributes:
        baseline: None where the reference has none.
    """

    served: tuple[float, ...]
    source: Source
    treatment: tuple[float, ...]
    baseline: tuple[float, ...] | None


class Sides:
    """The learning policy and the reference of one experiment. Thread-safe as they are.

    Attributes:
        floor: the share of uniform exploration in the treatment.
    """

    __slots__ = ("floor", "policy", "reference")

    def __init__(self, policy: Chooser, reference: ReferencePmfs, floor: float) -> None:
        self.policy = policy
        self.reference = reference
        self.floor = floor

    def chances(
        self,
        context: Context,
        actions: Sequence[Action],
        keys: tuple[str, ...],
        *,
        held_out: bool,
    ) -> Chances:
        """Return the pmf that is drawn from, and those of both groups for the log.

        The other group's is what tells later how likely the choice was in either. It
        must not fail the page: the policy's falls back in the holdout too, and a
        reference that has none is left out.

        Raises:
            PolicyError: the policy that is drawn from has no valid pmf, nor has what
                it falls back to.
        """
        if held_out:
            baseline = self.reference.of(context, actions, keys)
            treatment, _ = self.treatment(context, actions, keys)
            return Chances(baseline, "baseline", treatment, baseline)
        treatment, source = self.treatment(context, actions, keys)
        try:
            reference = self.reference.of(context, actions, keys)
        except PolicyError:
            return Chances(treatment, source, treatment, None)
        return Chances(treatment, source, treatment, reference)

    def treatment(
        self, context: Context, actions: Sequence[Action], keys: tuple[str, ...]
    ) -> tuple[tuple[float, ...], Source]:
        """Return the pmf that the treatment is drawn from, and its source.

        A policy that fails must not fail the page: the reference's pmf serves, with
        the same floor, and is logged as what it is.

        Raises:
            PolicyError: the reference has no valid pmf either.
        """
        floor = self.floor
        try:
            pmf = mix_floor(self.policy.pmf(context, actions), floor)
            validate_pmf(pmf, len(actions), floor)
        except PolicyError:
            pmf = mix_floor(self.reference.of(context, actions, keys), floor)
            validate_pmf(pmf, len(actions), floor)
            return tuple(pmf), "fallback"
        return tuple(pmf), "policy"
