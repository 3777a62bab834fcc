"""Delays of simulated users, and the delivery of their rewards.

Owns the delays (exponential, heavy tails, capped) and the faults of delivery: lost,
duplicated, reordered. Pure: every draw comes from the generator passed in, and nothing
here waits. Times are seconds since the decision.
"""

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np


class Delay(Protocol):
    """A distribution of waiting times."""

    def draw_s(self, rng: np.random.Generator) -> float:
        """Draw one waiting time in seconds, >= 0."""


@dataclass(frozen=True)
class Exponential:
    """An exponential distribution: most acts are early."""

    mean_s: float
    cap_s: float = math.inf
    """Longer waits are cut to this, in seconds."""

    def draw_s(self, rng: np.random.Generator) -> float:
        """Draw a waiting time with mean `mean_s` before the cap."""
        return min(float(rng.exponential(self.mean_s)), self.cap_s)


@dataclass(frozen=True)
class LogNormal:
    """A log-normal distribution: half within the median, and a heavy tail."""

    median_s: float
    sigma: float
    """Standard deviation of the logarithm; 1.5 puts one in twenty over 12 medians."""
    cap_s: float = math.inf

    def draw_s(self, rng: np.random.Generator) -> float:
        """Draw a waiting time with median `median_s`."""
        wait_s = self.median_s * math.exp(self.sigma * float(rng.standard_normal()))
        return min(wait_s, self.cap_s)


INSTANT = Exponential(0.0)


@dataclass(frozen=True)
class Delivery:
    """One arrival of a reward at the service, in seconds since the decision."""

    occurred_after_s: float
    """When the user acted; equal in every delivery of one reward."""
    arrives_after_s: float
    """When the service receives it; never before the user acted."""


@dataclass(frozen=True)
class Channel:
    """The delivery of a reward from the user's act to the service."""

    acts: Delay = INSTANT
    """From the decision to the user's act."""
    travels: Delay = INSTANT
    """From the act to the service."""
    lost_share: float = 0.0
    duplicated_share: float = 0.0
    """Share of the delivered rewards that arrive twice."""
    overtaken_share: float = 0.0
    """Share that is delayed by `hold_back_s`, so that later acts arrive earlier."""
    hold_back_s: float = 0.0

    def deliveries(self, rng: np.random.Generator) -> list[Delivery]:
        """Draw the arrivals of one reward: none, one or two, by arrival.

        Every call makes the same number of draws, whatever their outcome, so that two
        policies that are simulated with one seed meet the same faults.
        """
        acted_s = self.acts.draw_s(rng)
        travel_s = self.travels.draw_s(rng)
        second_travel_s = self.travels.draw_s(rng)
        lost, duplicated, overtaken = rng.random(3)
        if lost < self.lost_share:
            return []
        held_s = self.hold_back_s if overtaken < self.overtaken_share else 0.0
        arrivals = [acted_s + held_s + travel_s]
        if duplicated < self.duplicated_share:
            arrivals.append(acted_s + held_s + travel_s + second_travel_s)
        return [Delivery(acted_s, arrival_s) for arrival_s in arrivals]
