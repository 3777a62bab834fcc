"""One downloaded model, and what it chooses.

Owns the choice: group, eligible variants, pmf, draw, each by the very function that the
service uses. Touches no clock, no network and no log.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from policies.base import Action, PolicyError, RewardRange
from policies.draws.chances import ReferencePmfs, Sides, reads_context
from policies.draws.groups import is_held_out, naming, pseudonym, uniform_of_unit
from policies.draws.ids import local_id, signing, uniform_from_id
from policies.draws.published import LocalVariant, unpack
from policies.pmf import sample
from policies.rules.language import RuleError, parse_condition
from policies.spec import build_policy

Json = Mapping[str, Any]
_PSEUDONYM_LENGTH = 26


class Choice(NamedTuple):
    """What was chosen, from which chances.

    Attributes:
        pmf: over `keys`; what was drawn from.
        treatment: the learning policy's group's; `pmf` itself in that group.
    """

    variant: str
    payload: Any
    propensity: float
    group: str
    source: str
    keys: tuple[str, ...]
    pmf: tuple[float, ...]
    treatment: tuple[float, ...]


class LocalModel:
    """A model with all that a decision by it follows from. Thread-safe.

    Raises:
        PolicyError: the bytes are no download that this version can read.
    """

    def __init__(self, download: bytes) -> None:
        found, state = unpack(download)
        self.published = found
        bounds = RewardRange(found.minimum, found.maximum)
        policy = build_policy(found.policy, bounds)
        if found.version:
            policy.load(state)
        reference = build_policy(found.baseline, bounds)
        self._sides = Sides(
            policy,
            ReferencePmfs(reference, reads_context=reads_context(found.baseline)),
            found.exploration_floor,
        )
        self._variants = found.variants
        self._payloads = {one.key: one.payload for one in found.variants}
        self._keys = tuple([one.key for one in found.variants])
        self._actions = tuple([Action(v.key, v.features) for v in found.variants])
        self._holds = [_condition(one) for one in found.variants]
        self._always = all(one is None for one in self._holds)
        self._keyed = signing(bytes.fromhex(found.signing.key))
        self._tag = bytes.fromhex(found.signing.tag)
        naming_key = found.naming
        self._naming = naming(bytes.fromhex(naming_key)) if naming_key else None
        # A policy is not thread-safe.
        self._lock = threading.Lock()

    def new_id(self, now_ms: int, entropy: bytes) -> str:
        """Return the id of a new decision.

        Args:
            now_ms: milliseconds since the epoch.
            entropy: 5 bytes, never used before in this millisecond.
        """
        number = self.published.number
        return local_id(self._keyed, self._tag, number, now_ms, entropy)

    def choose(
        self,
        decision_id: str,
        unit_id: str | None,
        context: Json,
        now_ms: int,
        exclude: Sequence[str] = (),
    ) -> Choice:
        """Choose as the service does for the same id.

        Args:
            decision_id: the seed of the draw.
            unit_id: who it is for; without one, the decision is a unit of its own.
            context: features of the request.
            now_ms: when; variants may be in season.
            exclude: keys of variants that must not be chosen.

        Raises:
            PolicyError: no variant is left, one to exclude is unknown, or neither the
                policy nor the baseline has a valid pmf.
        """
        keys, actions = self._keys, self._actions
        if exclude or not self._always:
            keys, actions = self._eligible(context, now_ms, exclude)
        held_out = self._is_held_out(decision_id, unit_id)
        with self._lock:
            found = self._sides.chances(context, actions, keys, held_out=held_out)
        pmf = found.served
        chosen = sample(pmf, uniform_from_id(decision_id, b"draw"))
        variant = keys[chosen]
        return Choice(
            variant,
            self._payloads[variant],
            pmf[chosen],
            "baseline" if held_out else "treatment",
            found.source,
            keys,
            pmf,
            found.treatment,
        )

    def _is_held_out(self, decision_id: str, unit_id: str | None) -> bool:
        holdout = self.published.holdout
        if not holdout:
            return False
        if unit_id is None:
            return is_held_out(uniform_from_id(decision_id, b"group"), holdout)
        keyed = self._naming
        if keyed is not None and not _is_pseudonym(unit_id):
            unit_id = pseudonym(keyed, unit_id)
        return is_held_out(uniform_of_unit(self.published.salt, unit_id), holdout)

    def _eligible(
        self, context: Json, now_ms: int, exclude: Sequence[str]
    ) -> tuple[tuple[str, ...], tuple[Action, ...]]:
        for key in exclude:
            if key not in self._payloads:
                raise PolicyError(
                    f"{key!r} is no active variant of {self.published.experiment!r}; "
                    f"they are {', '.join(self._keys[:20])}"
                )
        left = [
            at
            for at, holds in enumerate(self._holds)
            if self._keys[at] not in exclude
            and (holds is None or holds(context, now_ms))
        ]
        if not left:
            raise PolicyError(
                f"no variant of {self.published.experiment!r} is left for this context"
            )
        if len(left) == len(self._keys):
            return self._keys, self._actions
        keys = tuple([self._keys[at] for at in left])
        return keys, tuple([self._actions[at] for at in left])


def _is_pseudonym(unit_id: str) -> bool:
    if len(unit_id) != _PSEUDONYM_LENGTH or not unit_id.startswith("p_"):
        return False
    return all(sign in "0123456789abcdef" for sign in unit_id[2:])


def _condition(variant: LocalVariant) -> Callable[[Json, int], bool] | None:
    """Return what tells when a variant is eligible; None for always.

    Raises:
        PolicyError: its condition can't be read.
    """
    first_ms, end_ms = variant.from_ms, variant.until_ms
    if variant.when is None and first_ms is None and end_ms is None:
        return None
    try:
        holds = None if variant.when is None else parse_condition(variant.when)
    except RuleError as error:
        raise PolicyError(f"the condition of {variant.key!r}: {error}") from error

    def is_eligible(context: Json, now_ms: int) -> bool:
        in_season = (first_ms is None or now_ms >= first_ms) and (
            end_ms is None or now_ms < end_ms
        )
        return in_season and (holds is None or holds(context))

    return is_eligible
