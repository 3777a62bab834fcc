"""Log a decision that a caller made in its own process.

Owns what is checked of it: all that follows from its id, its experiment and its
context. That the pmf is the model's is asked of the model that serves now, for some of
the records; of an older model, and of a context, the caller's word is taken.
"""

import hashlib
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final, Literal, NamedTuple

import msgspec

from bandit_svc.domain.context import check_context
from bandit_svc.domain.events.decision import Decision
from bandit_svc.domain.events.decision_encoder import DecisionEncoder
from bandit_svc.domain.events.decision_id import (
    draw_from_id,
    facts_of,
    raw_id,
    tag_of,
    uniform_from_id,
)
from bandit_svc.domain.experiment import (
    BASELINE,
    Experiment,
    Group,
    assign_group,
    group_of,
)
from bandit_svc.domain.limits import CLOCK_SKEW_MS, DAY_MS
from bandit_svc.domain.local.mark import ClientName, Ended, LocalMark, Sequence
from bandit_svc.domain.plain_values import Payload
from bandit_svc.domain.times import moment
from bandit_svc.errors import Conflict, FieldError, Forbidden, InvalidInput
from bandit_svc.eventlog.interface import EventLogWriter
from bandit_svc.services.serving.callers.visits import Visit, visit_of
from bandit_svc.services.serving.local.known_decisions import KnownDecisions
from bandit_svc.services.serving.local.revision_rules import KnownRules, RevisionRules
from bandit_svc.services.serving.ports import ServingPorts
from bandit_svc.services.serving.served_experiment import ServedExperiment
from policies.base import PolicyError
from policies.draws.chances import Chances, Sides
from policies.pmf import mix_floor, sample, validate_pmf

LATEST_MS: Final = DAY_MS
"""A record that comes later than this after its decision is refused."""
SAME: Final = 1e-9
"""Machines differ in the last bits of a pmf, hardly more."""
LocalStatus = Literal["accepted", "duplicate"]
_Chance = Annotated[float, msgspec.Meta(ge=0.0, le=1.0 + SAME)]


