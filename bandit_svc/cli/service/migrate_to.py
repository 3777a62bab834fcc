"""`bandit-svc migrate-to`: all that a store holds to a store of another kind, and back.

Owns the words of what was done and of what comes next. The move and its comparisons are
services.managing.moving's; services.learning.replay learns models anew.
"""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Final

import click

from bandit_svc.cli.columns import echo_rows
from bandit_svc.cli.opening import opened
from bandit_svc.cli.options import data_option, option, settings_of
from bandit_svc.cli.progress import counting
from bandit_svc.domain.experiment import Experiment
from bandit_svc.domain.numbers import counted
from bandit_svc.errors import Conflict
from bandit_svc.services.learning.replay import Replayed, replay, replay_branch
from bandit_svc.services.managing.moving.move_store import move_store
from bandit_svc.services.managing.moving.ports import MoveSteps
from bandit_svc.storage.control.leases import LEARNER
from bandit_svc.storage.control.place import shown_place
from bandit_svc.storage.interface import Storage
from bandit_svc.wiring import Backends, move_ports, store_in_use

_PERCENT: Final = 100


@click.command("migrate-to")
@data_option
@option(
    "store",
    own=True,
    metavar="URL",
    help="Address of the new store, where nothing may be yet: "
    "postgresql://USER@HOST:PORT/DATABASE?schema=NAME, or sqlite:///FOLDER.",
)
@option(
    "stream",
    own=True,
    default="",
    metavar="URL",
    help="Address of the stream that BANDIT_STREAM will name, if the event log goes "
    "through one from now on: nats://HOST/NAME?partitions=N.",
)
@option(
    "skip-replay",
    is_flag=True,
    show_default=False,
    help="Don't learn the models anew from the new store; it takes some 30 s for each "
    "million decisions.",
)
@option(
    "undo",
    is_flag=True,
    show_default=False,
    help="Use the store of the data folder, or of BANDIT_STORE, again, which was left "
    "by a move; what has come to the other one since stays there.",
)
def migrate_to(
    data: str, store: str | None, stream: str, *, skip_replay: bool, undo: bool
) -> None:
    """Copy all that the store holds to a new one, and compare the two.

    The store that is left is the one of BANDIT_STORE, or of the data folder; no learner
    may run. The new store is only there when every table, every model and every sum is
    the same; a command that fails, or is killed, leaves none and can be begun again.
    Then set BANDIT_STORE to the new address for every process, and start them.

    Example: bandit-svc migrate-to --store postgresql://bandit@db/bandit
    """
    if (store is None) != undo:
        raise click.UsageError("name either the new store's --store or --undo")
    if store is None:
        with closing(Backends(settings_of(data=data))) as backends:
            backends.storage.secret()
            store_in_use(backends).leave(None)
        click.echo("The store is used again.")
        return
    replayed: list[str] = []

    def verify(new: Storage) -> None:
        if not skip_replay:
            replayed.extend(_replay_all(backends.storage, new))

    with opened(data) as backends, _standing_still(backends.storage):
        with counting("Moving", _PERCENT) as show:
            steps = MoveSteps(
                lambda done, total, words: show(_PERCENT * done // total, words),
                verify,
            )
            moved = move_store(move_ports(backends, store, stream), steps)
        where = shown_place(store, backends.folder)
    echo_rows(
        [
            ["rows", f"{moved.rows:,} of {len(moved.tables)} tables, all equal"],
            ["models", f"{moved.models:,}, every sha256 equal"],
            *(["replayed", words] for words in replayed),
        ]
    )
    if moved.left_behind:
        rows = counted(moved.left_behind, "row")
        click.echo(
            f"Note: {rows} with a damage that you have acknowledged stayed behind."
        )
    click.echo(
        f"Moved to {where}. Set BANDIT_STORE to its address for every process, then "
        "start them. The store that was left is as it was, but for a mark: no process "
        "starts over it."
    )


@contextmanager
def _standing_still(storage: Storage) -> Iterator[None]:
    """Keep learners from the store.

    Raises:
        Conflict: one runs.
    """
    with storage.leases.hold(LEARNER) as learner, storage.leases.hold("jobs") as jobs:
        if learner is None or jobs is None:
            holder = storage.leases.holder(LEARNER if learner is None else "jobs")
            raise Conflict(
                f"{holder or 'a process'} writes to the store now; stop the learner "
                "(or `serve`), and let the web processes run, which only add to the "
                "event log. Nothing was moved"
            )
        yield


def _replay_all(left: Storage, new: Storage) -> Iterator[str]:
    """Learn each model anew from the new store; yield what it came to, in words.

    Raises:
        Conflict: it gives another model than the store that is left.
    """
    for experiment in new.experiments.all():
        if new.model_versions.newest(experiment.number) is None:
            continue
        results = _replayed(new, experiment)
        if all(result.matches for result in results):
            yield f"{experiment.key}: the published model"
        elif results == _replayed(left, experiment):
            yield f"{experiment.key}: not the published model, as in the store left"
        else:
            raise Conflict(
                f"the new store gives another model of {experiment.key} than the one "
                "that is left. Nothing was moved"
            )


def _replayed(storage: Storage, experiment: Experiment) -> list[Replayed]:
    both = replay(storage, experiment), replay_branch(storage, experiment)
    return [result for result in both if result is not None]
