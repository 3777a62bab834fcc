"""Pause, resume, advance or roll back a split by hand.

Owns what each command needs, and the sentence when it can't be done.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

from bandit_svc.domain.splits.split import MAX_REASON, Split, State
from bandit_svc.domain.splits.step import Kind, Step
from bandit_svc.errors import Conflict, FieldError, InvalidInput
from bandit_svc.services.learning.splits.comparison import evidence_now
from bandit_svc.services.managing.splits.taking import Asked, take_step
from bandit_svc.storage.interface import Storage

Command = Literal["pause", "resume", "advance", "roll_back"]
_COMMANDS: Mapping[Command, tuple[Kind, tuple[State, ...]]] = MappingProxyType(
    {
        "pause": ("paused", ("running",)),
        "resume": ("resumed", ("paused",)),
        "advance": ("advanced", ("running", "paused")),
        "roll_back": ("rolled_back", ("training", "running", "paused")),
    }
)
"""The step of each command, and the states that it fits."""


def command_split(
    storage: Storage, key: str, command: Command, reason: str, who: str, now_ms: int
) -> Step:
    """Take a step of the split that an experiment has now.

    Args:
        storage: the service's.
        key: of the experiment.
        command: what to do.
        reason: why, kept with the step; may be empty.
        who: asks for it.
        now_ms: the time.

    Raises:
        InvalidInput: the reason is too long.
        NotFound: there is no experiment of that key.
        Conflict: it has no split, or the command doesn't fit its state, or somebody
            changed the experiment at the same moment.
    """
    if len(reason) > MAX_REASON:
        raise InvalidInput.at(
            "/reason",
            f"reason has {len(reason)} characters; at most {MAX_REASON} are allowed",
        )
    experiment = storage.experiments.get(key)
    split = experiment.definition.split
    if split is None:
        raise _refused(
            f"experiment {key!r} has no split now; PATCH it with a split to begin one"
        )
    kind = _kind(split, command)
    evidence = evidence_now(storage, experiment)
    asked = Asked(kind, reason or f"{command} was asked for", evidence, who)
    return take_step(storage, experiment, split, asked, now_ms)


def _kind(split: Split, command: Command) -> Kind:
    """Return the kind of the step that a command is."""
    kind, states = _COMMANDS[command]
    if split.state not in states:
        raise _refused(
            f"the split is {split.state}; {command} needs one that is "
            f"{' or '.join(states)}. One in training starts by itself"
        )
    if kind == "advanced" and split.next_share is None:
        raise _refused(
            f"the ramp ends at {split.ramp[-1]:g} and the share is {split.share:g}; "
            "PATCH the experiment's split with a longer ramp"
        )
    return kind


def _refused(sentence: str) -> Conflict:
    return Conflict(sentence, FieldError("/action", sentence))