class LoggedChance(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """An eligible variant of a record.

    Attributes:
        probability: with which it was drawn.
        treatment: in the learning policy's group, where the decision was in the other.
    """

    variant: str
    probability: _Chance
    treatment: _Chance | None = None


class LocalDecision(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """A decision as its client sends it.

    Attributes:
        revision, model_version: of the download that it follows from.
        variants: the eligible ones, in the order of the draw.
        source: whose pmf it is.
        client, sequence, ended: see `LocalMark`.
    """

    decision_id: str
    experiment: str
    revision: int
    model_version: Annotated[int, msgspec.Meta(ge=0)]
    variants: tuple[LoggedChance, ...]
    variant: str
    propensity: float
    group: Group
    client: ClientName
    sequence: Sequence
    context: dict[str, Any] = {}
    unit_id: str | None = None
    source: Literal["policy", "baseline", "fallback"] = "policy"
    ended: tuple[Ended, ...] = ()


class LocalPorts(NamedTuple):
    """What checks and keeps the records of one process.

    Attributes:
        rules: of the revisions that records come of.
        known: the decisions that are logged already.
        live_tags: the tags of the secret keys that are good now, by key.
    """

    serving: ServingPorts
    encoder: DecisionEncoder
    rules: KnownRules
    known: KnownDecisions
    live_tags: Callable[[int], Mapping[bytes, str]]


class Logged(NamedTuple):
    """What became of a record."""

    status: LocalStatus
    decision: Decision


def log_decision(
    ports: LocalPorts,
    log: EventLogWriter,
    record: LocalDecision,
    now_ms: int,
    *,
    ask_model: bool = False,
) -> Logged:
    """Append a record to the log, if the log does not have it.

    Args:
        log: that gathers the records of a batch.
        record: its `unit_id` is the name under which the unit is kept.
        ask_model: the model that serves is asked for the pmf again, where it is the
            record's.

    Raises:
        NotFound: there is no such experiment.
        Forbidden: the id was signed by a key that is not good any more.
        Conflict: another decision was logged under this id.
        InvalidInput: a field can't be what the record says.
    """
    raw = _signed_by_live_key(ports, record, now_ms)
    experiment = ports.serving.catalog.experiment(record.experiment)
    decided_at_ms = _decided_at_ms(experiment, raw, now_ms)
    check_context(record.context)
    rules = ports.rules.of(experiment, record.revision)
    keys = tuple([one.variant for one in record.variants])
    if keys == rules.listed:
        # The same object costs the encoder least.
        keys = rules.listed
    rules.check_eligible(keys, record.context, decided_at_ms)
    content = _content_of(record)
    if ports.known.has(raw, record.decision_id, content, keys, record):
        return Logged("duplicate", _decision(experiment, rules, record, keys, None))
    served = ports.serving.catalog.prepared(record.experiment)
    visit = visit_of(ports.serving, served, _Asked(record), now_ms, opted_out=False)
    _check_unit(experiment, rules, record, visit)
    decision = _decision(experiment, rules, record, keys, visit)
    if ask_model:
        _check_model(served, rules, decision)
    log.append(ports.encoder.encode(decision, rules.listed, raw))
    ports.known.gathered(raw, content)
    return Logged("accepted", decision)


class _Asked(NamedTuple):
    """A record as a request, for what is known of its unit."""

    record: LocalDecision

    @property
    def unit_id(self) -> str | None:
        """See `Asked`."""
        return self.record.unit_id

    @property
    def context(self) -> Payload:
        """See `Asked`."""
        return self.record.context

    @property
    def links(self) -> tuple[str, ...]:
        """See `Asked`."""
        return ()


def _signed_by_live_key(ports: LocalPorts, record: LocalDecision, now_ms: int) -> bytes:
    """Return the bytes of an id that a client signed whose key is good."""
    try:
        raw = raw_id(record.decision_id)
    except ValueError:
        raw = b""
    if not raw or not ports.serving.ids.is_local(raw):
        raise InvalidInput.at(
            "/decision_id",
            "the decision_id is not signed by a key of a model download; a decision "
            "of the service itself is in its log already",
        )
    if tag_of(raw) not in ports.live_tags(now_ms):
        detail = (
            "the decision_id is signed for an API key that was revoked or is expired; "
            "what it decided and did not log before is not taken any more"
        )
        raise Forbidden(detail, FieldError("/decision_id", detail))
    return raw


def _decided_at_ms(experiment: Experiment, raw: bytes, now_ms: int) -> int:
    """Return when a decision was made, which its id says."""
    number, issued_at_ms, _ = facts_of(raw)
    if number != experiment.number:
        raise InvalidInput.at(
            "/experiment",
            f"the decision_id is of another experiment than {experiment.key!r}",
        )
    at_ms = 0 if issued_at_ms is None else issued_at_ms
    first_ms = max(experiment.created_at_ms, now_ms - LATEST_MS)
    if not first_ms - CLOCK_SKEW_MS <= at_ms <= now_ms + CLOCK_SKEW_MS:
        raise InvalidInput.at(
            "/decision_id",
            f"the decision was made at {moment(at_ms)}; it must be after its "
            f"experiment began, within a day before now, {moment(now_ms)}, and not "
            "later than a minute after. Look at the clock of the client.",
        )
    return at_ms


def _check_unit(
    experiment: Experiment,
    rules: RevisionRules,
    record: LocalDecision,
    visit: Visit,
) -> None:
    """Refuse a unit without consent, and a group that is not the unit's."""
    if visit.apart:
        raise Conflict(
            "the unit has denied consent; nothing of the decision is kept",
            FieldError("/unit_id", "the unit has denied consent"),
        )
    holdout = rules.definition.holdout
    if visit.unit_id is None:
        group = group_of(uniform_from_id(record.decision_id, b"group"), holdout)
    else:
        group = assign_group(experiment.salt, visit.unit_id, holdout)
    if group == record.group:
        return
    if visit.unit_id != record.unit_id:
        raise InvalidInput.at(
            "/unit_id",
            f"the unit is linked to an older id, whose group is {group!r}, not "
            f"{record.group!r}; decide over HTTP for units that are linked",
        )
    raise InvalidInput.at(
        "/group", f"group is {record.group!r}; that of the unit is {group!r}"
    )


def _decision(
    experiment: Experiment,
    rules: RevisionRules,
    record: LocalDecision,
    keys: tuple[str, ...],
    visit: Visit | None,
) -> Decision:
    """Return a record as a decision, once its chances are what they must be."""
    found = _chances(rules, record, keys)
    draw = draw_from_id(record.decision_id)
    chosen = sample(found.served, draw)
    if keys[chosen] != record.variant:
        raise InvalidInput.at(
            "/variant",
            f"variant is {record.variant[:128]!r}; the number that is drawn from the "
            f"decision_id, {draw:.6f}, chooses {keys[chosen]!r} of these chances",
        )
    if found.served[chosen] != record.propensity:
        raise InvalidInput.at(
            "/propensity",
            f"propensity is {record.propensity!r}; the probability of the chosen "
            f"variant is {found.served[chosen]!r}",
        )
    holdout = rules.definition.holdout
    unit_id = record.unit_id if visit is None else visit.unit_id
    return Decision(
        id=record.decision_id,
        experiment=experiment.key,
        number=experiment.number,
        revision=record.revision,
        decided_at_ms=facts_of(raw_id(record.decision_id))[1] or 0,
        group=record.group,
        context=record.context,
        variants=keys,
        pmf=found.served,
        chosen=chosen,
        propensity=found.served[chosen],
        model_version=record.model_version,
        source=found.source,
        unit_id=unit_id,
        group_chance=holdout if record.group == BASELINE else 1.0 - holdout,
        treatment_pmf=found.treatment,
        baseline_pmf=found.baseline,
        asked_unit_id=None if unit_id == record.unit_id else record.unit_id,
        unit_unread=visit is not None and visit.unread,
        local=LocalMark(record.client, record.sequence, record.ended),
    )


def _chances(
    rules: RevisionRules, record: LocalDecision, keys: tuple[str, ...]
) -> Chances:
    """Return the chances of a record, those of the baseline as the service has them.

    Raises:
        InvalidInput: they can't be those of its group and its source.
    """
    pmf = tuple([one.probability for one in record.variants])
    floor = rules.definition.exploration_floor
    actions = rules.actions(keys)
    try:
        reference = rules.reference.of(record.context, actions, keys)
    except PolicyError:
        reference = None
    held_out = record.group == BASELINE
    if held_out != (record.source == BASELINE):
        raise InvalidInput.at(
            "/source", f"source is {record.source!r} in the group {record.group!r}"
        )
    if held_out:
        _check_same(reference, pmf, "the baseline's")
        treatment = tuple([one.treatment or 0.0 for one in record.variants])
        _check_pmf(treatment, floor, "treatment")
        served = pmf if reference is None else reference
        return Chances(served, "baseline", treatment, served)
    _check_pmf(pmf, floor, "probability")
    if record.source == "fallback":
        mixed = None if reference is None else tuple(mix_floor(reference, floor))
        _check_same(mixed, pmf, "the baseline's with the exploration floor")
    return Chances(pmf, record.source, pmf, reference)


def _check_pmf(pmf: tuple[float, ...], floor: float, name: str) -> None:
    try:
        validate_pmf(pmf, len(pmf), floor)
    except PolicyError as error:
        raise InvalidInput.at("/variants", f"{name}: {error.message}") from error


def _check_same(
    expected: tuple[float, ...] | None, pmf: tuple[float, ...], whose: str
) -> None:
    if expected is None or max(map(_distance, expected, pmf)) > SAME:
        raise InvalidInput.at("/variants", f"the chances are not {whose}")


def _distance(one: float, other: float) -> float:
    return abs(one - other)


def _check_model(
    served: ServedExperiment, rules: RevisionRules, decision: Decision
) -> None:
    """Ask the model that serves for the pmf again, where it is the decision's.

    Raises:
        InvalidInput: it has another one.
    """
    same_model = served.policy.version == decision.model_version
    if not same_model or served.experiment.revision != decision.revision:
        return
    sides = Sides(served.policy, rules.reference, rules.definition.exploration_floor)
    expected, _ = sides.treatment(
        decision.context, rules.actions(decision.variants), decision.variants
    )
    if decision.source != "fallback":
        _check_same(expected, decision.treatment_pmf or (), "those of the model")


def _content_of(record: LocalDecision) -> bytes:
    """Return what tells a record from another one of the same id."""
    return hashlib.blake2b(msgspec.json.encode(record), digest_size=8).digest()
