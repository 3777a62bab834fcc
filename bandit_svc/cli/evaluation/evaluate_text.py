"""Write an evaluation as text for a terminal, and as CSV.

Owns the words and the columns; every number is the evaluation's.
"""

from collections.abc import Iterator, Sequence

from bandit_svc.cli.check_lines import check_lines
from bandit_svc.cli.columns import columns
from bandit_svc.domain.numbers import NOTHING, amount, counted
from bandit_svc.prose.csv_text import csv_text
from bandit_svc.services.archiving.evaluation import ArchiveEvaluation
from bandit_svc.services.checks.check import with_status
from bandit_svc.services.decision_logs.evaluate_log import LogEvaluation
from bandit_svc.services.evaluation.evaluate import Evaluation
from bandit_svc.services.values import UNKNOWN, Bounds, PolicyRow

FIXED_SAMPLE = (
    "The intervals (95 %) are for a log that is read once; for one that grows between "
    "looks\nthey miss far more often than in 5 % of cases. They are not narrower than "
    "if rewards did\nnot depend on weights. dm has dr's, widened to hold its own "
    "estimate."
)
Evaluated = Evaluation | LogEvaluation | ArchiveEvaluation
CSV_HEADER = (
    *("policy", "estimator", "estimate", "lower", "upper", "n"),
    *("effective_sample_size", "mean_weight", "max_weight", "refused", "estimand"),
)


def evaluation_text(
    result: Evaluated,
    source: str,
    mean: float | None,
    note: str = FIXED_SAMPLE,
) -> str:
    """Return a sentence a policy, then the numbers behind it.

    Args:
        result: of our own log, or of another system's.
        source: what the log is called.
        mean: the mean reward of the log itself.
        note: how to read the intervals.
    """
    rows = result.policies
    sentences = [_sentence(row, _failed(result, row)) for row in rows]
    n = counted(max(row.n for row in rows), "decision")
    sentences.append(
        f"The log itself ({source}, {n}) earned {amount(mean)} reward a decision."
    )
    tables = [
        "\n".join(columns(list(_estimates(rows)))),
        "\n".join(columns(list(_weights(rows)))),
    ]
    health = "\n".join(check_lines(result.health))
    parts = ["\n".join(sentences), *tables, note, health]
    return "\n\n".join(parts) + "\n"


def evaluation_csv(result: Evaluated) -> str:
    """Return one line for each estimate of each policy."""
    rows = [
        (
            *(row.policy, name, estimate.estimate, *estimate.interval),
            *(row.n, row.effective_sample_size, row.mean_weight),
            *(row.max_weight, row.refused, row.estimand),
        )
        for row in result.policies
        for name, estimate in row.estimates.items()
    ]
    return csv_text(CSV_HEADER, rows)


def _failed(result: Evaluated, row: PolicyRow) -> str:
    """Return the names of the checks that forbid a sentence on a policy."""
    if not isinstance(result, LogEvaluation):
        return ""
    failed = with_status(result.health, "fail")
    about = [check for check in failed if check.policy in {"", row.policy}]
    return ", ".join(check.name.replace("_", " ") for check in about)


def _sentence(row: PolicyRow, failed: str) -> str:
    name = row.policy
    if row.refused is not None:
        return f"The log can't say what {name} would have earned. {row.refused}"
    if failed:
        return (
            f"Don't rely on the numbers of {name}: a check of the log fails ({failed})."
        )
    key, estimate = row.shown
    if estimate.estimate is None:
        names = ", ".join(row.estimates)
        return f"There is no estimate for {name} by {names}: no rewards were predicted."
    lower, upper = estimate.interval
    between = f", between {amount(lower)} and {amount(upper)}"
    if estimate.interval == UNKNOWN:
        between = ""
    sentence = (
        f"{name} would have earned {amount(estimate.estimate)} reward a decision"
        f"{between} ({key})."
    )
    return f"{sentence} {row.note}" if row.note else sentence


def _estimates(rows: Sequence[PolicyRow]) -> Iterator[Sequence[str]]:
    yield ("POLICY", "ESTIMATOR", "ESTIMATE", "95% INTERVAL")
    for row in rows:
        for name, estimate in row.estimates.items():
            if estimate.estimate is None:
                continue
            yield (
                row.policy,
                name,
                _number(estimate.estimate, ".6f"),
                _interval(estimate.interval),
            )


def _weights(rows: Sequence[PolicyRow]) -> Iterator[Sequence[str]]:
    yield (
        *("POLICY", "DECISIONS", "EFFECTIVE SAMPLE SIZE"),
        *("MEAN WEIGHT", "LARGEST WEIGHT"),
    )
    for row in rows:
        yield (
            row.policy,
            f"{row.n:,}",
            _number(row.effective_sample_size, ",.1f"),
            _number(row.mean_weight, ".4f"),
            _number(row.max_weight, ",.2f"),
        )


def _interval(ends: Bounds) -> str:
    if ends == UNKNOWN:
        return NOTHING
    return " to ".join(_number(end, ".6f") for end in ends)


def _number(value: float | None, form: str) -> str:
    return NOTHING if value is None else format(value, form)
