"""What a source's owner says shall become of its events.

Owns the form of a mapping and the checks of it; mapped.py follows it. Pure.
"""

import math
from typing import Final, Literal

import msgspec

from bandit_svc.domain.doors.paths import check_path
from bandit_svc.domain.events.reward import MAIN_METRIC
from bandit_svc.domain.json_shape import check_length, located
from bandit_svc.domain.plain_values import Payload
from bandit_svc.domain.variant import is_key
from bandit_svc.errors import InvalidInput

MOST_RULES: Final = 100
MOST_CURRENCIES: Final = 200
_PLACES: Final = ("minus", "currency", "reward_id", "occurred_at", "properties")
_LISTS: Final = ("unit", "decision_id")
_OF_REWARDS: Final = ("experiment", "minus", "correction", "minimum", "maximum")


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What becomes of events of one type.

    Places are dotted paths into the delivery as it was sent.

    Attributes:
        type: of the events.
        to: a reward, or an event of which features are made.
        experiment: the reward is for this one alone.
        metric: of the reward.
        event: of a reward, the experiments that name this event get it; of an event,
            its name, without which it is the type.
        value: the place of the number; or a number that all of them have.
        minus: the place of a number that is taken off, such as what was refunded.
        scale: the number is multiplied by it: 0.01 for cents.
        minimum: less counts as this, in the experiment's units.
        maximum: more counts as this.
        currency: the place of the currency.
        currencies: those that are taken, each with the factor that makes it the
            experiment's; another one is refused.
        unit: places of the unit's id; the first that has one.
        decision_id: places of the id of a decision, which goes before the unit.
        reward_id: the place of the id by which it counts once; without it, the id of
            the delivery.
        occurred_at: the place of the time, without which it is that of the event.
        properties: the place of an event's properties.
        correction: the number is the new total of the reward of this reward_id.
    """

    type: str
    to: Literal["reward", "event"] = "reward"
    experiment: str | None = None
    metric: str = MAIN_METRIC
    event: str | None = None
    value: str | float | None = None
    minus: str | None = None
    scale: float = 1.0
    minimum: float | None = None
    maximum: float | None = None
    currency: str | None = None
    currencies: dict[str, float] = {}
    unit: str | tuple[str, ...] = ()
    decision_id: str | tuple[str, ...] = ()
    reward_id: str | None = None
    occurred_at: str | None = None
    properties: str | None = None
    correction: bool = False

    def places(self, field: Literal["unit", "decision_id"]) -> tuple[str, ...]:
        """Return the paths of a field that may have several."""
        found: str | tuple[str, ...] = getattr(self, field)
        return (found,) if isinstance(found, str) else found


class Mapping(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The rules of one source; several of the same type each do their part."""

    events: tuple[Rule, ...]


def parse_mapping(document: Payload) -> Mapping:
    """Return a mapping whose rules can be followed.

    Raises:
        InvalidInput: with the pointer to what can't be.
    """
    try:
        mapping: Mapping = msgspec.convert(document, Mapping)
    except msgspec.ValidationError as error:
        pointer, detail = located(str(error))
        raise InvalidInput.at(pointer, f"the mapping is not valid: {detail}") from error
    if not 1 <= len(mapping.events) <= MOST_RULES:
        raise InvalidInput.at(
            "/events",
            f"the mapping has {len(mapping.events)} rules; write between 1 and "
            f"{MOST_RULES}",
        )
    seen: set[tuple[str | None, ...]] = set()
    for index, rule in enumerate(mapping.events):
        at = f"/events/{index}"
        _check(at, rule)
        same = (rule.type, rule.to, rule.experiment, rule.event, rule.metric)
        if same in seen:
            raise InvalidInput.at(
                f"{at}/type",
                "a rule before this one says the same type, experiment, event and "
                "metric; of two rewards of one id the first alone would count",
            )
        seen.add(same)
    return mapping


