"""The models of `auto`: which columns each has, and its prior.

Owns the list. Prior deviations are in deviations of the noise. The first model is
nearly context-free; the two that forget fast are for rewards that change; hats are for
curved numbers; products of features for what only counts together.
"""

from collections.abc import Mapping

import msgspec

from policies.auto.columns import MOST_HATS, MOST_PLAIN, SHARED_COLUMNS, Reads
from policies.auto.regressions import Packed, Prior, Regressions

_PLAIN = 1 + SHARED_COLUMNS + MOST_PLAIN


PRODUCTS_LOG_PRIOR = -2.0
"""Products are many and most worlds have no use for them: they have to earn more."""

VW_LOG_PRIOR = -2.0
"""The same of Vowpal Wabbit's model, whose weights are free until they have learned."""


class Stack(msgspec.Struct, frozen=True):
    """Models of the same columns.

    Attributes:
        reads: of a row.
        most_columns: the most columns of the contexts that its models have.
        priors: by the name of the model.
        log_prior: logarithm of the share of each model before any evidence.
    """

    reads: Reads
    most_columns: int
    priors: Mapping[str, Prior]
    log_prior: float = 0.0

    def untrained(self) -> Regressions:
        """Return the models before they have learned."""
        return Regressions(tuple(self.priors.values()), self.most_columns)

    def unpacked(self, packed: Packed) -> Regressions:
        """Return the models of a dump."""
        priors = tuple(self.priors.values())
        return Regressions.unpacked(packed, priors, self.most_columns)


STACKS: tuple[Stack, ...] = (
    Stack(
        Reads.PLAIN,
        _PLAIN,
        {
            "nearly context-free": Prior(0.1, 0.03, 3.0),
            "features": Prior(0.3, 0.1, 3.0),
            "features, forgetting": Prior(0.3, 0.2, 20.0),
            "features, forgetting fast": Prior(0.3, 0.3, 40.0),
        },
    ),
    Stack(
        Reads.HATS,
        _PLAIN + MOST_HATS,
        {"curves": Prior(0.3, 0.2, 3.0)},
    ),
    # One model a stack: their matrices are wide, and where one serves, the other mostly
    # rests.
    Stack(
        Reads.PRODUCTS,
        256,
        {"pairs": Prior(0.3, 0.1, 3.0)},
        log_prior=PRODUCTS_LOG_PRIOR,
    ),
    Stack(
        Reads.PRODUCTS,
        256,
        {"pairs, free": Prior(1.0, 1.0, 3.0)},
        log_prior=PRODUCTS_LOG_PRIOR,
    ),
)

PAIRED = slice(2, 4)
"""The places of the stacks whose models have products of features."""


def log_priors() -> list[float]:
    """Return the logarithm of each model's share before any evidence."""
    priors = [stack.log_prior for stack in STACKS for _ in stack.priors]
    return [*priors, 0.0, VW_LOG_PRIOR]


def model_names() -> list[str]:
    """Return the name of each model, in the order of their weights."""
    names = [name for stack in STACKS for name in stack.priors]
    return [*names, "shared", "Vowpal Wabbit"]


def forgetting_rates() -> list[float]:
    """Return how fast each model forgets: times the deviation of its constant."""
    priors = [prior for stack in STACKS for prior in stack.priors.values()]
    return [*(prior.forgetting * prior.intercept for prior in priors), 0.0, 0.0]
