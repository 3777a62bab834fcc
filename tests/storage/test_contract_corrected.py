"""What every store promises of corrected totals; see storage.doors.corrected."""

from bandit_svc.domain.doors.total_names import name_of_total, owner_of
from bandit_svc.storage.doors.corrected import KEPT_MS, Total
from bandit_svc.storage.interface import Storage

ORDER, OTHER = (name_of_total(unit, ["orders", "o-1"]) for unit in ("u", "v"))
OLD, NEW = Total(1.0, "m-1", 70.0), Total(2.0, "m-2", 30.0)


def test_the_newest_total_is_kept_in_whichever_order(storage: Storage) -> None:
    assert storage.corrected.keep(ORDER, NEW, 5) == NEW
    assert storage.corrected.keep(ORDER, OLD, 6) == NEW
    assert storage.corrected.keep(ORDER, NEW, 7) == NEW
    assert storage.corrected.keep(OTHER, OLD, 8) == OLD


def test_of_two_of_one_rank_the_delivery_decides(storage: Storage) -> None:
    twin = Total(2.0, "m-3", 20.0)

    assert storage.corrected.keep(ORDER, twin, 5) == twin
    assert storage.corrected.keep(ORDER, NEW, 6) == twin


def test_a_total_is_forgotten_after_ninety_days(storage: Storage) -> None:
    storage.corrected.keep(ORDER, NEW, 5)

    assert storage.corrected.keep(OTHER, OLD, 5 + KEPT_MS) == OLD
    assert storage.corrected.keep(ORDER, OLD, 5 + KEPT_MS) == NEW
    assert storage.corrected.keep(OTHER, OLD, 6 + KEPT_MS) == OLD
    assert storage.corrected.keep(ORDER, OLD, 6 + KEPT_MS) == OLD


def test_the_totals_of_one_owner_are_forgotten(storage: Storage) -> None:
    storage.corrected.keep(ORDER, NEW, 5)
    storage.corrected.keep(OTHER, NEW, 5)
    storage.corrected.forget(owner_of("u"))

    assert storage.corrected.keep(ORDER, OLD, 6) == OLD
    assert storage.corrected.keep(OTHER, OLD, 6) == NEW
