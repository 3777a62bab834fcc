"""`bandit-svc import`: an experiment begins with what another system has logged.

Owns the options; services.decision_logs.import_log does the work.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Literal, cast

import click

from bandit_svc.cli.logs.log_options import delimiter_of, listed
from bandit_svc.cli.opening import opened
from bandit_svc.cli.options import data_option, option
from bandit_svc.cli.progress import counting
from bandit_svc.clock import now_ms
from bandit_svc.domain.numbers import counted
from bandit_svc.domain.times import timestamp
from bandit_svc.errors import InvalidInput
from bandit_svc.services.decision_logs.import_log import Imported, import_log
from bandit_svc.services.decision_logs.imports.read_choices import (
    IMPORT_FORMS,
    LogFile,
)
from bandit_svc.services.decision_logs.imports.worded import Wording
from bandit_svc.services.decision_logs.readers.rows import Columns, Reading

_SHOWN_EVERY = 1_000


@click.command(name="import")
@click.argument("key")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@data_option
@option(
    "log-format",
    type=click.Choice(IMPORT_FORMS),
    help="Form of the file. Default: by the suffix of its name.",
)
@option("action-column", help="Column of the chosen action, of a table.")
@option(
    "reward-column",
    help="Column of the reward, in reward units; higher is better.",
)
@option(
    "propensity-column",
    help="Column of the propensity of the chosen action, above 0 and at most 1.",
)
@option(
    "propensity",
    type=click.Choice(["uniform"]),
    help="What stands for propensities that the file doesn't have: the same for each "
    "variant.",
)
@option(
    "context-columns",
    metavar="A,B,C",
    help="Columns of the context; user.segment is a feature in a namespace.",
)
@option("unit-column", help="Column of whom a decision was for, kept for erasures.")
@option(
    "delimiter",
    help="Character between the cells of CSV or TSV. Default: that of the form, or a "
    "semicolon where the first line has no comma.",
)
@option(
    "default-reward",
    type=float,
    help="Reward of a decision that has none, in reward units; without it an empty "
    "cell is refused, and a dsjson event without a cost left out.",
)
@option(
    "map",
    multiple=True,
    metavar="OLD=NEW",
    help="Name of a variant in the file, and its key in the experiment; repeatable.",
)
@option(
    "skip-unknown",
    is_flag=True,
    show_default=False,
    help="Leave out decisions for variants that the experiment doesn't have.",
)
@option(
    "skip-bad",
    type=click.IntRange(0),
    default=0,
    help="Number of bad lines that are left out and counted, at most.",
)
def import_file(  # noqa: PLR0913 - one argument an option
    *,
    key: str,
    file: Path,
    data: str,
    log_format: str | None,
    action_column: str | None,
    reward_column: str | None,
    propensity_column: str | None,
    propensity: str | None,
    context_columns: str | None,
    unit_column: str | None,
    delimiter: str | None,
    default_reward: float | None,
    map: tuple[str, ...],  # noqa: A002 - the option's name
    skip_unknown: bool,
    skip_bad: int,
) -> None:
    """Let an experiment learn from a log: dsjson, CSV, Parquet or our own export.

    The decisions are learned in the order of the file, before whatever is joined
    later; reports and estimates don't count them. All of a file is imported or nothing,
    and a file once. May run beside a running service, which learns from it at once.

    Example: bandit-svc import homepage-hero old.csv --action-column banner
    --reward-column clicked --propensity-column p --context-columns device,hour
    """
    columns = Columns(
        action=action_column,
        reward=reward_column,
        propensity=propensity_column,
        context=listed(context_columns),
        unit=unit_column,
    )
    reading = Reading(
        delimiter=delimiter_of(delimiter),
        default_reward=default_reward,
        skip_bad=skip_bad,
    )
    wording = Wording(
        names=_names(map),
        skip_unknown=skip_unknown,
        propensity=cast("Literal['uniform'] | None", propensity),
    )
    log = LogFile(file, columns, log_format, reading)
    with opened(data) as backends:
        storage = backends.storage
        experiment = storage.experiments.get(key)
        with counting(f"Importing {file.name}", log.rows()) as show:
            done = import_log(
                storage,
                experiment,
                log,
                wording,
                now_ms(),
                lambda unit: backends.pseudonyms.of(unit, trusted=True),
                lambda rows: _show(rows, show),
            )
    click.echo(_sentence(key, done))


def _show(rows: int, show: Callable[[int, str], None]) -> None:
    if rows % _SHOWN_EVERY == 0:
        show(rows, "rows")


def _sentence(key: str, done: Imported) -> str:
    file = done.file
    if done.again:
        return (
            f"This file was imported into {key} as {file.name} on "
            f"{timestamp(file.imported_at_ms)}; nothing was changed."
        )
    left_out = "".join(f"\nLeft out: {n:,} {why}." for why, n in done.left_out.items())
    return (
        f"{counted(file.decisions, 'decision')} of {file.name} imported into {key}. A "
        "running service learns from them now, a stopped one when it starts."
        f"{left_out}"
    )


def _names(given: tuple[str, ...]) -> dict[str, str]:
    found = {}
    for one in given:
        old, equals, new = one.rpartition("=")
        if not equals or not old or not new:
            raise InvalidInput(
                f"--map is {one!r}; it must be OLD=NEW, the name in the file and the "
                "key of a variant"
            )
        found[old] = new
    return found
