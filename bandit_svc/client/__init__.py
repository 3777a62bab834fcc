"""The client that callers install; it needs the standard library only.

`LocalBandit` needs `policies` too, and is imported when it is first asked for.
"""

from typing import TYPE_CHECKING

from .async_client import AsyncBanditClient
from .client import BanditClient
from .decision import Decision, Slot
from .errors import BanditClientError
from .runtime import Stats

if TYPE_CHECKING:
    from .local.bandit import LocalBandit as LocalBandit

__all__ = [
    "AsyncBanditClient",
    "BanditClient",
    "BanditClientError",
    "Decision",
    "Slot",
    "Stats",
]


def __getattr__(name: str) -> object:
    """Import what needs more than the standard library.

    Raises:
        AttributeError: there is no such name.
        ImportError: `policies` is not installed.
    """
    if name != "LocalBandit":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        from .local.bandit import LocalBandit  # noqa: PLC0415 - the next line says why
    except ImportError as error:
        raise ImportError(
            f"LocalBandit needs `policies` beside the client ({error}); "
            "install bandit-svc-policies, the extra `local`"
        ) from error
    return LocalBandit
