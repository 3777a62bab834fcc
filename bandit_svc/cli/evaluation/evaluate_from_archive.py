"""`bandit-svc evaluate KEY --archive`: policies on the archive of an experiment.

Owns the choice of the archive and of the form; the numbers are
services.archiving.evaluate_archive's.
"""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from bandit_svc.cli.evaluation.evaluate_text import evaluation_csv, evaluation_text
from bandit_svc.cli.opening import opened
from bandit_svc.cli.output import as_json, emit
from bandit_svc.errors import InvalidInput
from bandit_svc.services.archiving.evaluate_archive import ESTIMATORS, evaluate_archive

READ_ONCE = (
    "The intervals (95 %, normal) are for decisions that are looked at once, and take\n"
    "each unit as one draw. clipped_ips has no weight above 10. dm has no correction\n"
    "for errors of the reward model."
)


def from_archive(
    key: str,
    data: str,
    url: str,
    policies: Sequence[str],
    estimators: Sequence[str],
    form: str,
    out: Path | None,
) -> None:
    """Evaluate policies over the archive of an experiment and print the result.

    Args:
        key: of the experiment.
        data: the data folder.
        url: of the archive; empty for that of the setting.
        policies: labels; without any, all that can be had.
        estimators: names of those to print; without any, all that there are.
        form: text, json or csv.
        out: where to write it, or None for standard output.

    Raises:
        InvalidInput: no archive is known, or a policy or an estimator can't be had.
        NotFound: there is no experiment of that key.
    """
    given = {"archive": url} if url else {}
    with opened(data, **given) as backends:
        ports = backends.archive
        if ports is None:
            raise InvalidInput(
                "no archive is set; pass --archive URL, such as "
                "file:///var/lib/bandit/archive"
            )
        experiment = backends.storage.experiments.get(key)
        shown = tuple(estimators) or ESTIMATORS
        result = evaluate_archive(ports, experiment, policies, shown)
    source = f"the archive of {key}, {result.first_day} to {result.last_day}"
    written = {
        "text": lambda: evaluation_text(result, source, result.mean, READ_ONCE),
        "json": lambda: as_json(msgspec.to_builtins(result)),
        "csv": lambda: evaluation_csv(result),
    }
    emit(written[form](), out)
