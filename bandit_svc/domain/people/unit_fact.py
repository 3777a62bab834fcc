"""What is reported about a unit: facts of the event log.

Owns a change of a unit and an event of a unit, the limits of what they carry, and their
records. docs/log-format.md describes these. Pure.
"""

from collections.abc import Mapping
from typing import Final, Literal

import msgspec

from bandit_svc.domain.context import MAX_NUMBER, check_features
from bandit_svc.domain.events.decision import Decision
from bandit_svc.domain.events.event import UnreadableEvent
from bandit_svc.domain.events.record import UNIT, Record
from bandit_svc.domain.events.reward import MAIN_METRIC
from bandit_svc.domain.json_shape import escape_pointer, is_number
from bandit_svc.domain.limits import MAX_STRING_LENGTH
from bandit_svc.domain.people.feature import TrailName
from bandit_svc.domain.people.trail import MAX_TEXT, Scalar
from bandit_svc.domain.plain_values import Context
from bandit_svc.domain.programmes.counted import OF_CAPS, CountedCap
from bandit_svc.errors import InvalidInput

Consent = Literal["granted", "denied", "unknown"]

MAX_TRAITS: Final = 32
MAX_TRAIT_BYTES: Final = 1_024
MAX_LINKS: Final = 5
MAX_PROPERTY_BYTES: Final = 4_096


class UnitChange(msgspec.Struct, frozen=True, tag="change", omit_defaults=True):
    """Traits, consent and links of a unit, as they were sent.

    Attributes:
        fact_id: names the fact; one that comes again changes nothing.
        traits: a JSON merge patch (RFC 7396): null takes a trait away.
        consent: None if it was not sent.
        links: other ids of the same person.
    """

    fact_id: str
    unit_id: str
    at_ms: int
    traits: Context = {}
    consent: Consent | None = None
    links: tuple[str, ...] = ()


class KeptValue(msgspec.Struct, array_like=True, frozen=True):
    """What a trail takes of an event.

    Attributes:
        keep_ms: the age up to which the trail keeps it.
        value: the property, None where the event alone counts.
    """

    keep_ms: int
    value: Scalar | None = None


class UnitValue(msgspec.Struct, array_like=True, frozen=True):
    """What a reward of a unit is worth to an experiment.

    Attributes:
        clipped: the value is outside the declared range, whose end counts in its place.
    """

    value: float
    clipped: bool = False


class UnitEvent(msgspec.Struct, frozen=True, tag="event", omit_defaults=True):
    """Something that a unit did.

    It carries what the features that were declared when it came need of it, and no
    more, so that a state is a function of the facts alone.

    Attributes:
        fact_id: the caller's event_id, or one that was made; one that comes again
            changes nothing.
        at_ms: when it became known.
        occurred_at_ms: when the unit did it, as the caller says.
        trails: what each trail takes of it, by the text of the trail's name.
        rewards: its value by the number of each experiment that it is a reward of.
    """

    fact_id: str
    unit_id: str
    at_ms: int
    event: str
    occurred_at_ms: int
    trails: dict[str, KeptValue] = {}
    rewards: dict[int, UnitValue] = {}


class UnitReward(msgspec.Struct, frozen=True, tag="reward", omit_defaults=True):
    """A reward that names its unit and no decision, or a new total of one.

    Attributes:
        reward_id: the caller's; one that comes again changes nothing.
        at_ms: when it became known.
        occurred_at_ms: when the unit acted, as the caller says.
        rewards: its value by the number of each experiment that it is for.
        correction: the value replaces that of the reward of this id.
    """

    reward_id: str
    unit_id: str
    at_ms: int
    occurred_at_ms: int
    rewards: dict[int, UnitValue]
    metric: str = MAIN_METRIC
    correction: bool = False


class UnitExposure(msgspec.Struct, frozen=True, tag="exposure", omit_defaults=True):
    """A decision that caps count was shown; made by the learner of its decision.

    Attributes:
        fact_id: of the decision.
        at_ms: when it was shown.
        caps: those that count it.
    """

    fact_id: str
    unit_id: str
    at_ms: int
    caps: tuple[CountedCap, ...]


UnitFact = UnitChange | UnitEvent
KeptFact = UnitFact | UnitExposure
"""A fact from which the state of a unit follows."""

_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[KeptFact] = msgspec.json.Decoder(
    UnitChange | UnitEvent | UnitExposure
)
_logged: msgspec.json.Decoder[UnitFact | UnitReward] = msgspec.json.Decoder(
    UnitChange | UnitEvent | UnitReward
)


