"""Search settings of the policy on an experiment's own log.

Owns the leaderboard: the value of each spec, trained progressively on the log, and its
difference from the incumbent's; and which spec, if any, may be promoted. Changes
nothing: the promotion itself is services.managing.lifecycle's.

All intervals of a leaderboard, those of M values and of M - 1 differences, hold
together, at every look, with the report's confidence (Bonferroni). So the best of
many specs isn't promoted by chance: where none is better than the incumbent, one is
promoted with a probability of at most 5 %, at all looks together at the same specs of
a growing log, against the same incumbent. With learn_on first_reward
nothing is promoted: when a decision is evaluated then depends on its reward, so
that no interval holds.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec
from msgspec.structs import replace

from bandit_svc.domain.experiment import Experiment
from bandit_svc.domain.numbers import amount, counted
from bandit_svc.domain.plain_values import Spec
from bandit_svc.errors import Conflict
from bandit_svc.ope.interval import Interval
from bandit_svc.services.evaluation.history_watch import (
    HISTORY,
    ONE_STEP_NOTE,
    history,
)
from bandit_svc.services.evaluation.paired import (
    PairedEvaluation,
    PairedResult,
    check_bounded,
)
from bandit_svc.services.evaluation.processes import (
    Opener,
    dealt,
    gathered,
    in_processes,
)
from bandit_svc.services.evaluation.rows import refused, scaled_back
from bandit_svc.services.evaluation.search_space import described, differs
from bandit_svc.services.policy_inputs import reward_range
from bandit_svc.services.values import CONFIDENCE, Bounds, Estimated, bounds, estimated
from bandit_svc.storage.interface import Storage
from policies.spec import build_policy


class LeaderboardRow(msgspec.Struct, frozen=True):
    """What one spec would have earned, and how much more than the incumbent.

    Attributes:
        rank: from 1, best first; refused specs come last.
        differs: the settings in which it differs from the incumbent.
        refused: why there is no estimate; None if there is one.
        interval: of `estimate`.
        difference: from the incumbent, on the same decisions.
    """

    rank: int
    policy: dict[str, Any]
    differs: Spec
    incumbent: bool
    n: int
    effective_sample_size: float
    refused: str | None
    estimate: float | None
    interval: Bounds
    difference: Estimated


class Leaderboard(msgspec.Struct, frozen=True):
    """Every spec of a search, best first.

    Attributes:
        decisions: joined ones that were walked.
        successes_first: whether decisions are joined at their first reward.
        history_dependent: whether what a unit finds follows from its earlier decisions.
        specs: how many were compared.
    """

    experiment: str
    incumbent: dict[str, Any]
    decisions: int
    successes_first: bool
    history_dependent: bool
    specs: int
    confidence: float
    leaderboard: tuple[LeaderboardRow, ...]


class SpecsPiece(NamedTuple):
    """The work of one process: the incumbent, and some of the candidates."""

    experiment: Experiment
    incumbent: Spec
    candidates: Sequence[Spec]
    last: int


@dataclass(frozen=True, slots=True)
class Promotion:
    """The spec that beats the incumbent, and the note of its revision."""

    spec: dict[str, Any]
    sentence: str

    @property
    def note(self) -> str:
        """The note of the revision that makes it the policy."""
        return f"tune: {self.sentence}"


def tune(
    opener: Opener,
    experiment: Experiment,
    specs: Sequence[Spec],
    processes: int,
    on_progress: Callable[[int], None] = lambda _done: None,
) -> Leaderboard:
    """Evaluate every spec in one pass over the log, and rank them.

    The result does not depend on the number of processes.

    Args:
        opener: opens the store; called in each process.
        experiment: as it is now.
        specs: normalised; the first is the incumbent.
        processes: number of processes that work at the same time.
        on_progress: called with the number of joined decisions done so far.

    Raises:
        InvalidInput: the experiment declares no maximum reward.
    """
    check_bounded(experiment, "tune")
    incumbent, *candidates = specs
    storage = opener()
    try:
        last = storage.joins.last_position(experiment.number)
        dependent = history(storage, experiment.number).status == "warn"
    finally:
        storage.close()
    hands = dealt(candidates, processes)
    pieces = [SpecsPiece(experiment, incumbent, hand, last) for hand in hands]
    found = in_processes(evaluate_specs, pieces, opener, on_progress)
    results = [found[0][0], *gathered([one[1:] for one in found])]
    rows = [
        _row(experiment, spec, specs[0], one, 2 * len(specs) - 1)
        for spec, one in zip(specs, results, strict=True)
    ]
    rows.sort(key=_rank)
    return Leaderboard(
        experiment=experiment.key,
        incumbent=dict(incumbent),
        decisions=last,
        successes_first=experiment.definition.reward.closes_at_first_reward,
        history_dependent=dependent,
        specs=len(specs),
        confidence=CONFIDENCE,
        leaderboard=tuple(replace(row, rank=at) for at, row in enumerate(rows, 1)),
    )


def evaluate_specs(
    storage: Storage, piece: SpecsPiece, on_progress: Callable[[int], None]
) -> list[PairedResult]:
    """Evaluate one piece; the incumbent comes first."""
    scale = reward_range(piece.experiment.definition)
    evaluation = PairedEvaluation(
        storage,
        piece.experiment,
        build_policy(piece.incumbent, scale),
        [build_policy(spec, scale) for spec in piece.candidates],
    )
    return evaluation.run(piece.last, on_progress)


def promotion(board: Leaderboard, *, split: bool = False) -> Promotion | None:
    """Return the spec that beats the incumbent, or None.

    Of the specs whose interval of the difference is above 0, that with the largest
    lower end. Nothing beats an incumbent whose own value is refused.

    Args:
        board: the search.
        split: whether it is served to a share of the units at first: then it may be
            promoted where what a unit finds follows from its earlier decisions.
    """
    rows = board.leaderboard
    incumbent = next(row for row in rows if row.incumbent)
    left = candidates_of(board)
    better = [row for row in left if _least_gain(row) > 0]
    kept_back = board.successes_first or (board.history_dependent and not split)
    if kept_back or incumbent.refused is not None or not better:
        return None
    best = max(better, key=_least_gain)
    lower, upper = best.difference.interval
    return Promotion(
        best.policy,
        f"{described(best.policy)} beats {described(board.incumbent)} by "
        f"{amount(best.difference.estimate)} ({amount(lower)} to "
        f"{amount(upper)}), {counted(board.specs, 'spec')}, "
        f"{counted(best.n, 'decision')}",
    )


def verdict_of(board: Leaderboard, *, split: bool = False) -> str:
    """Return a sentence: which spec beats the incumbent, or how far the best is.

    Args:
        board: the search.
        split: as of `promotion`.
    """
    found = promotion(board, split=split)
    name = described(board.incumbent)
    incumbent = next(row for row in board.leaderboard if row.incumbent)
    if found is not None:
        return f"{found.sentence}."
    if incumbent.refused is not None:
        return (
            f"The log can't say what the incumbent ({name}) would earn, so nothing "
            f"can beat it. {incumbent.refused}"
        )
    if board.successes_first:
        return (
            "Nothing is promoted: with learn_on first_reward successes are joined "
            "first, so no interval of this leaderboard is valid. An experiment with "
            "learn_on maturity has valid ones."
        )
    if board.history_dependent and not split:
        return (
            f"Nothing is promoted. {ONE_STEP_NOTE} {HISTORY.advice} With `--promote "
            "--split` the best one gets a share of the units at first, and they are "
            "compared as they are served."
        )
    left = candidates_of(board)
    if not left:
        return f"The log can't say what any spec but the incumbent ({name}) would earn."
    best = left[0].difference
    lower, upper = best.interval
    return (
        f"No candidate beats {name}, the incumbent, with its whole interval: the best, "
        f"{described(left[0].policy)}, differs by "
        f"{amount(best.estimate, signed=True)} reward a decision, between "
        f"{amount(lower, signed=True)} and {amount(upper, signed=True)}."
        f"{_needed(left[0])}"
    )


def candidates_of(board: Leaderboard) -> list[LeaderboardRow]:
    """Return the rows that are neither refused nor the incumbent, best first."""
    rows = board.leaderboard
    return [row for row in rows if not row.incumbent and row.refused is None]


def check_still_served(before: Experiment, now: Experiment) -> None:
    """Refuse to replace another policy than the one that was beaten.

    Raises:
        Conflict: the experiment got another policy meanwhile.
    """
    if before.definition.policy != now.definition.policy:
        raise Conflict(
            f"{now.key} got another policy while the search ran (revision "
            f"{now.revision}); nothing was changed. Search again"
        )


def _least_gain(row: LeaderboardRow) -> float:
    """Return the lower end of a difference; 0 where there is none."""
    return row.difference.interval[0] or 0.0


def _needed(row: LeaderboardRow) -> str:
    """Return a sentence on the length of a log that would decide, or none."""
    gain, lower = row.difference.estimate or 0.0, _least_gain(row)
    if gain <= 0:
        return ""
    # The half width of an interval falls with the root of the number of decisions.
    times = ((gain - lower) / gain) ** 2
    if times > MOST_TIMES:
        return " A log a thousand times as long would not decide it."
    return f" About {times:.1f} times as many decisions like these would decide it."


MOST_TIMES = 1000


def _row(
    experiment: Experiment,
    spec: Spec,
    incumbent: Spec,
    result: PairedResult,
    count: int,
) -> LeaderboardRow:
    scale = reward_range(experiment.definition)
    width = scale.width
    confidence = 1 - (1 - CONFIDENCE) / count
    sums, reason = result.summary.sums, refused(result.summary)
    estimate = gain = None
    interval = difference = Interval(None, None)
    if reason is None and result.value is not None:
        estimate = scale.minimum + result.value * width
        interval = scaled_back(result.summary.value_interval(confidence), scale)
        gain, difference = 0.0, Interval(0.0, 0.0)
        if result.difference is not None:
            gain = result.difference.mean * width
            found = result.difference.interval(confidence)
            ends = (found.lower or 0.0, found.upper or 0.0)
            difference = Interval(ends[0] * width, ends[1] * width)
    return LeaderboardRow(
        rank=0,
        policy=dict(spec),
        differs=differs(spec, incumbent),
        incumbent=spec == incumbent,
        n=sums.n,
        effective_sample_size=sums.effective_sample_size,
        refused=reason,
        estimate=estimate,
        interval=bounds(interval),
        difference=estimated(gain, difference),
    )


def _rank(row: LeaderboardRow) -> tuple[bool, float]:
    gain = row.difference.estimate
    return row.refused is not None, 0.0 if gain is None else -gain
