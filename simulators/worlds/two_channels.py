"""A banner and a mail that say the same: together they add little to either alone.

Owns the chances of this world, the purchases of its units and what is true of a
programme over both channels. Either message brings nearly all that both bring: a part,
measured while the other channel goes on, is small, and the whole is more than twice
the sum of the parts. Whoever adds up parts decides wrongly about both.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

BASE = 0.05
"""The chance of a purchase in a round in which neither channel made its offer."""
BANNER_ALONE = 0.0278
MAIL_ALONE = 0.0279
BOTH = 0.035
"""What the offers add to the chance, alone and together."""
KEEN = 0.25
"""The share of units that buy often."""
FACTOR = {True: 2.2, False: 0.6}
"""What being keen, or not, multiplies each chance by; 1 in the mean."""


@dataclass(frozen=True, slots=True)
class Chances:
    """The chances that a unit of the programme's treatment is made an offer.

    Attributes:
        banner: by the policy of the banner.
        mail: by the policy of the mail.
        banner_holdout: share of units that the banner's own holdout makes none.
        mail_holdout: likewise of the mail.
    """

    banner: float = 1.0
    mail: float = 1.0
    banner_holdout: float = 0.0
    mail_holdout: float = 0.0

    @property
    def served(self) -> tuple[float, float]:
        """Return the shares of rounds with an offer: of the banner, of the mail."""
        return (
            self.banner * (1.0 - self.banner_holdout),
            self.mail * (1.0 - self.mail_holdout),
        )


@dataclass(frozen=True, slots=True)
class Truth:
    """What is true of a programme, in purchases a round of a unit.

    Attributes:
        whole: both channels less neither.
        parts: of each channel: as it is run, its own holdout included, less `nothing`,
            the other one going on.
        interaction: the whole less the sum of the parts.
    """

    whole: float
    parts: dict[str, float]
    interaction: float


@dataclass(frozen=True, slots=True)
class Round:
    """One round of one unit, who meets both channels in it.

    Attributes:
        unit: a number.
        is_keen: the unit buys often.
        buys: uniform in [0, 1); the unit buys if it is below the chance.
    """

    unit: int
    is_keen: bool
    buys: float

    def bought(self, *, banner: bool, mail: bool) -> bool:
        """Return whether the unit buys after these offers."""
        return self.buys < FACTOR[self.is_keen] * mean(float(banner), float(mail))


def mean(banner: float, mail: float) -> float:
    """Return the mean purchases a round where each channel has a chance of an offer."""
    return (
        BASE
        + banner * (1.0 - mail) * BANNER_ALONE
        + (1.0 - banner) * mail * MAIL_ALONE
        + banner * mail * BOTH
    )


def truth(chances: Chances) -> Truth:
    """Return the truth in closed form."""
    banner, mail = chances.served
    parts = {
        "banner": mean(banner, mail) - mean(0.0, mail),
        "mail": mean(banner, mail) - mean(banner, 0.0),
    }
    whole = mean(banner, mail) - mean(0.0, 0.0)
    return Truth(whole, parts, whole - sum(parts.values()))


def rounds(units: int, each: int, rng: np.random.Generator) -> Iterator[Round]:
    """Yield the rounds of a number of units, each of whom comes `each` times.

    All units come once before one comes again.
    """
    first = [Round(unit, bool(rng.random() < KEEN), 0.0) for unit in range(units)]
    for _ in range(each):
        for one, buys in zip(first, rng.random(units).tolist(), strict=True):
            yield replace(one, buys=buys)
