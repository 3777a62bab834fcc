"""The contestants of the quality benchmark: our policies and other libraries'.

Owns their names and settings. A policy of ours is named by its kind, or by its spec as
JSON. Needs benchmarks/requirements.lock for those that are not ours.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.quality.encoder import ActionEncoder, Encoder
from benchmarks.quality.libraries import (
    LogisticBootstraps,
    Mabwiser,
    RetrainedTrees,
    River,
)
from benchmarks.quality.site_rounds import Learns, SiteRounds
from policies.base import Action, Context
from policies.spec import build_policy

FLOOR = 0.02
"""The exploration floor of ours."""
ALPHA = 0.25
"""Of LinUCB and LinTS."""
OURS = ("auto", "linear", "vw", "thompson")


@dataclass(frozen=True)
class Contestant:
    """A policy under test.

    Attributes:
        build: returns a fresh one for rounds and a seed.
        floor: the exploration floor that it is served with.
        most_variants: with more it takes too long to be run.
    """

    build: Callable[[SiteRounds, int], Learns]
    floor: float = 0.0
    most_variants: int = 500


class _Scaled:
    """A contestant that gets rewards as shares of the declared range."""

    def __init__(self, learner: Learns, maximum: float) -> None:
        self._learner = learner
        self._maximum = maximum
        self.pmf = learner.pmf

    def learn(
        self,
        context: Context,
        actions: Sequence[Action],
        chosen: int,
        propensity: float,
        reward: float,
    ) -> None:
        """Learn the reward as a share."""
        share = reward / self._maximum
        self._learner.learn(context, actions, chosen, propensity, share)


def ours(spec: Mapping[str, Any]) -> Contestant:
    """Enter one of our policies with an exploration floor."""

    def build(rounds: SiteRounds, seed: int) -> Learns:
        del seed
        return build_policy(spec, rounds.reward_range)

    return Contestant(build, FLOOR)


def _foreign(
    make: Callable[[SiteRounds, Encoder, int], Learns], most_variants: int = 500
) -> Contestant:
    def build(rounds: SiteRounds, seed: int) -> Learns:
        learner = make(rounds, Encoder(rounds.contexts), seed)
        return _Scaled(learner, rounds.reward_range.maximum or 1.0)

    return Contestant(build, most_variants=most_variants)


def _mabwiser(name: str) -> Contestant:
    def make(rounds: SiteRounds, encoder: Encoder, seed: int) -> Learns:
        del rounds
        from mabwiser.mab import LearningPolicy  # noqa: PLC0415 - of these alone

        policies: Any = LearningPolicy
        return Mabwiser(getattr(policies, name)(alpha=ALPHA), encoder, seed)

    return _foreign(make, most_variants=50)


def _river(name: str) -> Contestant:
    def make(rounds: SiteRounds, encoder: Encoder, seed: int) -> Learns:
        del rounds
        from river import bandit, proba  # noqa: PLC0415 - of these alone

        library: Any = bandit
        if name == "LinUCBDisjoint":
            return River(library.LinUCBDisjoint(alpha=ALPHA, seed=seed), encoder)
        rewards: Any = proba
        return River(library.ThompsonSampling(reward_obj=rewards.Beta(), seed=seed))

    return _foreign(make, most_variants=50)


CONTESTANTS: Mapping[str, Contestant] = {
    **{kind: ours({"kind": kind}) for kind in OURS},
    "lgbm": _foreign(
        lambda rounds, encoder, _seed: RetrainedTrees(
            encoder, ActionEncoder(rounds.actions)
        )
    ),
    "logit": _foreign(
        lambda rounds, encoder, seed: LogisticBootstraps(
            encoder, len(rounds.actions), seed
        )
    ),
    "linucb": _mabwiser("LinUCB"),
    "lints": _mabwiser("LinTS"),
    "river-linucb": _river("LinUCBDisjoint"),
    "river-thompson": _river("ThompsonSampling"),
}


def contestant(name: str) -> Contestant:
    """Return a contestant by its name, or one of ours by its spec as JSON.

    Raises:
        KeyError: there is none of the name.
    """
    if name.startswith("{"):
        return ours(json.loads(name))
    return CONTESTANTS[name]
