"""`bandit-svc tune`: would other settings of the policy earn more?

Owns the options and the order of search, leaderboard and promotion; the numbers are
services.evaluation.tune's.
"""

from pathlib import Path

import click
from msgspec import to_builtins

from bandit_svc.cli.evaluation.threads import one_thread_each
from bandit_svc.cli.evaluation.tune_text import board_csv, board_text
from bandit_svc.cli.opening import opened
from bandit_svc.cli.options import (
    data_option,
    option,
    processes_option,
    result_options,
)
from bandit_svc.cli.output import as_json, emit
from bandit_svc.cli.plain_file import plain_values
from bandit_svc.cli.progress import counting
from bandit_svc.clock import now_ms
from bandit_svc.domain.experiment import Experiment
from bandit_svc.domain.numbers import counted
from bandit_svc.domain.plain_values import Payload, Spec
from bandit_svc.services.evaluation.labels import default_name
from bandit_svc.services.evaluation.search_space import (
    TRIALS,
    Search,
    space_of,
    specs_to_try,
)
from bandit_svc.services.evaluation.tune import (
    Leaderboard,
    Promotion,
    check_still_served,
    promotion,
    verdict_of,
)
from bandit_svc.services.evaluation.tune import tune as searched
from bandit_svc.services.managing import lifecycle
from bandit_svc.services.managing.splits.promoting import FIRST_SHARE, split_patch
from bandit_svc.wiring import Backends


@click.command()
@click.argument("key")
@data_option
@option(
    "search",
    type=click.Choice(("grid", "random")),
    default="grid",
    help="grid tries every spec of the space, random a sample of them.",
)
@option(
    "trials",
    type=click.IntRange(min=1),
    help=f"Number of specs in a random sample. Default: {TRIALS}.",
)
@option("seed", type=int, default=1, help="Seed of the random sample, a whole number.")
@processes_option
@option(
    "space",
    type=click.Path(path_type=Path),
    help="TOML or JSON file of the values to try: a list for each setting of vw, and a "
    "table for each other kind, such as [linear].",
)
@option(
    "promote",
    is_flag=True,
    show_default=False,
    help="Serve the best spec if its difference is above 0 with the whole interval; "
    "else exit 1.",
)
@option(
    "split",
    is_flag=True,
    show_default=False,
    help=f"With --promote, serve the best spec to {FIRST_SHARE:.0%} of the units at "
    "first, and go on by what both earn there.",
)
@result_options("text", "json", "csv")
def tune(  # noqa: PLR0913 - one argument an option
    *,
    key: str,
    data: str,
    search: Search,
    trials: int | None,
    seed: int,
    processes: int,
    space: Path | None,
    promote: bool,
    split: bool,
    format: str,  # noqa: A002 - the option's name
    out: Path | None,
) -> None:
    """Search settings of the policy on an experiment's own log.

    Every spec is trained as the log goes, each decision evaluated before it is learned
    from. All intervals of the leaderboard hold together.

    Example: bandit-svc tune homepage-hero --promote
    """
    if split and not promote:
        raise click.UsageError("--split says how to promote; add --promote")
    listed = None if space is None else space_of(plain_values(space))
    with opened(data) as backends:
        experiment = backends.storage.experiments.get(key)
        incumbent = experiment.definition.policy
        specs = specs_to_try(incumbent, listed, search, trials, seed)
        board = _board(backends, experiment, specs, processes)
        found = promotion(board, split=split)
        verdict = verdict_of(board, split=split)
        if promote and found is not None:
            check_still_served(experiment, backends.storage.experiments.get(key))
            patch = _patch(found, split=split)
            changed = lifecycle.change(
                *(backends.storage, key, patch, now_ms(), found.note), who="tune"
            )
            verdict += _done(changed, split=split)
    promoted = promote and found is not None
    shown = {"verdict": verdict, "promoted": promoted, **to_builtins(board)}
    written = {
        "text": lambda: board_text(board, verdict),
        "json": lambda: as_json(shown),
        "csv": lambda: board_csv(board),
    }
    emit(written[format](), out)
    if promote and found is None:
        raise click.ClickException(f"nothing was changed. {verdict}")


def _patch(found: Promotion, *, split: bool) -> Payload:
    if not split:
        return {"policy": found.spec}
    return split_patch(default_name(found.spec), found.spec, FIRST_SHARE, found.note)


def _done(changed: Experiment, *, split: bool) -> str:
    """Return what a promotion has begun, as sentences."""
    if split:
        return (
            f" It gets {FIRST_SHARE:.0%} of the units from revision "
            f"{changed.revision} on, as soon as it has caught up with the log; GET "
            f"/v1/experiments/{changed.key}/splits says how it goes."
        )
    return (
        f" It is the policy from revision {changed.revision} on; the old one serves "
        "until it has caught up with the log."
    )


def _board(
    backends: Backends, experiment: Experiment, specs: list[Spec], processes: int
) -> Leaderboard:
    total = backends.storage.joins.last_position(experiment.number)
    words = f"joined decisions under {counted(len(specs), 'spec')}"
    with counting(f"Tuning {experiment.key}", total) as show, one_thread_each():
        return searched(
            backends.opener,
            experiment,
            specs,
            processes,
            lambda done: show(done, words),
        )
