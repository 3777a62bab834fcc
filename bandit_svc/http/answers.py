"""Turn values into JSON answers.

Owns the response shapes of deciding and of reporting a reward; records.py has those of
reading.
"""

from collections.abc import Generator, Mapping
from typing import Any

import msgspec
from flask import Response, g

from bandit_svc.domain.apprentice.mode import APPRENTICE, Mode
from bandit_svc.domain.events.reward import Correction, Reward
from bandit_svc.domain.programmes.membership import Membership, ProgrammeGroup
from bandit_svc.domain.times import timestamp
from bandit_svc.services.serving.decide import Decided

JSON = "application/json"
_encode = msgspec.json.Encoder().encode


class Reply(msgspec.Struct, gc=False):
    """An answer that no framework has shaped yet.

    `headers` has those of this answer alone; headers.py adds those of all answers.
    `request_id` names the request; None until it has a name.
    """

    status: int
    body: bytes
    mimetype: str = JSON
    headers: Mapping[str, str] | None = None
    request_id: str | None = None

    def to_flask(self) -> Response:
        """Return the same answer as a response of Flask."""
        response = Response(
            self.body,
            status=self.status,
            mimetype=self.mimetype,
            headers=dict(self.headers or {}),
        )
        if self.request_id is not None:
            g.request_id = self.request_id
        return response


Steps = Generator[None, None, Reply]
"""Makes an answer, and pauses after each item of a batch."""


def made_at_once(steps: Steps) -> Reply:
    """Return the answer that the steps make, without a pause."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            reply: Reply = end.value
            return reply


class ProgrammeMark(msgspec.Struct, gc=False):
    """The group of a unit in the programme of an experiment.

    Attributes:
        key: of the programme.
        instead: the experiment of the same layer that the unit meets in place of this
            one; left out where it meets this one.
    """

    key: str
    group: ProgrammeGroup
    instead: str | msgspec.UnsetType = msgspec.UNSET


def programme_mark(
    membership: Membership | None,
) -> ProgrammeMark | msgspec.UnsetType:
    """Return what an answer says of a programme; nothing without one."""
    if membership is None:
        return msgspec.UNSET
    instead = membership.instead
    return ProgrammeMark(
        membership.key, membership.group, msgspec.UNSET if instead is None else instead
    )


class DecisionAnswer(msgspec.Struct, gc=False):
    """The answer to POST /v1/decisions.

    Attributes:
        repeat: the unit keeps what was chosen for it before; left out where not.
        ineligible: the variants that their own conditions kept out, each with the
            reason; left out where there is none.
        programme: the group of the unit in the experiment's programme; left out where
            it is in none.
        propensity: null where the caller's own system chose, with an unknown chance.
        mode: `apprentice` where the caller's own system chose; left out where not.
    """

    decision_id: str
    experiment: str
    variant: str
    payload: Any
    propensity: float | None
    group: str
    model_version: int
    expires_at: str
    repeat: bool | msgspec.UnsetType = msgspec.UNSET
    ineligible: Mapping[str, str] | msgspec.UnsetType = msgspec.UNSET
    programme: ProgrammeMark | msgspec.UnsetType = msgspec.UNSET
    mode: Mode | msgspec.UnsetType = msgspec.UNSET


class RewardAnswer(msgspec.Struct, gc=False):
    """The answer to POST /v1/rewards: the reward is durable.

    Attributes:
        decision_id: null for a reward of a unit that has no decision yet.
        status: what the store says of it now; `duplicate` also where a correction
            changes nothing; `dropped` where the unit has denied consent,
            or was erased after what it reports.
        clipped: the value is outside the declared range, whose end counts in its place.
            Left out where it is within.
    """

    decision_id: str | None
    metric: str
    reward_id: str | None
    status: str = "accepted"
    clipped: bool | msgspec.UnsetType = msgspec.UNSET


def decision_answer(decided: Decided) -> DecisionAnswer:
    """Return a decision as its caller gets it."""
    decision = decided.decision
    # In the order of the struct, as names cost time.
    return DecisionAnswer(
        decision.id,
        decision.experiment,
        decision.variant,
        decided.payload,
        decision.told_propensity,
        decision.group,
        decision.model_version,
        timestamp(decided.expires_at_ms),
        True if decided.given_again else msgspec.UNSET,
        decided.ineligible or msgspec.UNSET,
        programme_mark(decision.programme),
        msgspec.UNSET if decision.shown is None else APPRENTICE,
    )


def reward_answer(
    reward: Reward | Correction, status: str = "accepted"
) -> RewardAnswer:
    """Return a reward, or its correction, as its caller gets it."""
    return RewardAnswer(
        decision_id=reward.decision_id,
        metric=reward.metric,
        reward_id=reward.reward_id or None,
        status=status,
        clipped=True if reward.clipped else msgspec.UNSET,
    )


def json_reply(
    value: object, status: int = 200, headers: Mapping[str, str] | None = None
) -> Reply:
    """Return any msgspec value as a JSON answer."""
    return Reply(status, _encode(value), JSON, headers)
