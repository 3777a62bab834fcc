"""The client that callers install; it needs the standard library only."""

from bandit_svc.client.client import BanditClient
from bandit_svc.client.decision import Decision, Slot
from bandit_svc.client.errors import BanditClientError

__all__ = ["BanditClient", "BanditClientError", "Decision", "Slot"]
