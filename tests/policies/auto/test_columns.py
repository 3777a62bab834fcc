"""Contexts as columns: what a reader has at hand changes nothing."""

import random

import numpy as np

from policies.auto.columns import ColumnReader, Columns
from policies.base import Context, Scalar

VALUES: list[Scalar] = ["a", "b", "c", 1, 2.5, -3, 0, True, False, None, "1"]


def drawn(chance: random.Random) -> Context:
    """Return a context with two namespaces whose features have any kind of value."""
    spaces = {
        space: {f"f{i}": chance.choice(VALUES) for i in range(chance.randrange(4))}
        for space in ("unit", "user")
    }
    return {"device": chance.choice("xyz"), "f0": chance.choice(VALUES)} | spaces


def test_a_reader_that_has_read_before_reads_as_a_new_one_does() -> None:
    """1,000 contexts, of which each fifth is learned, until no column is left."""
    chance = random.Random(3)  # noqa: S311 - a test's own draws
    reader = ColumnReader(Columns())
    complete = set()
    for turn in range(1_000):
        context = drawn(chance)
        if turn > 800:
            context = {"unit": {f"f{chance.randrange(40)}": chance.choice("pqr")}}
        row, fresh = reader.row(context), ColumnReader(reader.columns).row(context)

        assert np.array_equal(row.columns, fresh.columns)
        assert np.array_equal(row.values, fresh.values)
        assert (row.numbers, row.complete) == (fresh.numbers, fresh.complete)
        complete.add(row.complete)
        # The fewer columns are left, the more often must a feature have come.
        for _ in range(60 if turn > 800 else turn % 5 == 0):
            reader.admit(context, 100)
    assert complete == {True, False}
    assert not reader.columns.has_room
