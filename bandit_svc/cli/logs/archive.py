"""`bandit-svc archive`: joined decisions into the archive, now.

Owns the words of what was done; services.archiving does it.
"""

import click

from bandit_svc.cli.opening import opened
from bandit_svc.cli.options import data_option, option, setting_options
from bandit_svc.cli.progress import counting
from bandit_svc.clock import now_ms
from bandit_svc.domain.numbers import counted
from bandit_svc.errors import InvalidInput
from bandit_svc.services.archiving.archive_joined import ArchiveWork, archive_joined
from bandit_svc.services.archiving.drop_archived import drop_archived
from bandit_svc.services.archiving.mend_archive import mend_archive


@click.command()
@data_option
@setting_options("archive", "keep_days")
@option(
    "mend",
    is_flag=True,
    show_default=False,
    help="Write files again that are missing or altered, from the store.",
)
def archive(data: str, archive: str, keep_days: int, *, mend: bool) -> None:
    """Write the joined decisions of days that are over to the archive.

    With --keep-days, those that are older leave the store.

    The learner of a service with an archive does it by itself. May run beside it.

    Example: bandit-svc archive --archive file:///var/lib/bandit/archive
    """
    with opened(data, archive=archive, keep_days=keep_days) as backends:
        ports = backends.archive
        if ports is None:
            raise InvalidInput(
                "no archive is set; pass --archive URL, such as "
                "file:///var/lib/bandit/archive"
            )
        for experiment in backends.storage.experiments.all():
            total = backends.storage.joins.last_position(experiment.number)
            with counting(f"Archiving {experiment.key}", total) as show:
                mended = mend_archive(ports, experiment) if mend else 0
                done = archive_joined(
                    ports,
                    experiment,
                    now_ms(),
                    lambda at, _of: show(at, "joined decisions"),
                )
                dropped = drop_archived(ports, experiment, now_ms(), keep_days)
            click.echo(f"{experiment.key}: {_words(done, mended, dropped)}")


def _words(done: ArchiveWork, mended: int, dropped: int) -> str:
    words = [f"{counted(done.written, 'file')} written"]
    if done.rewritten:
        words.append(f"{done.rewritten:,} written again with what was changed")
    if mended:
        words.append(f"{mended:,} mended")
    if dropped:
        words.append(f"{dropped:,} joined decisions dropped from the store")
    return ", ".join(words)
