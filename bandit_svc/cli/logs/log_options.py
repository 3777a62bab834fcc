"""The options that describe a log from a file.

Owns their names and helps, for every command that reads such a log.
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import click

from bandit_svc.cli.options import option
from bandit_svc.domain.numbers import counted
from bandit_svc.errors import InvalidInput
from bandit_svc.ope.decision_log import DecisionLog
from bandit_svc.services.decision_logs.readers.read import FORMS, read_log
from bandit_svc.services.decision_logs.readers.rows import Columns, Reading

_OPTIONS = (
    option(
        "log",
        type=click.Path(path_type=Path),
        help="File of another system's log: CSV, TSV, JSON lines, Parquet, VW text or "
        "dsjson; .gz is decompressed.",
    ),
    option(
        "log-format",
        type=click.Choice(FORMS),
        help="Form of the log. Default: by the suffix of the file's name.",
    ),
    option("action-column", help="Column of the chosen action."),
    option(
        "reward-column", help="Column of the reward, in reward units; higher is better."
    ),
    option(
        "propensity-column",
        help="Column of the propensity of the chosen action, above 0 and at most 1.",
    ),
    option(
        "propensity-columns",
        metavar="PREFIX",
        help="Columns of the logged pmf, 0 to 1 each: PREFIX and the action.",
    ),
    option(
        "target-propensity-column",
        multiple=True,
        help="Column of a target policy's probability of the chosen action, 0 to 1; "
        "repeatable.",
    ),
    option(
        "target-columns",
        metavar="PREFIX",
        help="Columns of a target policy's pmf, 0 to 1 each: PREFIX and the action.",
    ),
    option(
        "context-columns",
        metavar="A,B,C",
        help="Columns that the reward model learns from, for dm, dr and their kind.",
    ),
    option(
        "position-column",
        help="Column of the place on the page, if a decision fills several.",
    ),
    option(
        "unit-column",
        help="Column of whom a decision was for (a visitor, a session, a page view); "
        "decisions of one unit count as one draw in intervals.",
    ),
    option(
        "weight-column",
        help="Column of how many decisions a row stands for, above 0, where a log was "
        "sub-sampled; only their ratios count.",
    ),
    option(
        "delimiter",
        help="Character between the cells of CSV or TSV. Default: that of the form, or "
        "a semicolon where the first line has no comma.",
    ),
    option(
        "default-reward",
        type=float,
        help="Reward of a decision that has none, in reward units; without it an empty "
        "cell is refused, and a dsjson event without a cost left out.",
    ),
    option(
        "skip-bad",
        type=click.IntRange(0),
        default=0,
        help="Number of bad lines that are left out and counted, at most.",
    ),
    option(
        "actions",
        type=click.IntRange(2),
        help="Number of actions that could be chosen, seen or not.",
    ),
    option(
        "min-propensity",
        type=click.FloatRange(0, 1, min_open=True),
        help="Least propensity by design, above 0 and at most 1; gives the audit more "
        "power.",
    ),
)


@dataclass(frozen=True, slots=True)
class LogOptions:
    """The values of these options."""

    path: Path | None
    form: str | None
    columns: Columns
    min_propensity: float | None
    reading: Reading

    def read(
        self, narrate: Callable[[str], None], *, without_propensities: bool = False
    ) -> DecisionLog:
        """Read the log.

        Args:
            narrate: called with what is done.
            without_propensities: true if a table need not have any.

        Raises:
            InvalidInput: an option is wrong.
            UnreadableLog: the file is.
        """
        path = self.path
        if path is None:
            raise InvalidInput("no log is named; pass --log FILE")
        log = read_log(
            path,
            self.columns,
            self.form,
            lambda rows: narrate(f"Reading {path}: {counted(rows, 'decision')}"),
            replace(self.reading, without_propensities=without_propensities),
        )
        least = self.min_propensity
        if least is not None and float(log.propensity.min()) < least * (1 - 1e-9):
            raise InvalidInput(
                f"--min-propensity is {least:g}, and {path} has a propensity of "
                f"{float(log.propensity.min()):g}; it can't be above that"
            )
        return replace(log, least_propensity=least)


def log_options(command: Callable[..., None]) -> Callable[..., None]:
    """Declare the options of a log; the command gets them as `log: LogOptions`."""

    @functools.wraps(command)
    def with_log(  # noqa: PLR0913 - one argument an option
        *,
        log: Path | None,
        log_format: str | None,
        action_column: str | None,
        reward_column: str | None,
        propensity_column: str | None,
        propensity_columns: str | None,
        target_propensity_column: tuple[str, ...],
        target_columns: str | None,
        context_columns: str | None,
        position_column: str | None,
        unit_column: str | None,
        weight_column: str | None,
        delimiter: str | None,
        default_reward: float | None,
        skip_bad: int,
        actions: int | None,
        min_propensity: float | None,
        **others: object,
    ) -> None:
        columns = Columns(
            action=action_column,
            reward=reward_column,
            propensity=propensity_column,
            propensities=propensity_columns,
            target_propensity=target_propensity_column,
            targets=target_columns,
            context=listed(context_columns),
            position=position_column,
            unit=unit_column,
            weight=weight_column,
            actions=actions,
        )
        reading = Reading(
            delimiter=delimiter_of(delimiter),
            default_reward=default_reward,
            skip_bad=skip_bad,
        )
        options = LogOptions(log, log_format, columns, min_propensity, reading)
        command(log=options, **others)

    declared: Callable[..., None] = with_log
    for declare in reversed(_OPTIONS):
        declared = declare(declared)
    return declared


def delimiter_of(text: str | None) -> str | None:
    r"""Return one character; `\t` and `tab` are a tab.

    Raises:
        InvalidInput: it is none.
    """
    if text in {r"\t", "tab"}:
        return "\t"
    if text is not None and (len(text) != 1 or text in '"\r\n'):
        raise InvalidInput(
            f"--delimiter is {text!r}; it must be one character, such as ';', or tab"
        )
    return text


def listed(names: str | None) -> tuple[str, ...]:
    """Return the names that commas separate, each of them once."""
    found = (name.strip() for name in (names or "").split(","))
    return tuple(dict.fromkeys(name for name in found if name))
