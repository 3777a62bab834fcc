"""The evidence for each model, and the weights that follow from it.

Owns the discounted progressive squared errors, the weights, the size of the noise and
the running mean of the rewards. All are functions of the learned examples in order, and
scale with the rewards: a declared range has no effect.

    errors     e_q = reward - mean - prediction of model q, before it learned
    losses     L_q <- d L_q + e_q^2 / s^2,  d = 1 - 1 / (horizon + n / 3)
    weights    w_q proportional to c_q exp(-.15 (L_q - least L)), under .01 counted as 0
    noise      s^2 = the discounted mean of (sum_q w_q e_q)^2

n is the age, which starts anew at a change; so do the losses and the mean, nearly.

Exponential weights of the losses are Vovk (1990) and Littlestone and Warmuth (1994); at
.15 the average lies between a Bayesian one (.5 of squared errors in units of the noise)
and equal weights.
"""

import math
from collections.abc import Sequence
from typing import Self

import msgspec

from policies.auto.clock import KEPT, Clock

LEARNING_RATE = 0.15
"""Of the weights; about half way between equal weights and a Bayesian average."""

GROWTH = 3.0
"""The evidence reaches back horizon + age / GROWTH examples."""

LEAST_WEIGHT = 0.01
"""A model of less weight is not served."""


HOPELESS = 7.0
"""The logarithm of a ratio of weights beyond which a model is far from being served."""


LEAST_COUNT = 2
Z95 = 1.959964
"""Deviations of a normal variable within which it is in 95 % of cases."""

Interval = tuple[float | None, float | None]


class Evidence(msgspec.Struct):
    """What is known of the models' errors.

    Attributes:
        losses: of each model; infinite for one that is left out for good.
        loss_squares: of each model, the discounted sum of its losses' squares.
        clock: with the examples learned.
        total: sum of the rewards that are kept, each less the least one possible.
        total_squares: sum of their squares.
        squares: discounted sum of the served average's squared errors.
        examples: discounted number of examples in `squares`.
        shares: sum of the squared shares of those examples.
        resting: of each group of models, whether it learns from few examples.
    """

    losses: list[float]
    loss_squares: list[float]
    clock: Clock = msgspec.field(default_factory=Clock)
    total: float = 0.0
    total_squares: float = 0.0
    squares: float = 0.0
    examples: float = 0.0
    shares: float = 0.0
    resting: list[bool] = []

    @classmethod
    def of(cls, models: int, groups: int = 1) -> Self:
        """Return the evidence for so many models before any example."""
        return cls([0.0] * models, [0.0] * models, resting=[False] * groups)

    @property
    def count(self) -> int:
        """The number of examples learned."""
        return self.clock.count

    @property
    def mean(self) -> float:
        """The mean of the rewards, with one of 0 before all others."""
        return self.total / (self.clock.kept + 1.0)

    @property
    def noise(self) -> float:
        """The deviation of a reward around the served average's prediction.

        The variance of the rewards counts as one error more: it is in the units of the
        rewards, and soon outweighed.
        """
        count = max(self.clock.kept, 1.0)
        mean = self.total / count
        variance = max(self.total_squares / count - mean * mean, 0.0)
        return math.sqrt((self.squares + variance) / (self.examples + 1.0))

    def weights(self, log_priors: Sequence[float]) -> list[float]:
        """Return the weight of each of Q models; they sum to 1.

        Args:
            log_priors: Q logarithms of c_q; a model of less has to earn more.
        """
        least = min(self.losses)
        # Plain floats: arrays of so few entries cost ten times as much.
        weights = [
            math.exp(prior - LEARNING_RATE * (loss - least))
            for prior, loss in zip(log_priors, self.losses, strict=True)
        ]
        least = LEAST_WEIGHT * math.fsum(weights)
        served = [weight if weight >= least else 0.0 for weight in weights]
        total = math.fsum(served)
        return [weight / total for weight in served]

    def relative_errors(self) -> list[tuple[float | None, Interval]]:
        """Return each model's mean squared error over the served average's.

        Returns:
            Mean and 95 % interval by the normal approximation; None and no interval
            for a model that is left out, and before there are two examples.
        """
        found: list[tuple[float | None, Interval]] = []
        for loss, square in zip(self.losses, self.loss_squares, strict=True):
            if self.count < LEAST_COUNT or loss == math.inf:
                found.append((None, (None, None)))
                continue
            mean = loss / self.examples
            variance = max(square / self.examples - mean * mean, 0.0)
            # A discounted mean has the sum of squared shares in place of 1 / n.
            error = math.sqrt(variance * self.shares) / self.examples
            found.append((mean, (mean - Z95 * error, mean + Z95 * error)))
        return found

    def send_to_rest(
        self, groups: Sequence[slice], log_priors: Sequence[float]
    ) -> None:
        """Let those groups of models rest that are all far from being served."""
        ahead = [
            prior - LEARNING_RATE * loss
            for prior, loss in zip(log_priors, self.losses, strict=True)
        ]
        least = max(ahead) - HOPELESS
        self.resting = [max(ahead[models]) < least for models in groups]

    def add(
        self,
        reward: float,
        errors: Sequence[float],
        weights: Sequence[float],
        horizon: float,
        most: float = math.inf,
    ) -> float:
        """Take in one example, and return the error of the served average.

        Args:
            errors: of each of the Q models before it learned.
            weights: of each before the example.
            horizon: examples that the evidence reaches back at least.
            most: examples that count at most.
        """
        share = self.clock.tick(most)
        self.total = self.total * share + reward
        self.total_squares = self.total_squares * share + reward * reward
        keep = 1.0 - 1.0 / min(horizon + self.clock.age / GROWTH, most)
        served = sum(
            weight * error for weight, error in zip(weights, errors, strict=True)
        )
        self._add_losses(errors, served, keep)
        return served

    def _add_losses(self, errors: Sequence[float], served: float, keep: float) -> None:
        self.squares = self.squares * keep + served * served
        self.examples = self.examples * keep + 1.0
        noise = self.noise
        # Equal rewards teach nothing of the models.
        share = 1.0 / (noise * noise) if noise > 0.0 else 0.0
        self.shares = self.shares * keep * keep + 1.0
        squares = [share * error * error for error in errors]
        self.losses = [
            loss * keep + square
            for loss, square in zip(self.losses, squares, strict=True)
        ]
        self.loss_squares = [
            total * keep + square * square
            for total, square in zip(self.loss_squares, squares, strict=True)
        ]

    def change(self) -> None:
        """Start anew, nearly: what came before a change counts little."""
        share = self.clock.change()
        self.total *= share
        self.total_squares *= share
        if self.examples > KEPT:
            share = KEPT / self.examples
            self.losses = [loss * share for loss in self.losses]
            self.loss_squares = [total * share for total in self.loss_squares]
            self.squares *= share
            self.examples = KEPT
            self.shares *= share * share

    def leave_out(self, models: Sequence[int]) -> None:
        """Set the weight of some models to 0 from now on."""
        for model in models:
            self.losses[model] = math.inf