def exposure_of(decision: Decision, at_ms: int) -> UnitExposure | None:
    """Return the fact that a decision was shown; None where no cap counts it."""
    if not decision.counted or decision.unit_id is None:
        return None
    # Callers name their events themselves; none of them has this form.
    name = f"{OF_CAPS}{decision.id}"
    return UnitExposure(name, decision.unit_id, at_ms, decision.counted)


def encode_exposure(exposure: UnitExposure) -> bytes:
    """Return an exposure as the store keeps it beside other facts."""
    return _encoder.encode(exposure)


def encode_unit_fact(fact: UnitFact | UnitReward) -> Record:
    """Return the record of a fact about a unit."""
    return Record(UNIT, _encoder.encode(fact))


def decode_logged_fact(payload: bytes) -> UnitFact | UnitReward:
    """Return the fact of a record's payload, or a reward of a unit.

    Raises:
        UnreadableEvent: it is damaged, or of a newer version.
    """
    try:
        return _logged.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UnreadableEvent(str(error)) from error


def decode_unit_fact(payload: bytes) -> KeptFact:
    """Return the fact that the store keeps as these bytes.

    Raises:
        UnreadableEvent: it is damaged, or of a newer version.
    """
    try:
        return _decoder.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UnreadableEvent(str(error)) from error


def kept_of(
    event: str, properties: Context, trails: Mapping[TrailName, int]
) -> dict[str, KeptValue]:
    """Return what trails take of an event.

    Args:
        event: its name.
        properties: any JSON; only texts and numbers of the first level are taken.
        trails: those that are kept, and up to which age in milliseconds.
    """
    kept: dict[str, KeptValue] = {}
    for name, keep_ms in trails.items():
        if name.event != event:
            continue
        if not name.field:
            kept[name.text] = KeptValue(keep_ms)
            continue
        value = properties.get(name.field)
        if isinstance(value, str):
            kept[name.text] = KeptValue(keep_ms, value[:MAX_TEXT])
        elif is_number(value) and abs(value) <= MAX_NUMBER:
            number = float(value)
            kept[name.text] = KeptValue(
                keep_ms, f"{number:g}" if name.as_text else number
            )
    return kept


def check_traits(traits: Context) -> None:
    """Refuse a patch of traits that is too large or nests.

    Raises:
        InvalidInput: with the pointer to the trait.
    """
    if len(traits) > MAX_TRAITS:
        raise InvalidInput.at(
            "/traits", f"{len(traits)} traits; at most {MAX_TRAITS} are allowed"
        )
    check_features(traits, "/traits")
    size = len(_encoder.encode(traits))
    if size > MAX_TRAIT_BYTES:
        raise InvalidInput.at(
            "/traits",
            f"the traits have {size} bytes of JSON; at most {MAX_TRAIT_BYTES} are "
            "allowed",
        )


def check_links(unit_id: str, links: tuple[str, ...]) -> None:
    """Refuse links of which one is no id, is the unit itself, or is one too many.

    Raises:
        InvalidInput: with the pointer to the link.
    """
    if len(links) > MAX_LINKS:
        raise InvalidInput.at(
            "/links", f"{len(links)} links; at most {MAX_LINKS} are allowed"
        )
    for index, link in enumerate(links):
        if not 1 <= len(link) <= MAX_STRING_LENGTH:
            raise InvalidInput.at(
                f"/links/{index}",
                f"an id has 1 to {MAX_STRING_LENGTH} characters; this one has "
                f"{len(link)}",
            )
        if link == unit_id:
            raise InvalidInput.at(
                f"/links/{index}",
                "the unit is linked to itself; name its other ids alone",
            )


def check_properties(properties: Context) -> None:
    """Refuse properties of an event that are too large.

    Any JSON is taken, since callers send what their own tools know; features are made
    of strings and numbers of the first level alone.

    Raises:
        InvalidInput: they have over 4 kB of JSON.
    """
    size = len(_encoder.encode(properties))
    if size > MAX_PROPERTY_BYTES:
        raise InvalidInput.at(
            "/properties",
            f"the properties have {size} bytes of JSON; at most {MAX_PROPERTY_BYTES} "
            "are allowed",
        )
    for name in properties:
        if len(name) > MAX_STRING_LENGTH:
            raise InvalidInput.at(
                f"/properties/{escape_pointer(name)}",
                f"the name has {len(name)} characters; at most {MAX_STRING_LENGTH} are "
                "allowed",
            )
