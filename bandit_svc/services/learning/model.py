"""A policy in training.

Owns what a model has learned from (spans of the joined order) and how it goes
on; services.learning.train decides when, and publishes.
"""

from typing import Any

import msgspec

from bandit_svc.domain.experiment import Definition
from bandit_svc.domain.model_version import ModelVersion, Span, cursor_of
from bandit_svc.domain.times import Deadline
from bandit_svc.services.learning.examples import JoinedExamples
from bandit_svc.services.policy_inputs import policy_of
from policies.base import Policy


class Model(msgspec.Struct):
    """A spec, its trained state, and the joined positions behind it."""

    spec: dict[str, Any]
    policy: Policy
    spans: tuple[Span, ...] = ()
    learned: int = 0

    @property
    def cursor(self) -> int:
        """The last joined position that this model has seen."""
        return cursor_of(self.spans)


def fresh_model(definition: Definition) -> Model:
    """Build an untrained model of the current spec."""
    policy = policy_of(definition, definition.policy)
    return Model(spec=definition.policy, policy=policy)


def model_of(definition: Definition, published: ModelVersion) -> Model:
    """Build the model of a model version, to be trained on.

    Raises:
        PolicyError: the bytes are damaged.
    """
    meta = published.meta
    policy = policy_of(definition, meta.policy, published.state)
    return Model(
        spec=meta.policy, policy=policy, spans=meta.spans, learned=meta.learned
    )


def catch_up(
    model: Model,
    target: tuple[Span, ...],
    examples: JoinedExamples,
    time_is_up: Deadline,
) -> bool:
    """Train a model through the spans of another one, for a while.

    Args:
        target: spans to reach; the model's own are a beginning of them.
        time_is_up: asked after each batch; the first one is always learned.

    Returns:
        Whether the target was reached.
    """
    while model.spans != target:
        index = max(0, len(model.spans) - 1)
        if model.spans and model.spans[index][1] >= target[index][1]:
            index += 1
        first, last = target[index]
        position = model.spans[index][1] if index < len(model.spans) else first
        done = model.spans[:index]
        model.spans = (*done, (first, position))
        for rows in examples.rows((position, last)):
            for row in rows:
                model.learned += examples.learn(model.policy, row)
            model.spans = (*done, (first, rows[-1].position))
            if time_is_up():
                return model.spans == target
        model.spans = (*done, (first, last))
    return True
