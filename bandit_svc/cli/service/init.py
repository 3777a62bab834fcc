"""`bandit-svc init`: make a data folder that can be served.

Owns what is printed once. Making keys belongs to services.managing.issue_keys.
"""

import secrets
from contextlib import closing

import click

from bandit_svc.cli.columns import echo_rows
from bandit_svc.cli.options import data_option, settings_of
from bandit_svc.cli.service.private_folder import make_private
from bandit_svc.clock import now_ms
from bandit_svc.domain.events.decision_id import SECRET_BYTES
from bandit_svc.errors import Conflict
from bandit_svc.services.managing.issue_keys import ENTROPY_BYTES, issue_key
from bandit_svc.services.people.pseudonyms import KEY_BYTES
from bandit_svc.storage.control.place import shown_place
from bandit_svc.wiring import Backends


@click.command()
@data_option
def init(data: str) -> None:
    """Create the store and print one secret and one publishable key, once.

    In a folder that was initialised before, a store of an earlier version is migrated,
    nothing else changes, and the exit code is 1.

    Example: bandit-svc init --data ./data
    """
    with closing(Backends(settings_of(data=data))) as backends:
        storage = backends.storage
        place = shown_place(backends.settings.store, backends.folder)
        make_private(backends.folder)
        backends.reader.check_formats()
        storage.migrate()
        if not storage.initialise(
            secrets.token_bytes(SECRET_BYTES),
            now_ms(),
            secrets.token_bytes(KEY_BYTES),
        ):
            raise Conflict(
                f"{place} is initialised already, and its keys are as "
                "they were; `bandit-svc keys create` makes another one"
            )
        secret = issue_key(
            storage.keys, "secret", secrets.token_bytes(ENTROPY_BYTES), now_ms()
        )
        publishable = issue_key(
            storage.keys, "publishable", secrets.token_bytes(ENTROPY_BYTES), now_ms()
        )
    click.echo(f"Initialised {place}.")
    echo_rows([["secret", secret.text], ["publishable", publishable.text]])
    click.echo(
        "Keep these keys now; they are not shown again. The secret key may do "
        "everything; the publishable key may decide and report rewards."
    )
