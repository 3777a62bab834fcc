"""An evaluation for a person at a terminal, and as CSV.

Owns the words and the columns; every number comes with the evaluation.
"""

import csv
import io
from collections.abc import Iterator, Sequence
from typing import Any

from bandit_svc.cli.columns import columns
from bandit_svc.domain.numbers import NOTHING, amount

Json = dict[str, Any]

HEADLINES = ("dr", "snips", "ips")
"""The estimator whose number is in the sentence: the first of these that there is,
else the first that was asked for."""
FIXED_SAMPLE = (
    "The intervals (95 %, normal with the delta method) are for a log that is read "
    "once;\nof a log that grows while you look, they are wrong far more often than "
    "they say.\ndm has dr's interval, widened to hold its own estimate."
)
CSV_HEADER = (
    *("policy", "estimator", "estimate", "lower", "upper", "n"),
    *("effective_sample_size", "mean_weight", "max_weight", "refused"),
)


def evaluation_text(
    result: Json, source: str, mean: float | None, note: str = FIXED_SAMPLE
) -> str:
    """Give a sentence a policy, then the numbers it rests on.

    Args:
        result: `policies` and `health`.
        source: what the log is called.
        mean: the mean reward of the log itself.
        note: what is to be known of the intervals.
    """
    rows = result["policies"]
    sentences = [_sentence(row) for row in rows]
    n = max(row["n"] for row in rows)
    sentences.append(
        f"The log itself ({source}, {n:,} decisions) earned {amount(mean)} a decision."
    )
    tables = [
        "\n".join(columns(list(_estimates(rows)))),
        "\n".join(columns(list(_weights(rows)))),
    ]
    health = "\n".join(health_lines(result["health"]))
    parts = ["\n".join(sentences), *tables, note, health]
    return "\n\n".join(parts) + "\n"


def evaluation_csv(result: Json) -> str:
    """Give one line for each estimate of each policy."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(CSV_HEADER)
    for row in result["policies"]:
        for name, estimate in row["estimates"].items():
            writer.writerow(
                [
                    row["policy"],
                    name,
                    estimate["estimate"],
                    *estimate["interval"],
                    *(row[key] for key in CSV_HEADER[5:]),
                ]
            )
    return text.getvalue()


def health_lines(checks: Sequence[Json]) -> Iterator[str]:
    """Give the checks that are not ok, or say that all are."""
    wrong = [check for check in checks if check["status"] != "ok"]
    if not wrong:
        yield f"All {len(checks)} checks are ok."
    for check in wrong:
        about = f" ({check['policy']})" if "policy" in check else ""
        name = check["check"].replace("_", " ")
        detail = check["detail"].rstrip(".")
        yield f"{check['status'].upper()}  {name}{about}: {detail}."


def _sentence(row: Json) -> str:
    name = row["policy"]
    if row["refused"] is not None:
        return f"The log can't say what {name} would have earned. {row['refused']}"
    found = (
        (key, row["estimates"][key])
        for key in dict.fromkeys((*HEADLINES, *row["estimates"]))
        if row["estimates"].get(key, {}).get("estimate") is not None
    )
    key, estimate = next(found, (None, None))
    if key is None or estimate is None:
        names = ", ".join(row["estimates"])
        return f"There is no estimate for {name} by {names}: no rewards were predicted."
    lower, upper = estimate["interval"]
    sentence = (
        f"{name} would have earned {amount(estimate['estimate'])} a decision, between "
        f"{amount(lower)} and {amount(upper)} ({key})."
    )
    note = row.get("note")
    return sentence if note is None else f"{sentence} {note}"


def _estimates(rows: Sequence[Json]) -> Iterator[Sequence[str]]:
    yield ("POLICY", "ESTIMATOR", "ESTIMATE", "95% INTERVAL")
    for row in rows:
        for name, estimate in row["estimates"].items():
            if estimate["estimate"] is None:
                continue
            yield (
                row["policy"],
                name,
                _number(estimate["estimate"], ".6f"),
                _interval(estimate["interval"]),
            )


def _weights(rows: Sequence[Json]) -> Iterator[Sequence[str]]:
    yield ("POLICY", "DECISIONS", "WORTH OF ITS OWN", "MEAN WEIGHT", "LARGEST WEIGHT")
    for row in rows:
        yield (
            row["policy"],
            f"{row['n']:,}",
            _number(row["effective_sample_size"], ",.1f"),
            _number(row["mean_weight"], ".4f"),
            _number(row["max_weight"], ",.2f"),
        )


def _interval(ends: Sequence[float | None]) -> str:
    if list(ends) == [None, None]:
        return NOTHING
    return " to ".join(_number(end, ".6f") for end in ends)


def _number(value: float | None, form: str) -> str:
    return NOTHING if value is None else format(value, form)
