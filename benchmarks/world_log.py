"""Write a store that holds a world's log, as quickly as the store takes it.

Owns the shortcut past HTTP and the event log: decisions and rewards go straight into
the store's own ingestion and join. The logging policy learns every LEARN_EVERY
decisions, as the learner's does when it publishes.
"""

from contextlib import closing
from pathlib import Path

import numpy as np

from bandit_svc.domain.events.decision import Decision
from bandit_svc.domain.events.event import Event, encode_event
from bandit_svc.domain.events.reward import Reward
from bandit_svc.domain.experiment import Experiment, Group
from bandit_svc.services.learning.definitions import Definitions
from bandit_svc.services.learning.join import join
from bandit_svc.services.managing import lifecycle
from bandit_svc.storage.factory import open_storage
from bandit_svc.storage.rows import Arrival, ClosingRule
from policies.base import Context
from policies.pmf import mix_floor, sample
from policies.spec import build_policy
from simulators.environment import World

LEARN_EVERY = 50
WINDOW_MS = 1_000
START_MS = 1_790_000_000_000
RULE = ClosingRule(WINDOW_MS, WINDOW_MS, on_first_reward=False)
BATCH = 2_000


def write_world_log(
    folder: Path,
    world: World,
    rounds: int,
    seed: int,
    *,
    noise_values: int = 0,
    every_ms: int = 1,
    **definition: object,
) -> Experiment:
    """Make a store with an experiment of a world and its joined decisions.

    Args:
        noise_values: if above 0, every context has a key `noise` of that many values
            that mean nothing.
        every_ms: time from one decision to the next.
        definition: fields over the world's own definition.
    """
    with closing(open_storage(folder)) as storage:
        storage.migrate()
        storage.initialise(bytes(32), START_MS)
        body = {**world.experiment(), **definition}
        body["reward"] = {**body.get("reward", {}), "window_seconds": WINDOW_MS / 1000}
        made = lifecycle.convert_definition(body)
        experiment = lifecycle.create(storage, made, "salt", START_MS)
        play = _Play(world, experiment, seed, noise_values, every_ms)
        definitions = Definitions(storage.experiments)
        for first in range(0, rounds, BATCH):
            events = play.events(first, min(BATCH, rounds - first))
            arrivals = [Arrival(encode_event(one), one, RULE) for one in events]
            storage.facts.ingest(arrivals, {})
            ends_ms = START_MS + (first + BATCH) * every_ms + 2 * WINDOW_MS
            join(storage.joins, definitions, ends_ms, ends_ms)
        return experiment


class _Play:
    """A policy that decides, and learns in steps, for visitors of a world."""

    def __init__(
        self,
        world: World,
        experiment: Experiment,
        seed: int,
        noise_values: int,
        every_ms: int,
    ) -> None:
        self._world, self._experiment = world, experiment
        self._rng = np.random.default_rng([17, seed])
        self._noise_values, self._every_ms = noise_values, every_ms
        self._policy = build_policy(experiment.definition.policy, world.reward_range)
        self._waiting: list[tuple[Context, int, float, float]] = []

    def events(self, first: int, count: int) -> list[Event]:
        """Play some rounds; give their decisions and rewards."""
        found: list[Event] = []
        for number in range(first, first + count):
            decision, reward = self._round(number)
            found.append(decision)
            if reward:
                at_ms = START_MS + number * self._every_ms + 1
                found.append(Reward(decision.id, 1, reward, "", at_ms, at_ms))
        return found

    def _round(self, number: int) -> tuple[Decision, float]:
        definition = self._experiment.definition
        actions, rng = self._world.actions, self._rng
        context = dict(self._world.draw_context(rng, number))
        if self._noise_values:
            context["noise"] = f"n{rng.integers(self._noise_values)}"
        group: Group = "baseline" if rng.random() < definition.holdout else "treatment"
        pmf = [1.0] + [0.0] * (len(actions) - 1)
        if group == "treatment":
            served = self._policy.pmf(context, actions)
            pmf = mix_floor(served, definition.exploration_floor)
        chosen = sample(pmf, float(rng.random()))
        expected = self._world.expected_reward(context, actions[chosen].key, number)
        reward = float(rng.random() < expected)
        if group == "treatment":
            self._waiting.append((context, chosen, pmf[chosen], reward))
        if len(self._waiting) == LEARN_EVERY:
            for past, action, propensity, earned in self._waiting:
                self._policy.learn(past, actions, action, propensity, earned)
            self._waiting.clear()
        decision = Decision(
            id=f"{number:08d}",
            experiment=self._experiment.key,
            number=self._experiment.number,
            revision=1,
            decided_at_ms=START_MS + number * self._every_ms,
            group=group,
            context=context,
            variants=tuple(action.key for action in actions),
            pmf=tuple(pmf),
            chosen=chosen,
            propensity=pmf[chosen],
            model_version=0,
        )
        return decision, reward
