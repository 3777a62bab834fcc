"""The one module that calls Vowpal Wabbit.

Owns workspaces: making, feeding, saving, loading and finishing them. No other file
imports vowpalwabbit. A workspace holds the GIL in its calls and is not thread-safe;
the caller holds one lock per policy, and forks before it builds a policy.
"""

import math
import os
import struct
import tempfile
import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from vowpalwabbit import Example, Workspace

from policies.base import (
    Action,
    Context,
    PolicyError,
    RewardRange,
    check_actions,
    check_example,
)
from policies.envelope import seal, spec_digest, unseal
from policies.vw import explorers as vw_explorers
from policies.vw.examples import ExampleWriter, shared_line
from policies.vw.inverse_gap import inverse_gap
from policies.vw.scales import RangeScale, RunningScale, Scale

MEMORY_FOLDER = "/dev/shm"  # noqa: S108 - a private folder is made in it

SUM_TOLERANCE = 1e-3
"""Vowpal Wabbit's probabilities are float32; a larger error of their sum is a fault."""

_COUNT = struct.Struct(">Q")


class _Counters(NamedTuple):
    """The counters in a saved model, in their order; little-endian."""

    time: float
    losses: bytes
    labelled: float
    labels: float
    unlabelled: float
    examples: int
    features: int


_COUNTERS = struct.Struct("<d28sdddQQ")
_COUNTERS_BEFORE = struct.calcsize("<d28sdd")


class VwPolicy:
    """A contextual bandit learned by Vowpal Wabbit, with action features."""

    def __init__(self, spec: Mapping[str, Any], reward_range: RewardRange) -> None:
        self._arguments = vw_explorers.command_line(spec)
        self._passes: int = spec["passes"]
        self._digest = spec_digest(spec, reward_range)
        running = vw_explorers.is_running(spec)
        self._scale: Scale = (RunningScale if running else RangeScale)(reward_range)
        # Of inverse-gap weighting, where it is not Vowpal Wabbit that does it.
        self._gamma_scale: float | None = (
            spec["gamma_scale"] if vw_explorers.weighs_gaps(spec) else None
        )
        self._writer = ExampleWriter()
        # A loaded model has its own seed and refuses another one.
        self._seed = ["--random_seed", str(spec["seed"])]
        # Made on first use: a policy that is loaded never uses this workspace, and
        # making one costs as much time and memory as loading a model.
        self._made: Workspace | None = None
        self._last_actions: Sequence[Action] | None = None
        self._kept: list[Example] = []
        self._hand_back: weakref.finalize[..., VwPolicy] | None = None
        self._learned_count = 0
        self._predicted_count = 0

    def pmf(self, context: Context, actions: Sequence[Action]) -> list[float]:
        """Return Vowpal Wabbit's probabilities, normalised in float64.

        Raises:
            PolicyError: there is no action, a feature is refused, or the model
                returns no distribution.
        """
        check_actions(len(actions))
        kept = self._examples_of(actions)
        text = self._scale.shared_line(context)
        if not kept:
            text = self._writer.unlabelled(text, actions)
        self._predicted_count += 1
        scores = _predicted(self._workspace, text, kept)
        if self._gamma_scale is None:
            return distribution(scores, len(actions))
        return inverse_gap(scores, self._gamma_scale, self._learned_count)

    def learn(
        self,
        context: Context,
        actions: Sequence[Action],
        chosen: int,
        propensity: float,
        reward: float,
    ) -> None:
        """Learn from one joined decision, `passes` times."""
        check_example(len(actions), chosen, propensity)
        shared, label = self._scale.learned(context, reward)
        text = self._writer.labelled(shared, actions, chosen, propensity, label)
        for _ in range(self._passes):
            _learn(self._workspace, text)
        self._learned_count += 1

    def dump(self) -> bytes:
        """Return the model as Vowpal Wabbit saves it, without prediction counters."""
        model = without_predictions(
            _saved(self._workspace),
            self._learned_count * self._passes,
            self._predicted_count,
        )
        head = _COUNT.pack(self._learned_count) + self._scale.dump()
        return seal(self._digest, head + model)

    def load(self, state: bytes) -> None:
        """Replace the workspace by one that starts from the dumped model."""
        payload = unseal(self._digest, state)
        (learned_count,) = _COUNT.unpack_from(payload)
        model, scale = self._scale.loaded(payload[_COUNT.size :])
        loaded = _loaded(self._arguments, model)
        self._forget_examples()
        self._scale = scale
        replaced, self._made = self._made, loaded
        self._learned_count, self._predicted_count = learned_count, 0
        if replaced is not None:
            replaced.finish()

    def _examples_of(self, actions: Sequence[Action]) -> list[Example]:
        """Return the parsed lines of actions that come again; none at the first time.

        In a service nearly every request is about the same tuple, whose lines take
        longer to parse than the context's.
        """
        if actions is not self._last_actions:
            self._forget_examples()
            # Only a tuple is sure not to have changed by the next call.
            self._last_actions = actions if type(actions) is tuple else None
        elif not self._kept:
            workspace = self._workspace
            self._kept = workspace._parse(self._writer.lines(actions))  # noqa: SLF001 - see _predicted
            # Also when the policy is dropped: examples that are not finished leak.
            self._hand_back = weakref.finalize(
                self, _finish_kept, workspace, self._kept
            )
        return self._kept

    def _forget_examples(self) -> None:
        if self._hand_back is not None:
            self._hand_back()
            self._predicted_count += 1
            self._kept, self._hand_back = [], None

    @property
    def _workspace(self) -> Workspace:
        if self._made is None:
            self._made = Workspace(arg_list=[*self._arguments, *self._seed])
        return self._made


