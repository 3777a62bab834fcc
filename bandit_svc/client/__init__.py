"""The client that callers install; it needs the standard library only."""

from .async_client import AsyncBanditClient
from .client import BanditClient
from .decision import Decision, Slot
from .errors import BanditClientError
from .runtime import Stats

__all__ = [
    "AsyncBanditClient",
    "BanditClient",
    "BanditClientError",
    "Decision",
    "Slot",
    "Stats",
]
