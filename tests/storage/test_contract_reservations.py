"""What every store promises of places under strict caps; see storage.interface."""

import subprocess
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bandit_svc.domain.limits import DAY_MS
from bandit_svc.errors import Unavailable
from bandit_svc.storage.interface import Storage
from bandit_svc.storage.programmes.reservations import Place
from bandit_svc.storage.sqlite.programmes.reservations import SLACK_MS

TRAIL = "#shop tag=offer"
MONTH_MS = 30 * DAY_MS
NOW = 400 * DAY_MS
WORLDS = count()


def take(
    storage: Storage,
    *ids: str,
    decision: str = "d",
    at_ms: int = NOW,
    until_ms: int | None = None,
    trail: str = TRAIL,
    most: int = 1,
) -> bool:
    """Take a place as a request does; return whether there was one."""
    with storage.reservations.holding(ids) as held:
        if held.used(trail, at_ms - MONTH_MS, at_ms) >= most:
            return False
        held.take([Place(trail, decision, at_ms, until_ms)])
        return True


def used(storage: Storage, *ids: str, at_ms: int = NOW) -> Sequence[int] | None:
    return storage.reservations.used(ids, [(TRAIL, at_ms - MONTH_MS)], at_ms)


def test_a_place_is_taken_once(storage: Storage) -> None:
    assert used(storage, "u") == [0]

    assert take(storage, "u", decision="a")
    assert not take(storage, "u", decision="b")

    assert used(storage, "u") == [1]
    assert used(storage, "someone else") == [0]


def test_other_caps_have_places_of_their_own(storage: Storage) -> None:
    take(storage, "u")

    assert take(storage, "u", trail="#other tag=offer")


def test_a_place_is_free_again_when_the_time_of_the_cap_is_over(
    storage: Storage,
) -> None:
    take(storage, "u", at_ms=NOW)

    assert not take(storage, "u", decision="b", at_ms=NOW + MONTH_MS - 1)
    assert take(storage, "u", decision="b", at_ms=NOW + MONTH_MS)


def test_a_place_outlives_the_process_that_took_it(
    storage: Storage,
    open_store: Callable[[], Storage],
    start_process: Callable[..., subprocess.Popen[str]],
) -> None:
    process = start_process("take_and_hang")
    assert process.stdout is not None
    assert process.stdout.readline() == "taken\n"
    process.kill()
    process.wait()

    assert used(open_store(), "u") == [1]
    assert not take(storage, "u", decision="b")


def test_what_a_killed_process_held_but_never_took_is_free(
    storage: Storage, start_process: Callable[..., subprocess.Popen[str]]
) -> None:
    process = start_process("hold_places_and_hang")
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    with pytest.raises(Unavailable):
        take(storage, "u")
    assert used(storage, "u") == [0]

    process.kill()
    process.wait()

    assert take(storage, "u")


def test_threads_at_once_take_one_place(storage: Storage) -> None:
    with ThreadPoolExecutor(8) as pool:
        taken = pool.map(lambda n: take(storage, "u", decision=f"d{n}"), range(100))

    assert sum(taken) == 1


def test_linked_ids_share_their_places(storage: Storage) -> None:
    take(storage, "anon-7f")
    assert used(storage, "u-81") == [0]

    # Whoever knows the link makes one person of both.
    assert used(storage, "u-81", "anon-7f") is None
    assert not take(storage, "u-81", "anon-7f", decision="b")

    assert used(storage, "u-81") == [1]
    assert not take(storage, "u-81", decision="c")


def test_a_link_that_is_told_while_nothing_is_taken_is_kept(storage: Storage) -> None:
    with storage.reservations.holding(("u-81", "anon-7f")):
        pass

    assert take(storage, "anon-7f")
    assert not take(storage, "u-81", decision="b")


@settings(
    max_examples=50,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(steps=st.lists(st.lists(st.integers(0, 7), min_size=1, max_size=3), max_size=20))
def test_no_person_has_a_second_place_in_whichever_order_links_are_told(
    storage: Storage, steps: list[list[int]]
) -> None:
    """Each step asks for a place with some ids; the links join persons for good."""
    world = next(WORLDS)
    person_of = {n: {n} for n in range(8)}
    with_place: set[int] = set()
    for number, ids in enumerate(steps):
        joined: set[int] = set().union(*(person_of[n] for n in ids))
        for n in joined:
            person_of[n] = joined
        names = [f"{world}-{n}" for n in ids]

        taken = take(storage, *dict.fromkeys(names), decision=f"{world}-{number}")

        assert taken == (not joined & with_place)
        with_place |= joined


def test_a_deferred_place_is_free_after_its_time_and_some_slack(
    storage: Storage,
) -> None:
    take(storage, "u", decision="a", until_ms=NOW + 1_000)

    late = NOW + 1_000 + SLACK_MS
    assert used(storage, "u", at_ms=late) == [1]
    assert not take(storage, "u", decision="b", at_ms=late)
    assert take(storage, "u", decision="b", at_ms=late + 1)


def test_a_deferred_place_that_is_confirmed_in_time_is_kept(storage: Storage) -> None:
    take(storage, "u", decision="a", until_ms=NOW + 1_000)

    assert storage.reservations.confirm("a", NOW + 1_000)
    assert storage.reservations.confirm("a", NOW + 2 * SLACK_MS)

    assert not take(storage, "u", decision="b", at_ms=NOW + 2 * SLACK_MS)


def test_a_deferred_place_is_not_confirmed_when_its_time_is_over(
    storage: Storage,
) -> None:
    take(storage, "u", decision="a", until_ms=NOW + 1_000)

    assert not storage.reservations.confirm("a", NOW + 1_001)

    assert take(storage, "u", decision="b", at_ms=NOW + 2_000 + SLACK_MS)


def test_a_decision_without_a_place_may_always_be_shown(storage: Storage) -> None:
    assert storage.reservations.confirm("unknown", NOW)


def test_the_place_of_a_decision_that_was_not_logged_is_freed(
    storage: Storage,
) -> None:
    take(storage, "u", decision="a")
    storage.reservations.free("a")
    storage.reservations.free("a")

    assert take(storage, "u", decision="b")


def test_what_is_kept_of_a_person_can_be_forgotten(
    storage: Storage, folder: Path
) -> None:
    take(storage, "u-81", "anon-7f", decision="a-decision-of-it")

    assert storage.reservations.forget(["anon-7f"]) == 3
    assert storage.reservations.scrub(lambda: None)

    assert used(storage, "u-81") == [0]
    files = b"".join(one.read_bytes() for one in folder.glob("caps.db*"))
    assert b"a-decision-of-it" not in files
    assert b"u-81" not in files


def test_nothing_is_created_for_a_store_without_strict_caps(
    storage: Storage, folder: Path
) -> None:
    assert storage.reservations.forget(["u"]) == 0
    assert storage.reservations.scrub(lambda: None)

    assert not list(folder.glob("caps.db*"))


def test_places_that_no_cap_can_count_any_more_are_dropped(storage: Storage) -> None:
    take(storage, "u", decision="a", at_ms=NOW)
    take(storage, "v", decision="b", at_ms=NOW + 92 * DAY_MS)

    assert storage.reservations.forget(["u"]) == 0