def _predicted(workspace: Workspace, text: str, kept: Sequence[Example]) -> list[float]:
    """Return the probability of each action, as `Workspace.predict` does.

    `predict` wraps each line's example in a Python object and checks its types, which
    costs three times as much as parsing and predicting.

    Args:
        kept: examples that follow those of the text; the caller finishes them.
    """
    examples = workspace._parse(text)  # noqa: SLF001 - what `predict` itself calls
    try:
        workspace.predict_multi([*examples, *kept])
        scores: list[float] = examples[0].get_action_scores()
    finally:
        # Examples that are not finished leak memory.
        workspace._finish_example_multi_ex(examples)  # noqa: SLF001 - see above
    return scores


def _finish_kept(workspace: Workspace, kept: Sequence[Example]) -> None:
    """Finish examples of actions as what they must be: the rest of one predicted on.

    Vowpal Wabbit reads a prediction from the first of the examples that it finishes,
    and these have none.
    """
    examples = [*workspace._parse(shared_line({})), *kept]  # noqa: SLF001 - see _predicted
    workspace.predict_multi(examples)
    workspace._finish_example_multi_ex(examples)  # noqa: SLF001 - see _predicted


def _learn(workspace: Workspace, text: str) -> None:
    """Learn as `Workspace.learn` does, without its wrapping; see `_predicted`."""
    examples = workspace._parse(text)  # noqa: SLF001 - what `learn` itself calls
    try:
        workspace.learn_multi(examples)
    finally:
        workspace._finish_example_multi_ex(examples)  # noqa: SLF001 - see above


def distribution(scores: list[float], n_actions: int) -> list[float]:
    """Normalise float32 probabilities in float64.

    Raises:
        PolicyError: the number of entries is not that of the actions, an entry is
            negative or not finite, or the sum is far from 1.
    """
    if len(scores) != n_actions:
        raise PolicyError(
            f"the model returned {len(scores)} probabilities for {n_actions} actions"
        )
    total = math.fsum(scores)
    # A NaN fails both comparisons too.
    if not (abs(total - 1.0) <= SUM_TOLERANCE and min(scores) >= 0.0):
        raise PolicyError(
            f"the model returned probabilities with the sum {total} and the minimum "
            f"{min(scores)}: its state is broken; train it from the log again"
        )
    return [score / total for score in scores]


def without_predictions(
    model: bytes, learned_count: int, predicted_count: int
) -> bytes:
    """Return the model as if nothing had been predicted since it was loaded.

    Four counters of a saved model grow with each prediction, although no weight
    depends on them; with them, equal states would not have equal bytes. Their offset
    differs between explorers; it is found by the values that they must have.

    Raises:
        PolicyError: the counters are not where this version of Vowpal Wabbit
            writes them.
    """
    seen_count = learned_count + predicted_count
    search = struct.pack("<dQ", predicted_count, seen_count)
    at = model.find(search)
    while at >= 0:
        start = at - _COUNTERS_BEFORE
        if start >= 0:
            counters = _Counters(*_COUNTERS.unpack_from(model, start))
            if counters.time == seen_count and counters.labelled == learned_count:
                clean = counters._replace(
                    time=learned_count, unlabelled=0, examples=learned_count, features=0
                )
                end = start + _COUNTERS.size
                return model[:start] + _COUNTERS.pack(*clean) + model[end:]
        at = model.find(search, at + 1)
    raise PolicyError(
        "the saved model does not hold its counters where Vowpal Wabbit 9.11 writes "
        "them: install the version in requirements.lock"
    )


def _saved(workspace: Workspace) -> bytes:
    # Vowpal Wabbit writes to NAME.writing and renames it, so the path of a file
    # descriptor can't be used.
    folder = MEMORY_FOLDER if Path(MEMORY_FOLDER).is_dir() else None
    with tempfile.TemporaryDirectory(prefix="bandit-", dir=folder) as name:
        path = Path(name) / "model"
        workspace.save(path)
        return path.read_bytes()


def _loaded(arguments: list[str], model: bytes) -> Workspace:
    descriptor = os.memfd_create("bandit-model")
    try:
        os.write(descriptor, model)
        path = f"/proc/self/fd/{descriptor}"
        return Workspace(arg_list=[*arguments, "-i", path])
    except RuntimeError as error:
        raise PolicyError(f"Vowpal Wabbit refused the saved model: {error}") from error
    finally:
        os.close(descriptor)
