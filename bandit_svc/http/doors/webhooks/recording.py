"""What becomes of the events of a delivery.

Owns the order of the steps. Rewards and events go the way of /v1/rewards and
/v1/events: the same checks, pseudonyms, consent and log.
"""

from typing import Final

import msgspec

from bandit_svc import metrics
from bandit_svc.domain.doors.mapped import Incoming, Output, Skipped, mapped
from bandit_svc.domain.doors.mapping import Mapping, parse_mapping
from bandit_svc.domain.doors.paths import decimal_of
from bandit_svc.domain.doors.total_names import name_of_total, owner_of
from bandit_svc.domain.plain_values import Payload
from bandit_svc.errors import (
    BanditError,
    FieldError,
    InvalidInput,
    NotFound,
    TooManyRequests,
    Unavailable,
)
from bandit_svc.http.answers import RewardAnswer
from bandit_svc.http.incoming.caller import Caller
from bandit_svc.http.people.bodies import EventAnswer
from bandit_svc.http.people.events import event_one
from bandit_svc.http.people.unit_names import kept_name
from bandit_svc.http.request_context import RequestContext
from bandit_svc.http.rewards import reward_one
from bandit_svc.storage.doors.corrected import Total
from bandit_svc.storage.doors.sources import SourceRow

TRUSTED: Final = Caller()
"""A signature is worth a secret key."""
_reward_answer = msgspec.json.Decoder(RewardAnswer).decode
_event_answer = msgspec.json.Decoder(EventAnswer).decode


class WebhookOutcome(msgspec.Struct, omit_defaults=True):
    """What became of a delivery, or of one part of it.

    Attributes:
        status: as of a reward or an event; `superseded` where a newer total of the
            reward is known, `ignored` where there is nothing to do, `currency` where
            its currency is not taken.
        detail: why there was nothing to do.
    """

    status: str
    reward_id: str | None = None
    event_id: str | None = None
    decision_id: str | None = None
    metric: str | None = None
    experiment: str | None = None
    detail: str = ""


_MOST_NAMED: Final = 100
"""Sources with a label of their own."""


def label_of(request_context: RequestContext, source: SourceRow) -> str:
    """Return the label under which a source is counted."""
    names = request_context.worker.catalog.sources().first(_MOST_NAMED)
    return source.name if source.name in names else metrics.OTHER


class Mappings:
    """The mappings of the sources, each parsed once for its row. Thread-safe."""

    def __init__(self) -> None:
        self._parsed: dict[str, tuple[SourceRow, Mapping | None]] = {}

    def of(self, source: SourceRow) -> Mapping | None:
        """Return the mapping of a source, or None for none."""
        known = self._parsed.get(source.name)
        if known is None or known[0] is not source:
            given = source.mapping
            known = source, None if given is None else parse_mapping(given)
            self._parsed[source.name] = known
        return known[1]


def take(
    request_context: RequestContext,
    source: SourceRow,
    mapping: Mapping | None,
    event: Incoming,
) -> list[WebhookOutcome]:
    """Record what an event becomes, durably.

    Raises:
        InvalidInput: nothing can become of it, however often it is sent.
        Unavailable: it can't be made durable now.
    """
    if event.test and not source.test_mode:
        return [WebhookOutcome("ignored", detail="it is of the sender's test mode")]
    now_ms = request_context.now_ms()
    outputs = mapped(mapping, event, now_ms)
    place = "" if mapping is not None else "/data"
    return [
        WebhookOutcome(one.reason, experiment=one.experiment, detail=one.detail)
        if isinstance(one, Skipped)
        else _recorded(request_context, source, event, one, event.place + place)
        for one in outputs
    ]


