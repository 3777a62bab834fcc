"""Hold logged pages, one row a slot, and the weights of their slots.

Owns the arrays that estimates of slates read, and their checks. A slot's ratio is the
target policy's probability of what was shown there over the logging policy's, both
given what stands above it. So the product of the ratios down to a slot is the weight of
all that a viewer has seen by then.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bandit_svc.ope.arrays import FloatArray, IntArray
from bandit_svc.ope.errors import LoggedDataError, NoDataError


@dataclass(frozen=True, slots=True, eq=False)
class Pages:
    """Slots of pages in the order of the pages and then of the slots; n rows.

    Attributes:
        page: (n,), the number of the page, 0 .. P - 1.
        slot: (n,), the number of the slot on its page, from 0.
        reward: (n,), what the slot adds to its page, in reward units.
        ratio: (n,), target over logging probability of the slot, 0 or more.
        down_to: (n,), the product of the ratios from the first slot to this one.
        whole: (n,), the product over all slots of the page.
        unit: (P,), the number of each page's unit, 0 .. U - 1.
    """

    page: IntArray
    slot: IntArray
    reward: FloatArray
    ratio: FloatArray
    down_to: FloatArray
    whole: FloatArray
    unit: IntArray

    @property
    def pages(self) -> int:
        """The number of pages."""
        return self.unit.size

    @property
    def units(self) -> int:
        """The number of units."""
        return int(self.unit.max()) + 1

    @classmethod
    def of(
        cls,
        page: npt.ArrayLike,
        slot: npt.ArrayLike,
        reward: npt.ArrayLike,
        ratio: npt.ArrayLike,
        unit: npt.ArrayLike | None = None,
    ) -> "Pages":
        """Arrange slots by page.

        Args:
            page: (n,), any number for a page.
            slot: (n,), numbers that grow from the top of each page.
            reward: (n,), finite.
            ratio: (n,), 0 or more.
            unit: (n,), any number for the unit of each row; each page is a unit of its
                own where it is left out.

        Raises:
            NoDataError: there are no slots.
            LoggedDataError: an array has another length, or a value is impossible.
        """
        names, pages = np.unique(np.asarray(page), return_inverse=True)
        slots = np.asarray(slot, dtype=np.int64)
        rewards = np.asarray(reward, dtype=np.float64)
        ratios = np.asarray(ratio, dtype=np.float64)
        if pages.size == 0:
            raise NoDataError("a value of slates needs at least one page; got 0")
        if not pages.size == slots.size == rewards.size == ratios.size:
            raise LoggedDataError(
                f"there are {pages.size} pages, {slots.size} slots, {rewards.size} "
                f"rewards and {ratios.size} ratios; they must be one each a slot"
            )
        if not (np.isfinite(rewards).all() and np.isfinite(ratios).all()):
            raise LoggedDataError("each reward and each ratio must be a finite number")
        if ratios.min() < 0:
            raise LoggedDataError(f"a ratio is {ratios.min()}; it must be 0 or more")
        order = np.lexsort((slots, pages))
        pages, rewards, ratios = pages[order], rewards[order], ratios[order]
        begins = np.r_[True, pages[1:] != pages[:-1]]
        start = np.maximum.accumulate(np.where(begins, np.arange(pages.size), 0))
        place = np.arange(pages.size) - start
        down_to = _products(ratios, place)
        last = np.r_[np.flatnonzero(begins)[1:], pages.size] - 1
        units = np.arange(names.size)
        if unit is not None:
            of_row = np.asarray(unit)[order]
            _, units = np.unique(of_row[np.flatnonzero(begins)], return_inverse=True)
        return cls(pages, place, rewards, ratios, down_to, down_to[last][pages], units)


def _products(ratio: FloatArray, place: IntArray) -> FloatArray:
    """Return the products of ratios from the top of each page down to each slot."""
    found = ratio.copy()
    # One pass a slot, so that no page's product depends on another page's rounding.
    for at in range(1, int(place.max()) + 1):
        rows = np.flatnonzero(place == at)
        found[rows] = found[rows - 1] * ratio[rows]
    return found
