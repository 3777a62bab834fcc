"""Open files of a process: how many it may have, and how many are connections.

Owns the limit of the operating system (`ulimit -n`), which a process may raise for
itself up to its hard limit.
"""

import resource

from bandit_svc.errors import InvalidInput
from bandit_svc.settings import Settings

OWN_FILES = 128
"""Kept for files that are no connections: store, log, metrics, libraries."""
LEAST_CONNECTIONS = 64
MOST_FILES = 2**20


def check_descriptors(settings: Settings) -> None:
    """Raise the limit as far as it goes; refuse settings that it can't carry.

    Raises:
        InvalidInput: the hard limit is too low.
    """
    allowed = _raised()
    wanted = settings.connections or LEAST_CONNECTIONS
    if wanted + OWN_FILES > allowed:
        raise InvalidInput(
            f"a process may have {allowed} open files (ulimit -n), and "
            f"{wanted} connections of a worker need {wanted + OWN_FILES}; raise the "
            "limit, or set a lower --connections"
        )


def most_connections(settings: Settings) -> int:
    """Return how many connections a worker may hold; beyond, it answers 503."""
    room = max(LEAST_CONNECTIONS, _raised() - OWN_FILES)
    return min(settings.connections or room, room)


def _raised() -> int:
    """Raise the soft limit towards the hard one; return it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, MOST_FILES)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    return most
