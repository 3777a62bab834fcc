"""The ports of the verbs of this room.

Owns the one bundle of ports that a request's verb takes, so that they all read alike.
"""

from typing import NamedTuple

from bandit_svc.domain.events.codec import FactDecoder
from bandit_svc.domain.events.decision_encoder import DecisionEncoder
from bandit_svc.domain.events.decision_id import DecisionIds
from bandit_svc.eventlog.interface import EventLogWriter, FirstAnswers
from bandit_svc.services.people.persons import Persons
from bandit_svc.services.serving.callers.first_answer import AskingLog
from bandit_svc.services.serving.catalog import Catalog
from bandit_svc.services.serving.corrections.known_rewards import KnownRewards
from bandit_svc.services.serving.enriching.enrichers import Surroundings
from bandit_svc.services.serving.kept_choices import KeptChoices
from bandit_svc.services.serving.limits.room import LimitPorts
from bandit_svc.services.serving.metric_names import MetricNames
from bandit_svc.services.serving.recent_requests import RecentRequests
from bandit_svc.storage.credits import Credits


class ServingPorts(NamedTuple):
    """The ports of one serving process; each is thread-safe."""

    catalog: Catalog
    log: EventLogWriter
    ids: DecisionIds
    recent: RecentRequests
    encoder: DecisionEncoder
    metric_names: MetricNames
    persons: Persons
    kept: KeptChoices
    known_rewards: KnownRewards
    credits: Credits
    limits: LimitPorts
    surroundings: Surroundings
    decoder: FactDecoder
    first_answers: FirstAnswers | None = None
    """Those whom machines that share a stream ask; None without a stream."""

    def asking_log(self, now_ms: int) -> AskingLog:
        """Return the log for one decision that others may have answered.

        Raises:
            ValueError: there is nobody to ask.
        """
        if self.first_answers is None:
            raise ValueError("without a stream nobody else can have answered")
        return AskingLog(self.log, self.first_answers, self.decoder, now_ms)
