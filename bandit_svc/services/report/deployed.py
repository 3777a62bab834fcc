"""Show what policies earn once deployed, where decisions change later ones.

Owns what the check of histories does to the rows of policies: those of one changed
decision get a note, and the newest evaluation along histories that the learner has
asked for comes before them. Without such an evaluation there are the notes alone.
"""

import msgspec
from msgspec.structs import replace

from bandit_svc.services.evaluation.history_watch import HISTORY, ONE_STEP_NOTE
from bandit_svc.services.evaluation.labels import FIXED
from bandit_svc.services.evaluation.trajectories import is_kept
from bandit_svc.services.report.report import Report
from bandit_svc.services.values import NOT_ESTIMATED, Estimated, PolicyRow
from bandit_svc.storage.interface import Storage
from bandit_svc.storage.jobs import EVALUATION


def with_deployed_values(report: Report, storage: Storage, number: int) -> Report:
    """Return the report as it is to be read if histories depend on decisions."""
    warned = any(c.name == HISTORY.name and c.status == "warn" for c in report.health)
    if not warned:
        return report
    noted = (replace(row, note=ONE_STEP_NOTE) for row in report.policies)
    return replace(report, policies=(*_deployed(storage, number), *noted))


def always_shown(report: Report) -> dict[str, Estimated]:
    """Return what always showing each variant would have earned, as a page shows it.

    The very number of the variant's first row among the policies; unknown where that is
    of one changed decision in an experiment whose decisions change later ones.
    """
    found = {row.variant: NOT_ESTIMATED for row in report.variants}
    for row in reversed(report.policies):
        key = row.policy.removeprefix(FIXED)
        if row.policy.startswith(FIXED) and key in found:
            _, shown = row.shown
            found[key] = NOT_ESTIMATED if row.note == ONE_STEP_NOTE else shown
    return found


def _deployed(storage: Storage, number: int) -> tuple[PolicyRow, ...]:
    """Return the rows of the newest evaluation along histories."""
    for row in storage.jobs.all(number, EVALUATION):
        if row.status == "done" and is_kept(row.request):
            whole = storage.jobs.get(number, row.id)
            if whole is not None and whole.result is not None:
                return msgspec.convert(
                    whole.result["policies"], type=tuple[PolicyRow, ...]
                )
    return ()