def _check(at: str, rule: Rule) -> None:
    check_length(f"{at}/type", rule.type)
    for name in _PLACES:
        path = getattr(rule, name)
        if path is not None:
            check_path(f"{at}/{name}", path)
    for name in _LISTS:
        for path in rule.places("unit" if name == "unit" else "decision_id"):
            check_path(f"{at}/{name}", path)
    if isinstance(rule.value, str):
        check_path(f"{at}/value", rule.value)
    _check_numbers(at, rule)
    _check_currencies(at, rule)
    if rule.to == "event":
        _check_event(at, rule)
    else:
        _check_reward(at, rule)


def _check_numbers(at: str, rule: Rule) -> None:
    for name in ("scale", "minimum", "maximum", "value"):
        number = getattr(rule, name)
        if isinstance(number, float) and not math.isfinite(number):
            raise InvalidInput.at(f"{at}/{name}", f"{name} is {number}; send a number")
    if rule.scale == 0:
        raise InvalidInput.at(
            f"{at}/scale", "scale is 0; every reward would be 0. Write 0.01 for cents"
        )
    if (
        rule.minimum is not None
        and rule.maximum is not None
        and rule.minimum > rule.maximum
    ):
        raise InvalidInput.at(
            f"{at}/minimum",
            f"minimum is {rule.minimum:g}, above maximum, which is {rule.maximum:g}",
        )


def _check_currencies(at: str, rule: Rule) -> None:
    if (rule.currency is None) != (not rule.currencies):
        missing = "currencies" if rule.currency else "currency"
        raise InvalidInput.at(
            f"{at}/{missing}",
            "currency (the place of it) and currencies (those that are taken, each "
            "with its factor, as EUR = 1) go together",
        )
    if len(rule.currencies) > MOST_CURRENCIES:
        raise InvalidInput.at(
            f"{at}/currencies",
            f"there are {len(rule.currencies)} currencies; at most {MOST_CURRENCIES} "
            "are allowed",
        )
    for name, factor in rule.currencies.items():
        if not (math.isfinite(factor) and factor > 0):
            raise InvalidInput.at(
                f"{at}/currencies/{name[:16]}",
                f"the factor is {factor}; write a number above 0",
            )


def _check_event(at: str, rule: Rule) -> None:
    for name in _OF_REWARDS:
        if getattr(rule, name) not in {None, False}:
            raise InvalidInput.at(
                f"{at}/{name}",
                f'{name} is for rewards; leave it out, or leave out to = "event"',
            )
    if rule.metric != MAIN_METRIC:
        raise InvalidInput.at(f"{at}/metric", "an event has no metric; leave it out")
    if not rule.unit:
        raise InvalidInput.at(
            f"{at}/unit", "an event is of a unit; say where its id is"
        )
    if rule.event is not None:
        check_length(f"{at}/event", rule.event)


def _check_reward(at: str, rule: Rule) -> None:
    if not (rule.unit or rule.decision_id):
        raise InvalidInput.at(
            f"{at}/unit",
            "a reward is of a unit or of a decision; say where the id of either is, as "
            'unit = "data.customer" or decision_id = "data.decision_id"',
        )
    if rule.value is None:
        raise InvalidInput.at(
            f"{at}/value",
            'a reward has a value; say where it is, as value = "data.amount", or write '
            "a number for all of them",
        )
    if rule.properties is not None:
        raise InvalidInput.at(
            f"{at}/properties",
            'properties are of events; leave it out, or write to = "event"',
        )
    if rule.correction and rule.reward_id is None:
        raise InvalidInput.at(
            f"{at}/reward_id",
            "a correction names the reward that it corrects; say where the id is that "
            "the rule of the reward itself has as reward_id",
        )
    if rule.metric != MAIN_METRIC and not is_key(rule.metric):
        raise InvalidInput.at(
            f"{at}/metric",
            f"{rule.metric[:128]!r} is no name of a metric; write 1 to 128 letters, "
            "digits, '.', '_' or '-'",
        )
    for name in ("experiment", "event"):
        text = getattr(rule, name)
        if text is not None:
            check_length(f"{at}/{name}", text)
