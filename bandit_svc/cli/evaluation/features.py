"""`bandit-svc features`: what is each key of the context worth?

Owns the options, the words and the columns; the numbers are
services.evaluation.feature_value's.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import click
from msgspec import to_builtins

from bandit_svc.cli.columns import columns
from bandit_svc.cli.evaluation.evaluate_key import asked_policy
from bandit_svc.cli.evaluation.threads import one_thread_each
from bandit_svc.cli.opening import opened
from bandit_svc.cli.options import (
    data_option,
    option,
    processes_option,
    result_options,
)
from bandit_svc.cli.output import as_json, emit
from bandit_svc.cli.progress import counting
from bandit_svc.domain.numbers import NOTHING, amount, counted
from bandit_svc.domain.plain_values import Spec
from bandit_svc.prose.csv_text import csv_text
from bandit_svc.services.evaluation.feature_value import (
    FeatureValues,
    KeyValue,
    feature_values,
)
from bandit_svc.services.evaluation.labels import asked_specs
from bandit_svc.services.evaluation.search_space import described

BAR_WIDTH = 20
BAR = "\N{FULL BLOCK}"
CSV_HEADER = ("key", "share", "value", "lower", "upper", "refused")
NOTE = (
    "All intervals hold together at every look (95 %, Bonferroni). VALUE is the\n"
    "reward a decision that the policy would have lost without the key, both trained\n"
    "on the same log. A key whose interval holds 0 may have no value; a key has none\n"
    "if another one carries the same information."
)


@click.command()
@click.argument("key")
@data_option
@option(
    "policy",
    accepts=lambda spec: spec != "uniform" and not spec.startswith("fixed:"),
    help="A policy that learns, as for `evaluate`. Default: the served policy.",
)
@processes_option
@result_options("text", "json", "csv")
def features(
    *,
    key: str,
    data: str,
    policy: str | None,
    processes: int,
    format: str,  # noqa: A002 - the option's name
    out: Path | None,
) -> None:
    """Estimate the value of each key of the context to the policy.

    Each key in turn, and each namespace, is left out of what the policy sees. Values
    are in reward units a decision.

    Example: bandit-svc features homepage-hero
    """
    with opened(data) as backends:
        experiment = backends.storage.experiments.get(key)
        spec: Spec = experiment.definition.policy
        if policy is not None:
            asked = asked_specs(experiment.definition, [asked_policy(policy)])
            (spec,) = asked.values()
        total = backends.storage.joins.last_position(experiment.number)
        with (
            counting(f"Weighing the context of {key}", total) as show,
            one_thread_each(),
        ):
            found = feature_values(
                backends.opener,
                experiment,
                spec,
                processes,
                lambda done: show(done, "joined decisions"),
            )
    written = {
        "text": features_text,
        "json": lambda one: as_json(to_builtins(one)),
        "csv": features_csv,
    }
    emit(written[format](found), out)


def features_text(found: FeatureValues) -> str:
    """Return a sentence, the ranked list, and the keys that were left out."""
    parts = [_sentence(found)]
    if found.keys:
        parts += ["\n".join(columns(list(_lines(found.keys)))), NOTE]
    for row in found.keys:
        if row.refused is not None:
            parts.append(f"Without {row.key}: {row.refused}")
    if found.left_out:
        names = ", ".join(f"{r.key} ({r.share:.1%})" for r in found.left_out)
        parts.append(f"Left out, since few decisions have them: {names}.")
    return "\n\n".join(parts) + "\n"


def features_csv(found: FeatureValues) -> str:
    """Return one line a key."""
    rows = [
        (row.key, row.share, row.value, *row.interval, row.refused)
        for row in found.keys
    ]
    return csv_text(CSV_HEADER, rows)


def _sentence(found: FeatureValues) -> str:
    name = described(found.policy)
    if found.refused is not None:
        return f"The log can't tell the value of keys to {name}. {found.refused}"
    sure = [row.key for row in found.keys if (row.interval[0] or 0.0) > 0]
    if not sure:
        sure = ["none"]
    return (
        f"Keys whose value to {name} is above 0 after {counted(found.n, 'decision')}: "
        f"{', '.join(sure)}."
    )


def _lines(rows: Sequence[KeyValue]) -> Iterator[Sequence[str]]:
    most = max((row.value or 0.0 for row in rows), default=0.0)
    yield ("KEY", "IN", "VALUE", "INTERVAL", "")
    for row in rows:
        value = row.value
        lower, upper = row.interval
        share = max(0.0, value or 0.0) / most if most > 0 else 0.0
        yield (
            row.key,
            f"{row.share:.0%}",
            amount(value, signed=True),
            f"{amount(lower, signed=True)} to {amount(upper, signed=True)}"
            if value is not None
            else NOTHING,
            BAR * round(share * BAR_WIDTH),
        )
