"""Bodies of the OpenFeature Remote Evaluation Protocol (OFREP).

Owns their shapes, and what of them becomes a request for a decision. The names are
those of the protocol, in its own spelling.
"""

from collections.abc import Sequence
from typing import Any, Literal

import msgspec

from bandit_svc.domain.context import check_context
from bandit_svc.domain.experiment import Definition
from bandit_svc.domain.json_shape import is_number
from bandit_svc.domain.limits import MAX_STRING_LENGTH
from bandit_svc.domain.plain_values import Context
from bandit_svc.domain.slots.places import shown_variants, whole_propensity
from bandit_svc.domain.variant import Variant
from bandit_svc.errors import InvalidInput
from bandit_svc.http import parsing
from bandit_svc.services.serving.decide import Decided, DecisionRequest

TARGETING_KEY = "targetingKey"
TARGETING_POINTER = f"/context/{TARGETING_KEY}"

Reason = Literal["SPLIT", "STATIC", "DISABLED", "UNKNOWN"]
ErrorCode = Literal[
    "PARSE_ERROR",
    "TARGETING_KEY_MISSING",
    "INVALID_CONTEXT",
    "FLAG_NOT_FOUND",
    "GENERAL",
]


class FlagEvaluationBody(msgspec.Struct):
    """POST /ofrep/v1/evaluate/flags and /ofrep/v1/evaluate/flags/{key}.

    Other fields are read over, as later versions of the protocol may have some.

    Attributes:
        context: `targetingKey` is the id of the unit; the rest is the context of the
            decision.
    """

    context: dict[str, Any] = {}


class FlagEvaluation(msgspec.Struct):
    """What a flag evaluates to.

    Attributes:
        key: of the experiment.
        value: the payload of the variant, or its key where it has no payload; a list
            of these, from the top, where the experiment declares `slots`.
        reason: SPLIT for a draw, STATIC where one variant alone could be shown,
            DISABLED for an experiment that is paused or archived, UNKNOWN where the
            policy failed and the baseline served.
        variant: the key of the variant; of a page all keys, separated by commas.
        metadata: `experiment`, and of a decision `decisionId`, `propensity`,
            `policyVersion` and `group`.
    """

    key: str
    value: Any
    reason: Reason
    variant: str
    metadata: dict[str, str | int | float]


class FlagEvaluationFailure(msgspec.Struct, omit_defaults=True):
    """Why a flag was not evaluated.

    Attributes:
        key: of the flag that was asked for; left out where no flag was.
    """

    errorCode: ErrorCode  # noqa: N815 - the protocol's spelling
    errorDetails: str  # noqa: N815 - the protocol's spelling
    key: str = ""


class FlagEvaluations(msgspec.Struct):
    """The answer to POST /ofrep/v1/evaluate/flags.

    Attributes:
        flags: a FlagEvaluation, or a FlagEvaluationFailure, for each experiment.
    """

    flags: list[Any]


class Asked(msgspec.Struct, frozen=True):
    """For whom flags are evaluated, and what is known of the moment.

    Attributes:
        unit_id: as it was sent.
    """

    unit_id: str
    context: Context

    def decision(self, experiment: str) -> DecisionRequest:
        """Return the request for a decision of one experiment."""
        return DecisionRequest(experiment, self.unit_id, dict(self.context))


_evaluation = msgspec.json.Decoder(FlagEvaluationBody).decode


def parse_evaluation(body: bytes) -> Asked:
    """Parse the body of an evaluation.

    Raises:
        InvalidInput: it is not valid; the pointer is to `targetingKey` where there is
            none.
    """
    context = parsing.decoded(_evaluation, body).context
    unit_id = context.pop(TARGETING_KEY, None)
    if unit_id is None or unit_id == "":
        raise InvalidInput.at(
            TARGETING_POINTER,
            "the context has no targetingKey; send the id of the user, session or "
            "device that the flag is evaluated for",
        )
    if not isinstance(unit_id, str):
        raise InvalidInput.at(
            "/context",
            f"the targetingKey is a {type(unit_id).__name__}; it must be a text of 1 "
            f"to {MAX_STRING_LENGTH} characters",
        )
    if len(unit_id) > MAX_STRING_LENGTH:
        raise InvalidInput.at(
            "/context",
            f"the targetingKey has {len(unit_id)} characters; it must have between 1 "
            f"and {MAX_STRING_LENGTH}",
        )
    check_context(context)
    return Asked(unit_id, context)


def evaluation_of(decided: Decided, definition: Definition) -> FlagEvaluation:
    """Return a decision as an evaluated flag."""
    decision = decided.decision
    shown = shown_variants(decision)
    value: object
    if decision.slots is None:
        value = _value(definition, decision.variant, decided.payload)
    else:
        pairs = zip(shown, decided.payload, strict=True)
        value = [_value(definition, key, payload) for key, payload in pairs]
    return FlagEvaluation(
        key=decision.experiment,
        value=value,
        reason=_reason(decided),
        variant=",".join(shown),
        metadata={
            "decisionId": decision.id,
            "propensity": whole_propensity(decision),
            "policyVersion": decision.model_version,
            "experiment": decision.experiment,
            "group": decision.group,
        },
    )


def disabled(definition: Definition, shown: Sequence[Variant]) -> FlagEvaluation:
    """Return what a stopped experiment shows; there is no decision to reward.

    Args:
        definition: of the experiment.
        shown: the variants, of which a page has several.
    """
    values = [_value(definition, one.key, one.payload) for one in shown]
    return FlagEvaluation(
        key=definition.key,
        value=values[0] if definition.slots is None else values,
        reason="DISABLED",
        variant=",".join(one.key for one in shown),
        metadata={"experiment": definition.key},
    )


def _reason(decided: Decided) -> Reason:
    decision = decided.decision
    if decision.source == "fallback":
        return "UNKNOWN"
    return "STATIC" if whole_propensity(decision) >= 1.0 else "SPLIT"


def _value(definition: Definition, variant: str, payload: object) -> object:
    """Return the value of a flag, of one type for all of its variants.

    Some SDKs tell whole numbers from others by the decimal point. Where one payload has
    it, all numbers of the flag do.
    """
    if payload is None:
        return variant
    if is_number(payload) and _is_number_flag(definition):
        return float(payload)
    return payload


def _is_number_flag(definition: Definition) -> bool:
    payloads = [variant.payload for variant in definition.variants]
    return all(map(is_number, payloads)) and any(
        isinstance(payload, float) for payload in payloads
    )
