"""Import another system's log into an experiment, all of it or nothing.

Owns the order of the steps. The decisions are kept with the experiment and learned at
the place that its model has reached, before anything that is joined later, so that a
model stays a function of what is stored. A process that is killed leaves rows that
nobody reads; the next import forgets them.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from msgspec.structs import replace

from bandit_svc.domain.experiment import Experiment
from bandit_svc.domain.numbers import counted
from bandit_svc.errors import Conflict, InvalidInput
from bandit_svc.services.decision_logs.imports.read_choices import LogFile
from bandit_svc.services.decision_logs.imports.worded import Worded, Wording
from bandit_svc.storage.imports.kept import ImportedChoice, ImportedFile
from bandit_svc.storage.interface import Storage

BATCH_ROWS = 5_000
_TRIES = 5
_SHOWN_DIGITS = 12


class Imported(NamedTuple):
    """What an import did.

    Attributes:
        file: as it is kept; that of an earlier import where this changed nothing.
        again: true if the same file was imported before, so that nothing was done.
        left_out: how many rows are left out, by reason.
    """

    file: ImportedFile
    again: bool = False
    left_out: Mapping[str, int] = {}


def import_log(
    storage: Storage,
    experiment: Experiment,
    log: LogFile,
    wording: Wording,
    now_ms: int,
    pseudonym: Callable[[str], str] = lambda unit: unit,
    on_progress: Callable[[int], None] = lambda _rows: None,
) -> Imported:
    """Keep the decisions of a file as the next that an experiment learns from.

    Args:
        storage: the service's; it may run.
        experiment: as it is now.
        log: the file.
        wording: of its variants and propensities.
        now_ms: the time.
        pseudonym: returns the name under which a unit is kept.
        on_progress: told how many rows are done.

    Raises:
        Conflict: the experiment is archived, or another import of it is under way.
        InvalidInput: the experiment doesn't have its variants, or there is nothing.
        UnreadableLog: more rows can't be right than were allowed.
    """
    number = experiment.number
    if experiment.definition.status == "archived":
        raise Conflict(
            f"experiment {experiment.key!r} is archived, and learns no more; import "
            "into one that is not"
        )
    with storage.leases.hold(f"import-{number}") as held:
        if held is None:
            raise Conflict(
                f"another import into {experiment.key!r} is under way; wait for its end"
            )
        sha256 = log.sha256()
        for file in storage.imports.files(number):
            if file.sha256 == sha256:
                return Imported(file, again=True)
        worded = Worded(experiment, wording, log.bad)
        first = storage.imports.begin(number)
        last = _kept(storage, number, first, log, worded, pseudonym, on_progress)
        worded.refuse_unknown()
        if log.bad.count:
            worded.left_out["bad"] += log.bad.count
        if last == first:
            raise InvalidInput(
                f"{log.path} has no decision that can be learned from"
                + _listed(worded.left_out)
            )
        file = ImportedFile(log.path.name, sha256, last - first, last, now_ms)
        _complete(storage, experiment.key, file)
        return Imported(file, left_out=dict(worded.left_out))


def _kept(
    storage: Storage,
    number: int,
    position: int,
    log: LogFile,
    worded: Worded,
    pseudonym: Callable[[str], str],
    on_progress: Callable[[int], None],
) -> int:
    """Keep the rows of a file behind a position; return the last position."""
    waiting: list[ImportedChoice] = []
    for done, read in enumerate(log.choices(), 1):
        choice = worded.choice(read)
        if choice is not None and choice.unit_id is not None:
            choice = replace(choice, unit_id=pseudonym(choice.unit_id))
        if choice is not None:
            waiting.append(choice)
        if len(waiting) == BATCH_ROWS:
            storage.imports.add(number, position, waiting)
            position += len(waiting)
            waiting = []
        on_progress(done)
    storage.imports.add(number, position, waiting)
    return position + len(waiting)


def _complete(storage: Storage, key: str, file: ImportedFile) -> None:
    """Make them part of what is learned, whoever changes the definition meanwhile."""
    note = (
        f"import: {counted(file.decisions, 'decision')} of {file.name} (sha256 "
        f"{file.sha256[:_SHOWN_DIGITS]}...)"
    )
    for _ in range(_TRIES - 1):
        try:
            storage.imports.complete(storage.experiments.get(key), file, note)
        except Conflict:
            continue
        return
    storage.imports.complete(storage.experiments.get(key), file, note)


def _listed(left_out: Mapping[str, int]) -> str:
    if not left_out:
        return ""
    listed = ", ".join(f"{n:,} {reason}" for reason, n in left_out.items())
    return f" (left out: {listed})"
