"""What every store promises of sources of webhooks; see storage.doors.sources."""

import msgspec
import pytest

from bandit_svc.errors import Conflict, NotFound
from bandit_svc.storage.doors.sources import SecretRow, SourceRow
from bandit_svc.storage.interface import Storage

OLD = SecretRow("0a", "whsec_old", 5, expires_at_ms=90)
ORDERS = SourceRow(
    "orders",
    "standard-webhooks",
    7,
    (SecretRow("1b", "whsec_new", 7), OLD),
    mapping={"events": {"paid": {"value": "data.total", "scale": 0.01}}},
)
APP = SourceRow("app", "segment", 8, (SecretRow("2c", "bwk_a", 8),), browser=True)


@pytest.fixture
def two(storage: Storage) -> Storage:
    """A store with two sources."""
    storage.sources.add(ORDERS)
    storage.sources.add(APP)
    return storage


def test_they_come_back_as_they_were_by_name(two: Storage) -> None:
    assert two.sources.all() == [APP, ORDERS]
    assert two.sources.get("orders") == ORDERS


def test_a_name_is_taken_once(two: Storage) -> None:
    with pytest.raises(Conflict, match="a source 'orders' already"):
        two.sources.add(msgspec.structs.replace(ORDERS, kind="stripe"))

    assert two.sources.get("orders") == ORDERS


def test_a_replaced_one_is_as_it_is_now(two: Storage) -> None:
    now = msgspec.structs.replace(ORDERS, secrets=(OLD,), test_mode=True)
    two.sources.replace(now)

    assert two.sources.all() == [APP, now]


def test_a_removed_one_is_gone(two: Storage) -> None:
    two.sources.remove("orders")

    assert two.sources.all() == [APP]
    for change in (
        lambda: two.sources.get("orders"),
        lambda: two.sources.remove("orders"),
        lambda: two.sources.replace(ORDERS),
    ):
        with pytest.raises(NotFound, match="no source 'orders'"):
            change()


def test_each_change_is_a_new_version_of_the_definitions(two: Storage) -> None:
    versions = [two.experiments.version()]
    two.sources.replace(APP)
    versions.append(two.experiments.version())
    two.sources.remove("app")
    versions.append(two.experiments.version())

    assert len(set(versions)) == 3


def test_a_secret_is_good_until_its_time_is_over() -> None:
    assert ORDERS.valid_secrets(89) == ["whsec_new", "whsec_old"]
    assert ORDERS.valid_secrets(90) == ["whsec_new"]
