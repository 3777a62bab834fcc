"""The models that a process decides by, kept as new as the service's.

Owns which experiments are wanted, and what is known of each. `refresh` is called by
the background thread alone; everything else by any thread.
"""

import threading
from typing import NamedTuple
from urllib.parse import quote

from policies.base import PolicyError

from .model import LocalModel
from .service import Reply, Service

_OK, _SAME, _LEAST_FAILURE, _LEAST_FAULT = 200, 304, 400, 500


class Refused(NamedTuple):
    """Why an experiment can't be decided now."""

    status: int | None
    reason: str


class Downloads:
    """Models by the key of their experiment."""

    def __init__(self) -> None:
        self.models: dict[str, LocalModel] = {}
        """Read by each decision."""
        self._refused: dict[str, Refused] = {}
        self._tags: dict[str, str | None] = {}
        self._looked = threading.Condition()

    def anew(self) -> "Downloads":
        """Return the same wishes without the models."""
        found = Downloads()
        found._tags = dict.fromkeys(self._tags)
        return found

    def want(self, experiment: str) -> bool:
        """Ask for an experiment; return whether it was not asked for before."""
        with self._looked:
            if experiment in self._tags:
                return False
            self._tags[experiment] = None
            return True

    def wanted(self) -> list[str]:
        """Return the experiments that are asked for."""
        with self._looked:
            return list(self._tags)

    def wait(self, experiment: str, timeout_s: float) -> LocalModel | None:
        """Return a model once the service has answered; None where it has none."""
        with self._looked:
            self._looked.wait_for(
                lambda: experiment in self.models or experiment in self._refused,
                timeout_s,
            )
            return self.models.get(experiment)

    def refused(self, experiment: str) -> Refused:
        """Return why there is no model."""
        nothing = Refused(None, "the model has not been loaded yet")
        return self._refused.get(experiment, nothing)

    def refresh(self, service: Service, experiment: str) -> None:
        """Ask whether there is a newer model, and swap it in."""
        path = f"/v1/experiments/{quote(experiment, safe='')}/models/latest/download"
        reply = service.get(path, self._tags[experiment])
        if reply.status == _SAME:
            return
        model: LocalModel | None = None
        refused = Refused(reply.status, reply.reason)
        if reply.status == _OK:
            try:
                model = LocalModel(reply.body)
            except PolicyError as error:
                refused = Refused(_OK, error.message)
        with self._looked:
            if model is not None:
                self.models[experiment] = model
                self._tags[experiment] = reply.tag
                self._refused.pop(experiment, None)
            else:
                self._refused[experiment] = refused
                if _is_final(reply):
                    # It is paused, say, or the key was revoked.
                    self.models.pop(experiment, None)
                    self._tags[experiment] = None
            self._looked.notify_all()


def _is_final(reply: Reply) -> bool:
    """Return whether the service has said that it can't be decided."""
    return reply.status is not None and _LEAST_FAILURE <= reply.status < _LEAST_FAULT
