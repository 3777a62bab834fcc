"""`bandit-svc evaluate --log FILE`: any policy on a log from a file.

Owns the reading of the files for services.decision_logs.evaluate_log, and the choice of
form.
"""

import csv
from pathlib import Path

import numpy as np

from bandit_svc.cli.evaluation.evaluate_text import evaluation_csv, evaluation_text
from bandit_svc.cli.logs.log_options import LogOptions
from bandit_svc.cli.output import as_json, emit
from bandit_svc.cli.spinner import narrating
from bandit_svc.domain.numbers import counted
from bandit_svc.errors import InvalidInput
from bandit_svc.ope.arrays import FloatArray
from bandit_svc.ope.decision_log import DecisionLog
from bandit_svc.ope.estimators.registry import ESTIMATORS
from bandit_svc.services.checks.check import checked_json
from bandit_svc.services.decision_logs import evaluate_log as service

FORMATS = ("text", "json", "csv")


def evaluate_log(
    log: LogOptions,
    policies: tuple[str, ...],
    estimators: tuple[str, ...],
    form: str,
    out: Path | None,
    action_features: Path | None = None,
) -> None:
    """Evaluate policies on a file and print what they would have earned.

    Args:
        log: the file and its columns.
        policies: specs, beside the policies that are columns of the file.
        estimators: names of those to print; without any, all.
        form: one of FORMATS.
        out: where to write it, or None for standard output.
        action_features: a CSV of features of the actions.

    Raises:
        InvalidInput: an option is wrong.
        UnreadableLog: the file can't be read.
    """
    with narrating() as narrate:
        decisions = log.read(narrate, without_propensities=estimators == ("dm",))
        features = None
        if action_features is not None:
            features = read_action_features(action_features, decisions)
        result = service.evaluate_log(
            decisions,
            policies,
            features,
            lambda what: narrate(
                f"Evaluating {counted(decisions.n, 'decision')}: {what}"
            ),
            estimators or tuple(ESTIMATORS),
        )
    mean = decisions.mean_reward
    written = {
        "text": lambda: evaluation_text(result, decisions.source, mean),
        "json": lambda: as_json(checked_json(result)),
        "csv": lambda: evaluation_csv(result),
    }
    emit(written[form](), out)


def read_action_features(path: Path, log: DecisionLog) -> FloatArray:
    """Read a CSV: the first column names an action, the others are numbers.

    Returns:
        (K, f), standardised.

    Raises:
        InvalidInput: an action of the log is missing, or a cell is not a number.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = [row for row in csv.reader(file) if row][1:]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InvalidInput(
            f"--action-features: {path} can't be read: {error}"
        ) from error
    known = {row[0]: row[1:] for row in rows}
    missing = [name for name in log.actions if name not in known]
    if missing:
        raise InvalidInput(
            f"--action-features: {path} has no line for {len(missing)} of "
            f"{len(log.actions)} actions, such as {missing[0]!r}"
        )
    try:
        values = np.array([known[name] for name in log.actions], dtype=np.float64)
    except ValueError as error:
        raise InvalidInput(
            f"--action-features: {path} has a cell that is no number, or lines of "
            f"different lengths: {error}"
        ) from error
    if not np.isfinite(values).all():
        raise InvalidInput(f"--action-features: {path} has a number that is not finite")
    spread = values.std(axis=0)
    return np.asarray((values - values.mean(axis=0)) / np.where(spread > 0, spread, 1))
