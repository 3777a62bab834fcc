"""How much of storage.interface a PostgreSQL store has."""

from bandit_svc.storage.interface import Storage
from bandit_svc.storage.postgres.store import PostgresStorage

TO_COME = frozenset({"archived", "reservations", "units"})
"""Parts that it has not yet. It is whole, and may be offered, without any."""
METHODS_TO_COME = frozenset(
    {
        *("beside", "forget_beside", "is_beside"),
        *("check_writable", "pseudonym_key"),
    }
)


def test_a_store_has_all_parts_but_for_those_that_are_named() -> None:
    store = PostgresStorage("host=/nonexistent", "none")
    parts = {part for part in Storage.__annotations__ if not hasattr(store, part)}
    methods = {
        name
        for name, value in vars(Storage).items()
        if callable(value) and not name.startswith("_") and not hasattr(store, name)
    }

    assert parts == TO_COME
    assert methods == METHODS_TO_COME
