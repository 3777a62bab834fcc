"""The one module that calls Vowpal Wabbit.

Owns workspaces: making, feeding, saving, loading and finishing them. No other file
imports vowpalwabbit. A workspace holds the GIL in its calls and is not thread-safe;
the caller holds one lock per policy, and forks before it builds a policy.
"""

import os
import struct
import tempfile
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from vowpalwabbit import Example, Workspace

from policies.base import Action, PolicyError
from policies.vw.examples import ExampleWriter, shared_line

MEMORY_FOLDER = "/dev/shm"  # noqa: S108 - a private folder is made in it


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


class Model:
    """A workspace, the examples that it keeps, and the counts of what it was fed."""

    def __init__(self, arguments: Sequence[str], seed: int = 0) -> None:
        self._arguments = list(arguments)
        # A loaded model has its own seed and refuses another one.
        self._seed = ["--random_seed", str(seed)]
        self._writer = ExampleWriter()
        # Made on first use: a model that is replaced by a loaded one never uses it,
        # and making one costs as much time and memory as loading.
        self._made: Workspace | None = None
        self._last_actions: Sequence[Action] | None = None
        self._kept: list[Example] = []
        self._hand_back: weakref.finalize[..., Model] | None = None
        self._learned_count = 0
        self._predicted_count = 0

    def predicted(self, shared: str, actions: Sequence[Action]) -> list[float]:
        """Return what Vowpal Wabbit predicts for each action; nothing is learned.

        Args:
            shared: the line of the context.
            actions: shape (K,).
        """
        kept = self._examples_of(actions)
        text = shared if kept else self._writer.unlabelled(shared, actions)
        self._predicted_count += 1
        return _predicted(self._workspace, text, kept)

    def predicted_of_all(
        self, shared: str, lists: Sequence[Sequence[Action]]
    ) -> list[float]:
        """Return what `predicted` returns for each list, one after the other.

        Of a regression (`--cb_adf`) alone: it predicts each action by itself.
        """
        text = "\n".join([shared, *map(self._writer.kept_lines, lists)])
        self._predicted_count += 1
        return _predicted(self._workspace, text, ())

    def learn(
        self,
        shared: str,
        actions: Sequence[Action],
        chosen: int,
        propensity: float,
        label: float,
        passes: int = 1,
    ) -> None:
        """Learn from one example; see `ExampleWriter.labelled`."""
        text = self._writer.labelled(shared, actions, chosen, propensity, label)
        for _ in range(passes):
            _learn(self._workspace, text)
            self._learned_count += 1

    def predicted_and_learned(
        self,
        shared: str,
        actions: Sequence[Action],
        chosen: int,
        propensity: float,
        label: float,
    ) -> list[float]:
        """Learn from one example, and return what was predicted before.

        Of a regression (`--cb_adf`) alone: it predicts to learn.
        """
        text = self._writer.labelled(shared, actions, chosen, propensity, label)
        scores = _predicted_and_learned(self._workspace, text)
        self._learned_count += 1
        return scores

    def read(self, actions: Sequence[Action]) -> None:
        """Read actions that are learned next.

        Raises:
            PolicyError: a feature is refused.
        """
        self._writer.read(actions)

    def dump(self) -> bytes:
        """Return the model as Vowpal Wabbit saves it, without prediction counters."""
        return without_predictions(
            _saved(self._workspace), self._learned_count, self._predicted_count
        )

    def loaded(self, model: bytes, learned_count: int) -> "Model":
        """Return a model of the same arguments that goes on from a dump.

        Raises:
            PolicyError: Vowpal Wabbit refuses the bytes.
        """
        new = Model(self._arguments)
        new._made, new._learned_count = _loaded(self._arguments, model), learned_count
        return new

    def finish(self) -> None:
        """Finish the workspace; the model must not be used any more."""
        self._forget_examples()
        made, self._made = self._made, None
        if made is not None:
            made.finish()

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


def _predicted_and_learned(workspace: Workspace, text: str) -> list[float]:
    examples = workspace._parse(text)  # noqa: SLF001 - see _predicted
    try:
        workspace.learn_multi(examples)
        scores: list[float] = examples[0].get_action_scores()
    finally:
        workspace._finish_example_multi_ex(examples)  # noqa: SLF001 - see _predicted
    return scores


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
