"""Write a leaderboard as text for a terminal, and as CSV.

Owns the words and the columns; every number is the leaderboard's.
"""

from collections.abc import Iterator, Sequence

from bandit_svc.cli.columns import columns
from bandit_svc.domain.numbers import NOTHING, amount
from bandit_svc.prose.csv_text import csv_text
from bandit_svc.services.evaluation.search_space import described, written
from bandit_svc.services.evaluation.tune import Leaderboard, LeaderboardRow

CSV_HEADER = (
    *("rank", "policy", "incumbent", "n", "effective_sample_size"),
    *("estimate", "lower", "upper"),
    *("difference", "difference_lower", "difference_upper", "refused"),
)


def board_text(board: Leaderboard, verdict: str) -> str:
    """Return the verdict, the leaderboard, the refused specs, and how to read it."""
    rows = board.leaderboard
    refused = [
        f"{_name(row)}: {row.refused}" for row in rows if row.refused is not None
    ]
    count = 2 * board.specs - 1
    note = (
        f"All {count} intervals hold together at every look "
        f"({board.confidence:.0%}, Bonferroni): the best of\n{board.specs} specs "
        "looks better than it is, and a wider interval each is the price of looking at "
        "all.\nDIFFERENCE compares with the incumbent on the same decisions, so it is "
        "much narrower\nthan the gap between two intervals. Each spec is evaluated on "
        "a decision before it learns\nfrom it; the exploration floor is not mixed in."
    )
    parts = [verdict, "\n".join(columns(list(_lines(rows))))]
    if refused:
        parts.append("Refused:\n" + "\n".join(refused))
    return "\n\n".join([*parts, note]) + "\n"


def board_csv(board: Leaderboard) -> str:
    """Return one line a spec."""
    rows = [
        (
            *(row.rank, described(row.policy), row.incumbent, row.n),
            *(row.effective_sample_size, row.estimate, *row.interval),
            *(row.difference.estimate, *row.difference.interval, row.refused),
        )
        for row in board.leaderboard
    ]
    return csv_text(CSV_HEADER, rows)


def _lines(rows: Sequence[LeaderboardRow]) -> Iterator[Sequence[str]]:
    yield (
        *("RANK", "DIFFERS IN", "EFFECTIVE SAMPLE SIZE", "ESTIMATE", "INTERVAL"),
        *("DIFFERENCE", "INTERVAL"),
    )
    for row in rows:
        if row.refused is not None:
            continue
        gain = row.difference
        yield (
            str(row.rank),
            _name(row),
            f"{row.effective_sample_size:,.0f}",
            amount(row.estimate),
            _range(row.interval),
            NOTHING if row.incumbent else amount(gain.estimate, signed=True),
            NOTHING if row.incumbent else _range(gain.interval, signed=True),
        )


def _name(row: LeaderboardRow) -> str:
    if row.incumbent:
        return f"(incumbent: {described(row.policy)})"
    return " ".join(written(row.differs))


def _range(ends: Sequence[float | None], *, signed: bool = False) -> str:
    lower, upper = ends
    return f"{amount(lower, signed=signed)} to {amount(upper, signed=signed)}"
