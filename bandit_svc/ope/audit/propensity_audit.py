"""Test whether logged propensities are the probabilities of the logged actions.

Owns the bets against a log's propensities. Each bet is a product over rounds whose
factor has mean 1 if the propensity is true given the past; so is their weighted average
E, and by Ville's inequality a true log ever brings E to 1 / a with a probability of at
most a. So p = 1 / (largest E so far) may be read at every look, under policies that
learn, and for all bets at once.

With the whole pmf of each round, the bets are likelihood ratios of tilted pmfs
(Grunwald, de Heide and Koolen 2024, "Safe testing"): some actions chosen more often
than logged, in all contexts or in a cell of them; choices sharper or flatter than
logged; propensities in a bin that come true too often or too rarely. With only the
propensity of the logged action, they bet on weights: the mean of 1[action = a] /
propensity is 1 for each action a, and that of 1 / propensity is K.

Of 200 logs of 5,000 decisions (`benchmarks/truth`) it finds at least 97.5 %
of those with 10 % of choices overridden, with an argmax that decided while a softmax
was logged, and with half of the traffic from another policy, for 3 and 10 variants; and
flags at most 0.5 % of true ones. That holds where it gets nothing but propensities (no
pmf, floor or contexts) too: the bet of possible_chances.py then finds 96 % of the
argmax logs.
"""

import itertools
import math
from dataclasses import dataclass, field

import numpy as np

from bandit_svc.ope.arrays import FloatArray, IntArray
from bandit_svc.ope.audit.possible_chances import PossibleChances
from bandit_svc.ope.errors import LoggedDataError

