"""Exposures that caps count are a part of a unit's state, as the log tells them."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from bandit_svc.domain.events.decision import Activation, Decision
from bandit_svc.domain.events.decision_id import SECRET_BYTES
from bandit_svc.domain.events.event import encode_event
from bandit_svc.domain.people.unit_fact import (
    UnitChange,
    UnitFact,
    encode_unit_fact,
)
from bandit_svc.domain.programmes.counted import CountedCap, exposures, trail_of
from bandit_svc.domain.programmes.membership import Membership
from bandit_svc.services.people.following import follow
from bandit_svc.services.people.rebuild import rebuild
from bandit_svc.storage.factory import open_storage
from bandit_svc.storage.interface import Storage
from bandit_svc.storage.rows import Arrival, ClosingRule

DAY_MS = 86_400_000
RULE = ClosingRule(30 * DAY_MS, 30 * DAY_MS, on_first_reward=False)
MAIL = CountedCap("shop", "channel=email", "email 2 per 7d", 2, 7 * DAY_MS)
DAILY = CountedCap("shop", "channel=email", "email 1 per 1d", 1, DAY_MS)
OFFER = CountedCap("shop", "tag=offer", "offer 1 per 30d", 1, 30 * DAY_MS)


@pytest.fixture
def storage(tmp_path: Path) -> Iterator[Storage]:
    opened = open_storage(tmp_path)
    opened.migrate()
    opened.initialise(bytes(SECRET_BYTES), 0)
    yield opened
    opened.close()


def decision(
    name: str, at_ms: int, *caps: CountedCap, unit_id: str | None = "u"
) -> Decision:
    return Decision(
        id=name,
        experiment="mail",
        number=1,
        revision=0,
        decided_at_ms=at_ms,
        group="treatment",
        context={},
        variants=("a", "b"),
        pmf=(0.5, 0.5),
        chosen=0,
        propensity=0.5,
        model_version=0,
        unit_id=unit_id,
        programme=Membership("shop", "experiment", 1.0, 0.1),
        counted=caps,
    )


def tell(storage: Storage, *facts: Decision | Activation | UnitFact) -> None:
    """Ingest facts as one batch, and bring the states up to them."""
    arrivals = []
    for fact in facts:
        if isinstance(fact, Decision):
            arrivals.append(Arrival(encode_event(fact), fact, RULE))
        elif isinstance(fact, Activation):
            arrivals.append(Arrival(encode_event(fact), fact))
        else:
            arrivals.append(Arrival(encode_unit_fact(fact).payload, fact))
    storage.facts.ingest(arrivals, {})
    follow(storage.unit_facts, storage.units)


def shown(storage: Storage, cap: CountedCap, now_ms: int, unit_id: str = "u") -> int:
    state = storage.units.state(unit_id)
    if state is None:
        return 0
    trail = state.trails.get(trail_of(cap.programme, cap.name), ())
    return exposures(trail, now_ms - cap.per_ms + 1)


def test_a_decision_counts_for_the_caps_that_it_was_made_with(
    storage: Storage,
) -> None:
    tell(storage, decision("a", 1_000, MAIL, OFFER), decision("b", 2_000, MAIL))

    assert shown(storage, MAIL, 2_000) == 2
    assert shown(storage, OFFER, 2_000) == 1
    assert shown(storage, MAIL, 1_000 + 7 * DAY_MS) == 1
    assert storage.units.overshoot() == {}


def test_two_caps_of_one_match_count_an_exposure_once(storage: Storage) -> None:
    tell(storage, decision("a", 1_000, MAIL, DAILY))

    assert shown(storage, MAIL, 1_000) == shown(storage, DAILY, 1_000) == 1


def test_a_deferred_decision_counts_when_it_is_activated(storage: Storage) -> None:
    deferred = msgspec.structs.replace(decision("a", 1_000, OFFER), deferred=True)
    tell(storage, deferred)
    assert shown(storage, OFFER, 1_000) == 0

    tell(storage, Activation("a", 1, 5_000))
    tell(storage, Activation("a", 1, 6_000))

    assert shown(storage, OFFER, 5_000) == 1


def test_what_comes_twice_counts_once(storage: Storage) -> None:
    one = decision("a", 1_000, OFFER)
    tell(storage, one, one)
    tell(storage, one)

    assert shown(storage, OFFER, 1_000) == 1
    assert storage.units.overshoot() == {}


def test_an_exposure_beyond_a_cap_is_an_overshoot_of_that_cap(
    storage: Storage,
) -> None:
    hour_ms = 3_600_000
    tell(storage, *(decision(f"d{n}", n * hour_ms, MAIL, DAILY) for n in range(4)))

    assert storage.units.overshoot() == {
        ("shop", MAIL.words): 2,
        ("shop", DAILY.words): 3,
    }


def test_an_exposure_when_the_time_of_a_cap_is_over_is_none(storage: Storage) -> None:
    tell(storage, decision("a", 0, OFFER), decision("b", 30 * DAY_MS, OFFER))

    assert storage.units.overshoot() == {}


def test_linked_ids_have_one_count(storage: Storage) -> None:
    tell(storage, decision("a", 1_000, OFFER, unit_id="anon"))
    tell(storage, UnitChange("f", "u", 2_000, links=("anon",)))
    assert shown(storage, OFFER, 2_000) == 1

    tell(storage, decision("b", 3_000, OFFER, unit_id="anon"))

    assert shown(storage, OFFER, 3_000) == 2
    assert storage.units.overshoot() == {("shop", OFFER.words): 1}


def test_without_consent_nothing_is_counted(storage: Storage) -> None:
    tell(storage, decision("a", 1_000, OFFER))
    tell(storage, UnitChange("f", "u", 2_000, consent="denied"))
    tell(storage, decision("b", 3_000, OFFER))

    assert shown(storage, OFFER, 3_000) == 0


def test_states_with_exposures_are_a_function_of_the_log(storage: Storage) -> None:
    for day in range(40):
        tell(
            storage, *(decision(f"d{day}-{n}", day * DAY_MS + n, MAIL) for n in (1, 2))
        )
        tell(storage, UnitChange(f"f{day}", "u", day * DAY_MS, traits={"day": day}))
    before = storage.units.overshoot()

    compared = rebuild(storage.unit_facts, storage.units, keep=True)

    assert compared.matches
    assert compared.facts == 120
    assert storage.units.overshoot() == before
    assert storage.facts.check() == []


def test_features_never_push_exposures_out_of_a_state(storage: Storage) -> None:
    tell(storage, *(decision(f"d{n}", n, MAIL) for n in range(8)))
    state = storage.units.state("u")
    assert state is not None

    assert len(state.trails[MAIL.trail]) == 8


def test_decisions_in_which_a_cap_kept_something_out_are_hits(
    storage: Storage,
) -> None:
    out = {"voucher": "cap: offer 1 per 30d", "gift": "cap: offer 1 per 30d"}
    night = {"push": "quiet: push 21:00-08:00 UTC"}
    unread = {"voucher": "cap: offer 1 per 30d; it can't be read now"}
    for name, kept_out in (("a", out), ("b", night), ("c", unread)):
        made = decision(name, 1_000)
        tell(storage, msgspec.structs.replace(made, kept_out=kept_out))

    counts = storage.facts.totals(1).counts

    hits = {name: n for name, n in counts.items() if name.startswith("cap_hits")}
    assert hits == {"cap_hits shop offer 1 per 30d": 2}
