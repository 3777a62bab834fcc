"""Estimate the mean reward of a page under a target policy of slates.

Owns the estimators, which differ in what a slot's reward r may depend on, and so in the
weight that it has. With w_k the target's over the logging probability of slot k given
what stands above it, and P pages,

    slate         r_k may depend on the whole page:       w_1 ... w_K
    cascade       on what stands down to slot k:          w_1 ... w_k
    independent   on what stands in slot k alone:         w_k

    V = 1 / P  sum over pages and slots of  weight_k r_k.

`cascade_sn` divides the cascade's weights of each slot by their mean, which bounds the
estimate by the rewards and narrows it. Where the assumption holds, `slate` and
`cascade` are unbiased. `independent` is the value of changing one slot below what the
logging policy had put above it.

The interval is asymptotic and takes each unit's pages together, as those of one unit
are alike. Its variance is not smaller than one in which rewards don't depend on
weights, since a large weight that has seen no reward says little.

References:
    McInerney, Brost, Chandar, Mehrotra and Carterette (2020), "Counterfactual
    Evaluation of Slate Recommendations with Sequential Reward Interactions", KDD.
    Li, Abbasi-Yadkori, Kveton, Muthukrishnan, Vinay and Wen (2018), "Offline Evaluation
    of Ranking Policies with Click Models", KDD.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from bandit_svc.ope.arrays import FloatArray
from bandit_svc.ope.interval import UNKNOWN, Estimate, Interval
from bandit_svc.ope.slates.pages import Pages

CASCADE: Final = "cascade"
CASCADE_SN: Final = "cascade_sn"
SLATE: Final = "slate"
INDEPENDENT: Final = "independent"
ESTIMATORS: Final = (CASCADE, CASCADE_SN, SLATE, INDEPENDENT)
"""The default first."""
MINIMAL_UNITS = 50


@dataclass(frozen=True, slots=True)
class SlateValue:
    """The value of a target policy by one estimator.

    Attributes:
        value: of a page, in reward units; UNKNOWN where it is refused.
        effective: pages of equal weight that the slot with the fewest is worth.
        mean_weight: of the last slot of each page, near 1.
        max_weight: the largest weight.
    """

    value: Estimate
    effective: float
    mean_weight: float
    max_weight: float


def slate_values(pages: Pages, z: float) -> Mapping[str, SlateValue]:
    """Return the value by each estimator, by name.

    Args:
        pages: of one logging policy's own draws.
        z: half width of an interval in standard errors: 1.96 for one look at 95 %, and
            for every look the boundary of sequences/asymptotic.py at U units, times the
            root of U.
    """
    return {
        CASCADE: _value(pages, pages.down_to, z, normalised=False),
        CASCADE_SN: _value(pages, pages.down_to, z, normalised=True),
        SLATE: _value(pages, pages.whole, z, normalised=False),
        INDEPENDENT: _value(pages, pages.ratio, z, normalised=False),
    }


def _value(
    pages: Pages, weight: FloatArray, z: float, *, normalised: bool
) -> SlateValue:
    at, n = pages.slot, np.bincount(pages.slot).astype(np.float64)
    total = np.bincount(at, weight)
    squares = np.bincount(at, weight**2)
    worth = total**2 / np.where(squares > 0, squares, 1.0)
    # All slots of one page count as one unit's, so fewer units are worth less.
    effective = float(worth.min()) * min(1.0, pages.units / pages.pages)
    last = np.r_[pages.page[1:] != pages.page[:-1], True]
    found = UNKNOWN
    if effective >= MINIMAL_UNITS:
        scale = n / total if normalised else np.ones(n.size)
        terms = weight * scale[at] * pages.reward
        estimate = float(terms.sum()) / pages.pages
        centred = terms
        if normalised:
            means = np.bincount(at, terms) / n
            centred = weight * scale[at] * (pages.reward - means[at]) + means[at]
        error = max(
            _squared_error(pages, centred, estimate),
            _floor(pages, weight * scale[at], n),
        )
        half = z * float(np.sqrt(error))
        found = Estimate(estimate, Interval(estimate - half, estimate + half))
    return SlateValue(found, effective, float(weight[last].mean()), float(weight.max()))


def _squared_error(pages: Pages, terms: FloatArray, estimate: float) -> float:
    """Return the squared error of a mean of a page, with units as what is drawn."""
    of_page = np.bincount(pages.page, terms, pages.pages) - estimate
    of_unit = np.bincount(pages.unit, of_page, pages.units)
    few = pages.units / max(pages.units - 1, 1)
    return float((of_unit**2).sum()) / pages.pages**2 * few


def _floor(pages: Pages, weight: FloatArray, n: FloatArray) -> float:
    """Return the squared error as if no reward depended on its weight."""
    at, reward = pages.slot, pages.reward
    total = np.bincount(at, weight)
    safe = np.where(total > 0, total, 1.0)
    means = np.bincount(at, weight * reward) / safe
    spread = np.bincount(at, weight * reward**2) / safe - means**2
    # With no reward seen yet, as if half of an effective page had had the largest one.
    least = 0.5 * float(np.abs(reward).max()) ** 2
    squares = np.bincount(at, weight**2)
    unseen = least * squares / safe**2
    share = (n / pages.pages) ** 2
    variance = np.maximum(np.maximum(spread, 0.0), unseen)
    return float((share * variance * squares / n**2).sum())