TILTS = np.array([0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2])
TILTS = np.concatenate([-TILTS[::-1], TILTS])
POWERS = np.array([-0.8, -0.4, -0.2, -0.1, -0.05, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2])
BINS = np.array([0.0, 0.02, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 0.95])
"""Lower ends of the bins of propensities; the last one ends at 1."""
STAKES = np.array([0.003, 0.01, 0.03, 0.1, 0.3, 1.0])
SHARES = np.array([0.01, 0.02, 0.05, 0.1, 0.2, 0.4])
"""Bets that a mean is higher, as sizes of bets.py; that it is lower, as shares of the
stake at which the largest weight would lose everything."""
MOST_PLACES = 6
IMPOSSIBLE = "actions of these propensities leave a rest that hardly ever comes"
CHUNK = 250
LOOKS = 40
"""Rounds between looks at E, or 1 / LOOKS of all rounds before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """Logged actions, and the probabilities that were logged with them.

    Attributes:
        action: (n,), indices in 0 .. K - 1.
        n_actions: K, over the whole log.
        propensity: (n,), of the logged action.
        pmf: (n, K), the logged pmf, 0 for actions that were not eligible; or None,
            and then the audit has less power.
        eligible_count: (n,), the number of eligible actions; None if always K.
            Not used with `pmf`.
        min_propensity: the least propensity of an eligible action (the exploration
            floor over K); None if unknown. Without it and without pmf, actions
            chosen too rarely are not detected.
        cell: (n,), a small number of groups of contexts, from 0; or None.
        n_cells: the number of groups.
    """

    action: IntArray
    n_actions: int
    propensity: FloatArray
    pmf: FloatArray | None = None
    eligible_count: IntArray | None = None
    min_propensity: float | None = None
    cell: IntArray | None = None
    n_cells: int = 1

    def part(self, start: int, stop: int) -> "Choices":
        """Return the rounds from start to before stop."""
        rows = slice(start, stop)
        count, cell = self.eligible_count, self.cell
        return Choices(
            action=self.action[rows],
            n_actions=self.n_actions,
            propensity=self.propensity[rows],
            pmf=None if self.pmf is None else self.pmf[rows],
            eligible_count=None if count is None else count[rows],
            min_propensity=self.min_propensity,
            cell=None if cell is None else cell[rows],
            n_cells=self.n_cells,
        )


@dataclass(frozen=True, slots=True)
class PropensityAudit:
    """The bets' capital so far, carried from one batch of choices to the next.

    Attributes:
        n: rounds so far.
        mismatched: rounds whose propensity is not the pmf's entry of the action.
        log_capital: by the name of a suspicion, the logarithms of its bets, (J,).
        largest_log: the largest logarithm of E so far.
        chances: counts of propensities; used where nothing else is known.
    """

    n: int = 0
    mismatched: int = 0
    log_capital: dict[str, FloatArray] = field(default_factory=dict)
    largest_log: float = 0.0
    chances: PossibleChances = field(default_factory=PossibleChances)

    def add(self, choices: Choices) -> "PropensityAudit":
        """Bet on more rounds, in the order in which they were chosen.

        Raises:
            LoggedDataError: a propensity is below `min_propensity`.
        """
        audit = self
        start = 0
        while start < choices.action.size:
            # A look is worth the less, the more rounds there were before it.
            size = max(CHUNK, audit.n // LOOKS)
            audit = audit._chunk(choices.part(start, start + size))
            start += size
        return audit

    def _chunk(self, choices: Choices) -> "PropensityAudit":
        chances = self.chances
        winnings = _with_pmf(choices) if choices.pmf is not None else _without(choices)
        known = (choices.pmf, choices.min_propensity, choices.cell)
        if all(one is None for one in known):
            # With a floor or contexts the other bets find as much, at less cost.
            winnings[IMPOSSIBLE] = chances.won(choices.propensity)
            chances = chances.add(choices.propensity)
        capital = {
            name: self.log_capital.get(name, np.zeros(logs.size)) + logs
            for name, logs in winnings.items()
        }
        mismatched = 0
        if choices.pmf is not None:
            listed = choices.pmf[np.arange(choices.action.size), choices.action]
            wrong = np.abs(listed - choices.propensity) > 1e-6 + 1e-3 * listed
            mismatched = int(wrong.sum())
        return PropensityAudit(
            self.n + choices.action.size,
            self.mismatched + mismatched,
            capital,
            max(self.largest_log, _log_average(capital)),
            chances,
        )

    @property
    def p_value(self) -> float:
        """1 / (largest E so far): near 0 if the propensities are false."""
        return math.exp(-self.largest_log)

    @property
    def suspicion(self) -> str:
        """The subject of the bet that won most, as the end of a sentence."""
        if not self.log_capital:
            return "no action was chosen yet"
        return max(self.log_capital, key=lambda name: _log_mean(self.log_capital[name]))


def _with_pmf(choices: Choices) -> dict[str, FloatArray]:
    pmf, rows = choices.pmf, np.arange(choices.action.size)
    if pmf is None:  # pragma: no cover - the caller looked
        return {}
    chance = np.maximum(pmf[rows, choices.action], 1e-12)
    won: dict[str, FloatArray] = {}
    chosen = np.zeros(pmf.shape)
    chosen[rows, choices.action] = 1.0
    for where, mask in _places(choices):
        for index in range(choices.n_actions):
            won[f"action {index} is chosen more or less often than logged{where}"] = (
                _tilted(chosen[mask, index], pmf[mask, index])
            )
    edges = np.append(BINS, np.inf)
    for low, high in itertools.pairwise(edges):
        inside = (pmf >= low) & (pmf < high)
        top = min(float(high), 1.0)
        won[f"chances of {low:g} to {top:g} come true more or less often"] = _tilted(
            inside[rows, choices.action].astype(np.float64), (pmf * inside).sum(axis=1)
        )
    # Powers above 0 sharpen the logged pmf, powers below flatten it; impossible
    # actions stay impossible.
    logs = np.log(np.where(pmf > 0, pmf, 1.0))
    powers = np.exp(logs[:, :, None] * (1 + POWERS)) * (pmf > 0)[:, :, None]
    won["choices are sharper or flatter than logged"] = (
        np.log(chance)[:, None] * POWERS - np.log(powers.sum(axis=1))
    ).sum(axis=0)
    return won


def _tilted(happened: FloatArray, chance: FloatArray) -> FloatArray:
    """Return log likelihood ratios of odds times exp(tilt), over all rounds: (J,)."""
    # The ratio of Bernoulli likelihoods at odds times exp(tilt) to those at the logged
    # ones; its mean is 1 if these are true (Grunwald, de Heide and Koolen 2024).
    odds = np.log1p(np.minimum(chance, 1.0)[:, None] * np.expm1(TILTS))
    total: FloatArray = (happened[:, None] * TILTS - odds).sum(axis=0)
    return total


def _without(choices: Choices) -> dict[str, FloatArray]:
    weight = 1 / choices.propensity
    floor, count = choices.min_propensity, choices.n_actions
    eligible = np.full(weight.size, float(count))
    always = choices.eligible_count is None
    if choices.eligible_count is not None:
        eligible = choices.eligible_count.astype(np.float64)
    if floor is not None and float(choices.propensity.min()) < floor * (1 - 1e-9):
        raise LoggedDataError(
            f"a propensity is {choices.propensity.min()}; it must be at least "
            f"min_propensity, {floor}"
        )
    won: dict[str, FloatArray] = {}
    for where, mask in _places(choices):
        action = choices.action[mask]
        more_often = _higher_of_each(weight[mask], action, count)
        for index in range(count):
            name = f"action {index} is chosen more often than logged{where}"
            won[name] = more_often[index]
            if floor is not None and always:
                mine = weight[mask] * (action == index)
                one = np.ones(mine.size)
                name = f"action {index} is chosen less often than logged{where}"
                won[name] = _lower(mine, one, 1 / floor)
        name = f"likely actions are chosen more or less often than logged{where}"
        won[name] = _higher(weight[mask], eligible[mask])
        if floor is not None:
            fewer = _lower(weight[mask], eligible[mask], 1 / floor)
            won[name] = np.concatenate([won[name], fewer])
    # At most j - 1 actions of a round can have chances above 1 / j, so the mean of
    # 1[propensity > 1 / j] / propensity is at most j - 1, whatever the pmf.
    for j in range(2, min(count, MOST_PLACES) + 1):
        likely = weight * (choices.propensity > 1 / j)
        name = f"actions of chances above 1 / {j} are chosen more often than logged"
        won[name] = _higher(likely, np.full(weight.size, j - 1.0))
    return won


def _higher(values: FloatArray, mean: FloatArray) -> FloatArray:
    """Bet that values have a higher mean than (n,) `mean`: (J,) logarithms."""
    # The capital of bets.py: (1 + k v) / (1 + k m) has a mean of at most 1 if the mean
    # of v is at most m.
    logs = np.log1p(STAKES * values[:, None]) - np.log1p(STAKES * mean[:, None])
    total: FloatArray = logs.sum(axis=0)
    return total


def _higher_of_each(weight: FloatArray, action: IntArray, count: int) -> FloatArray:
    """Bet that the weights of each action, 0 where another came, have a mean over 1.

    Returns:
        (K, J), what `_higher` gives for each action.
    """
    logs = np.log1p(STAKES * weight[:, None])
    sums = [np.bincount(action, column, minlength=count) for column in logs.T]
    found: FloatArray = np.stack(sums, axis=1) - action.size * np.log1p(STAKES)
    return found


def _lower(values: FloatArray, mean: FloatArray, maximum: float) -> FloatArray:
    """Bet that values up to a maximum have a lower mean."""
    # 1 - s (v - m) / (max - m) is never negative for a share s below 1, and its mean is
    # at most 1 if the mean of v is at least m.
    room = np.maximum(maximum - mean, 1e-12)
    logs = np.log1p(-SHARES * ((values - mean) / room)[:, None])
    total: FloatArray = logs.sum(axis=0)
    return total


def _places(choices: Choices) -> list[tuple[str, FloatArray | slice]]:
    """Return the mask of everywhere, and of each cell of contexts."""
    everywhere: list[tuple[str, FloatArray | slice]] = [("", slice(None))]
    if choices.cell is None:
        return everywhere
    cells = range(choices.n_cells)
    return everywhere + [(f" in cell {c}", choices.cell == c) for c in cells]


def _log_mean(logs: FloatArray) -> float:
    top = float(logs.max())
    return top + math.log(float(np.exp(logs - top).mean()))


def _log_average(capital: dict[str, FloatArray]) -> float:
    """Return the log of the mean over suspicions of the mean over their bets."""
    by_count: dict[int, list[FloatArray]] = {}
    for logs in capital.values():
        by_count.setdefault(logs.size, []).append(logs)
    # An average of martingales of mean 1 is one too, so no correction for the number
    # of suspicions is needed.
    means = [_log_means(np.stack(same)) for same in by_count.values()]
    return _log_mean(np.concatenate(means))


def _log_means(logs: FloatArray) -> FloatArray:
    """Return `_log_mean` of each row."""
    top = logs.max(axis=1)
    means: FloatArray = top + np.log(np.exp(logs - top[:, None]).mean(axis=1))
    return means
