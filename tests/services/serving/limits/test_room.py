"""What caps and quiet hours leave of the variants of a request."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from bandit_svc.domain.events.decision_id import SECRET_BYTES
from bandit_svc.domain.experiment import Definition
from bandit_svc.domain.limits import DAY_MS
from bandit_svc.domain.people.trail import Entry
from bandit_svc.domain.people.unit_state import UnitState, new_state
from bandit_svc.domain.programmes.caps import Cap
from bandit_svc.domain.programmes.counted import CountedCap, trail_of
from bandit_svc.domain.programmes.programme import Programme, ProgrammeDefinition
from bandit_svc.domain.programmes.quiet import Quiet
from bandit_svc.domain.variant import Variant
from bandit_svc.errors import NothingEligible
from bandit_svc.services.serving.limits.limits import Limits, limits_of
from bandit_svc.services.serving.limits.recent_exposures import RecentExposures
from bandit_svc.services.serving.limits.room import (
    LimitPorts,
    Recipient,
    give_back,
    room_left,
)
from bandit_svc.storage.factory import open_storage
from bandit_svc.storage.interface import Storage
from bandit_svc.storage.programmes.reservations import Reservations

NOW = 400 * DAY_MS
NOTHING = Variant("nothing")
VOUCHER = Variant("voucher", tags=("offer",))
REMINDER = Variant("reminder")
VARIANTS = (NOTHING, VOUCHER, REMINDER)
OFFER = Cap("tag=offer", 1, "30d")
STRICT = Cap("tag=offer", 1, "30d", strict=True)
MAIL = Cap("channel=email", 2, "7d")
NIGHT = Quiet("email", "21:00", "08:00", "unit.zone")


@pytest.fixture
def storage(tmp_path: Path) -> Iterator[Storage]:
    opened = open_storage(tmp_path)
    opened.migrate()
    opened.initialise(bytes(SECRET_BYTES), 0)
    yield opened
    opened.close()


@pytest.fixture
def ports(storage: Storage) -> LimitPorts:
    return LimitPorts(storage.reservations, RecentExposures())


def limits(*caps: Cap, quiet: tuple[Quiet, ...] = ()) -> Limits | None:
    declared = ProgrammeDefinition("shop", caps=caps, quiet=quiet)
    programme = Programme(1, 0, "salt", 0, 0, declared)
    experiment = Definition(
        "cart-mail", VARIANTS, channel="email", expose_within_seconds=3_600
    )
    return limits_of(programme, experiment)


def limited(*caps: Cap, quiet: tuple[Quiet, ...] = ()) -> Limits:
    made = limits(*caps, quiet=quiet)
    assert made is not None
    return made


def recipient(
    state: UnitState | None = None,
    unit_id: str | None = "u",
    ids: tuple[str, ...] = ("u",),
    zone: str = "",
    *,
    unread: bool = False,
) -> Recipient:
    return Recipient(unit_id, ids, state, unread, {"zone": zone})


def state_with(cap: Cap, *times_ms: int) -> UnitState:
    state = new_state("u", 0)
    state.trails[trail_of("shop", cap.name)] = tuple(Entry(at) for at in times_ms)
    return state


def left(
    ports: LimitPorts, mine: Limits, who: Recipient, now_ms: int = NOW
) -> tuple[list[str], dict[str, str]]:
    with room_left(ports, mine, who, VARIANTS, now_ms) as room:
        return [v.key for v in room.variants], room.kept_out


def show(
    ports: LimitPorts,
    mine: Limits,
    who: Recipient,
    variant: Variant = VOUCHER,
    *,
    decision: str = "d",
    now_ms: int = NOW,
    deferred: bool = False,
) -> tuple[CountedCap, ...]:
    with room_left(ports, mine, who, VARIANTS, now_ms) as room:
        assert variant in room.variants
        return room.take([variant], decision, deferred=deferred)


def test_an_experiment_that_nothing_limits_has_no_limits() -> None:
    assert limits() is None
    assert limits(quiet=(Quiet("push", "21:00", "08:00"),)) is None
    assert limits_of(None, Definition("cart-mail", VARIANTS)) is None


def test_a_full_cap_keeps_out_what_it_counts_and_says_so(ports: LimitPorts) -> None:
    who = recipient(state_with(OFFER, NOW - DAY_MS))

    assert left(ports, limited(OFFER), who) == (
        ["nothing", "reminder"],
        {"voucher": "cap: offer 1 per 30d"},
    )


def test_a_cap_is_open_again_when_its_time_is_over(ports: LimitPorts) -> None:
    who = recipient(state_with(OFFER, NOW - 30 * DAY_MS))

    assert left(ports, limited(OFFER), who)[1] == {}


def test_nothing_is_never_capped(ports: LimitPorts) -> None:
    who = recipient(state_with(MAIL, NOW - 2, NOW - 1))

    assert left(ports, limited(MAIL), who) == (
        ["nothing"],
        {
            "voucher": "cap: email 2 per 7d",
            "reminder": "cap: email 2 per 7d",
        },
    )


def test_what_this_process_has_shown_counts_at_once_and_once(
    ports: LimitPorts,
) -> None:
    mine = limited(MAIL)
    show(ports, mine, recipient(), now_ms=NOW)
    # The learner knows of the first one by now.
    known = recipient(state_with(MAIL, NOW))
    show(ports, mine, known, decision="e", now_ms=NOW + 1)

    assert left(ports, mine, known, NOW + 2)[0] == ["nothing"]
    assert left(ports, mine, recipient(), NOW + 2)[0] == ["nothing"]


def test_a_deferred_choice_does_not_count_for_a_cap_that_is_not_strict(
    ports: LimitPorts,
) -> None:
    show(ports, limited(OFFER), recipient(), deferred=True)

    assert left(ports, limited(OFFER), recipient())[1] == {}


def test_a_strict_cap_has_one_place_for_all_processes(ports: LimitPorts) -> None:
    other = ports._replace(recent=RecentExposures())
    show(ports, limited(STRICT), recipient())

    assert left(other, limited(STRICT), recipient())[1] == {
        "voucher": "cap: offer 1 per 30d"
    }


def test_a_strict_cap_counts_what_the_learner_knows_too(ports: LimitPorts) -> None:
    who = recipient(state_with(STRICT, NOW - DAY_MS))

    assert left(ports, limited(STRICT), who)[0] == ["nothing", "reminder"]


def test_a_strict_cap_counts_by_each_id_of_a_person(ports: LimitPorts) -> None:
    show(ports, limited(STRICT), recipient(ids=("anon-7f",), unit_id="anon-7f"))

    both = recipient(ids=("u", "anon-7f"))
    assert left(ports, limited(STRICT), both)[0] == ["nothing", "reminder"]
    assert left(ports, limited(STRICT), recipient())[0] == ["nothing", "reminder"]


def test_a_strict_cap_counts_without_consent_and_others_do_not(
    ports: LimitPorts,
) -> None:
    denied = recipient(unit_id=None)
    mine = limited(STRICT, MAIL)

    assert show(ports, mine, denied) == ()

    assert left(ports, mine, denied) == (
        ["nothing", "reminder"],
        {"voucher": "cap: offer 1 per 30d"},
    )


def test_without_a_unit_nothing_is_shown_that_a_strict_cap_counts(
    ports: LimitPorts,
) -> None:
    nobody = recipient(unit_id=None, ids=())

    keys, out = left(ports, limited(STRICT, MAIL), nobody)

    assert keys == ["nothing", "reminder"]
    assert out["voucher"].startswith("cap: offer 1 per 30d; without unit_id")


def test_what_cannot_be_read_keeps_out_what_is_counted(ports: LimitPorts) -> None:
    keys, out = left(ports, limited(OFFER), recipient(unread=True))

    assert keys == ["nothing", "reminder"]
    assert out["voucher"].startswith("cap: offer 1 per 30d; it can't be read")


def test_places_that_cannot_be_read_keep_out_what_a_strict_cap_counts(
    ports: LimitPorts, tmp_path: Path
) -> None:
    (tmp_path / "caps.db").write_bytes(b"no database" * 1_000)

    keys, out = left(ports, limited(STRICT), recipient())

    assert keys == ["nothing", "reminder"]
    assert out["voucher"].startswith("cap: offer 1 per 30d; it can't be read")


def test_a_place_is_given_back_if_the_choice_cannot_be_logged(
    ports: LimitPorts,
) -> None:
    show(ports, limited(STRICT), recipient(), decision="lost")

    fresh = ports._replace(recent=RecentExposures())
    give_back(fresh, "lost")

    assert left(fresh, limited(STRICT), recipient())[1] == {}


def test_a_failed_choice_takes_no_place(ports: LimitPorts) -> None:
    with pytest.raises(ZeroDivisionError):
        _fail_in_the_middle(ports)

    fresh = ports._replace(recent=RecentExposures())
    assert left(fresh, limited(STRICT), recipient())[1] == {}


def _fail_in_the_middle(ports: LimitPorts) -> None:
    with room_left(ports, limited(STRICT), recipient(), VARIANTS, NOW) as room:
        room.take([VOUCHER], "d", deferred=False)
        raise ZeroDivisionError


def test_what_was_held_too_long_by_others_is_not_shown(
    ports: LimitPorts, storage: Storage, tmp_path: Path
) -> None:
    other = open_storage(tmp_path)
    held: Reservations = other.reservations
    with held.holding(("somebody",)):
        keys, out = left(ports, limited(STRICT), recipient())
    other.close()

    assert keys == ["nothing", "reminder"]
    assert "can't be read" in out["voucher"]
    assert storage.reservations.used(("u",), [], NOW) == []


def test_quiet_hours_leave_nothing_but_nothing(ports: LimitPorts) -> None:
    night = round(datetime.fromisoformat("2026-12-01T23:00:00+09:00").timestamp())
    state = new_state("u", 0)
    state.traits["zone"] = "Asia/Tokyo"
    mine = limited(quiet=(NIGHT,))

    keys, out = left(ports, mine, recipient(state), night * 1_000)

    assert keys == ["nothing"]
    assert out["voucher"] == "quiet: email 21:00-08:00 Asia/Tokyo"
    # It is afternoon in UTC, which counts where no zone is known.
    assert left(ports, mine, recipient(), night * 1_000)[1] == {}


def test_without_consent_the_zone_of_the_request_is_kept_but_not_told(
    ports: LimitPorts,
) -> None:
    night = round(datetime.fromisoformat("2026-12-01T23:00:00+09:00").timestamp())
    mine = limited(quiet=(Quiet("email", "21:00", "08:00", "context.zone"),))
    who = recipient(unit_id=None, zone="Asia/Tokyo")

    _, out = left(ports, mine, who, night * 1_000)

    assert out["voucher"] == "quiet: email 21:00-08:00 context.zone"


def test_where_nothing_is_left_the_request_is_refused_with_the_reasons(
    ports: LimitPorts,
) -> None:
    who = recipient(state_with(MAIL, NOW - 2, NOW - 1))
    mine = limited(MAIL)

    with (
        pytest.raises(NothingEligible, match="email 2 per 7d"),
        room_left(ports, mine, who, (VOUCHER, REMINDER), NOW),
    ):
        pass


def test_variants_of_a_request_are_counted_by_their_own_tags(
    ports: LimitPorts,
) -> None:
    who = recipient(state_with(OFFER, NOW - 1))
    brought = (Variant("reminder", tags=("offer",)), Variant("voucher"), NOTHING)

    with room_left(ports, limited(OFFER), who, brought, NOW) as room:
        assert room.kept_out == {"reminder": "cap: offer 1 per 30d"}


def test_a_page_takes_one_place_of_each_cap(ports: LimitPorts) -> None:
    with room_left(ports, limited(STRICT, MAIL), recipient(), VARIANTS, NOW) as room:
        counted = room.take([VOUCHER, REMINDER], "d", deferred=False)

    assert [cap.words for cap in counted] == [STRICT.words, MAIL.words]


def test_a_deferred_place_is_confirmed_when_it_is_shown(ports: LimitPorts) -> None:
    show(ports, limited(STRICT), recipient(), deferred=True)

    assert ports.reservations.confirm("d", NOW + 3_600_000)
    assert left(ports, limited(STRICT), recipient(), NOW + DAY_MS)[0] == [
        "nothing",
        "reminder",
    ]
