"""The client that callers install; it needs the standard library only."""

from .client import BanditClient
from .decision import Decision, Slot
from .errors import BanditClientError

__all__ = ["BanditClient", "BanditClientError", "Decision", "Slot"]
