"""Opening of a data folder by a command.

Owns the check that there is a store and a log of this version, and the closing of it.
"""

from collections.abc import Iterator
from contextlib import closing, contextmanager

from bandit_svc.cli.options import settings_of
from bandit_svc.wiring import Backends


@contextmanager
def opened(data: str, **given: object) -> Iterator[Backends]:
    """Yield the store and the log of an initialised data folder.

    Args:
        data: the folder.
        given: other settings, by name.

    Raises:
        Unavailable: there is no store in it, or an older one; the message names the
            command that makes or migrates it. Or a newer version wrote it.
        NewerFormat: a newer version wrote the log.
    """
    with closing(Backends(settings_of(data=data, **given))) as backends:
        backends.storage.secret()
        backends.storage.check_schema()
        backends.reader.check_formats()
        yield backends