def _recorded(
    request_context: RequestContext,
    source: SourceRow,
    event: Incoming,
    output: Output,
    place: str,
) -> WebhookOutcome:
    try:
        if output.to == "event":
            told = event_one(request_context, _encoded(output.body), TRUSTED)
            answer = _event_answer(told.body)
            return WebhookOutcome(answer.status, event_id=answer.event_id)
        if _is_of_another(request_context, output):
            detail = "the decision is of another experiment than the rule"
            return WebhookOutcome(
                "ignored", experiment=output.experiment, detail=detail
            )
        if not output.corrects:
            return _reward(request_context, output.body)
        return _correction(request_context, source, event, output)
    except (Unavailable, TooManyRequests):
        raise
    except BanditError as error:
        fields = [FieldError(place + f.pointer, f.detail) for f in error.fields]
        raise InvalidInput(error.message, *fields) from error


def _is_of_another(request_context: RequestContext, output: Output) -> bool:
    """Return whether a rule is for another experiment than that of the decision."""
    decision_id = output.body.get("decision_id")
    if output.experiment is None or not isinstance(decision_id, str):
        return False
    worker = request_context.worker
    number = worker.ids.read(decision_id).experiment_number
    return worker.catalog.by_number(number).key != output.experiment


def _correction(
    request_context: RequestContext,
    source: SourceRow,
    event: Incoming,
    output: Output,
) -> WebhookOutcome:
    """Record a new total, unless a newer one of the same reward is known."""
    body = output.body
    corrected = request_context.worker.storage.corrected
    value = decimal_of(body.get("value"))
    if value is None:
        # Its own route says what is wrong.
        return _reward(request_context, body)
    now_ms = request_context.now_ms()
    owner = _owner_of(request_context, body)
    of = output.experiment or _text(body, "experiment") or ""
    parts = [_text(body, part) or "" for part in ("reward_id", "metric")]
    name = name_of_total(owner, (source.name, of, *parts))
    came = name_of_total(owner, (source.name, of, *parts, event.id))
    rank = output.rank
    if rank is None:
        # Of negative times the highest is kept, which is the first one.
        rank = -corrected.keep(came, Total(-now_ms, event.id, 0.0), now_ms).rank
    own = Total(rank, event.id, float(value))
    if corrected.keep(name, own, now_ms) != own:
        return WebhookOutcome("superseded", reward_id=_text(body, "reward_id"))
    try:
        outcome = _total(request_context, body)
    except Unavailable:
        raise
    except BanditError:
        corrected.forget(name)
        corrected.forget(came)
        raise
    if outcome.status == "dropped":
        # Nothing is kept of a unit that denied consent.
        corrected.forget(owner_of(owner))
        return outcome
    newest = corrected.keep(name, own, now_ms)
    if newest != own:
        # Another worker has kept it meanwhile, and of two the last one holds.
        _total(request_context, body | {"value": newest.value})
    return outcome


def _total(request_context: RequestContext, body: Payload) -> WebhookOutcome:
    """Correct a reward; where it has not come yet, this total is what it is worth."""
    try:
        return _reward(request_context, body)
    except NotFound:
        first = {name: value for name, value in body.items() if name != "correction"}
        outcome = _reward(request_context, first)
        if outcome.status == "dropped":
            return outcome
        # The reward itself may have come meanwhile, and of two the first one counts.
        _reward(request_context, body)
        return outcome


def _owner_of(request_context: RequestContext, body: Payload) -> str:
    """Return the unit, as it is kept, or the decision that a reward is of."""
    unit_id = body.get("unit_id")
    if isinstance(unit_id, str):
        return kept_name(request_context, TRUSTED, unit_id)
    return _text(body, "decision_id") or ""


def _text(body: Payload, name: str) -> str | None:
    found = body.get(name)
    return found if isinstance(found, str) else None


def _reward(request_context: RequestContext, body: Payload) -> WebhookOutcome:
    told = reward_one(request_context, _encoded(body), TRUSTED)
    answer = _reward_answer(told.body)
    return WebhookOutcome(
        answer.status,
        reward_id=answer.reward_id,
        decision_id=answer.decision_id,
        metric=answer.metric,
    )


def _encoded(body: Payload) -> bytes:
    return msgspec.json.encode(body)
