"""Which column a feature has: a function of what was learned, in its order."""

from policies.linear.columns import Columns


def test_columns_are_given_in_the_order_of_learning() -> None:
    columns = Columns(limit=16)

    columns.admit({"device": "mobile", "hour": 3})
    columns.admit({"device": "desktop"})

    assert columns.known == {"device=mobile": 1, "hour#": 2, "device=desktop": 3}
    assert columns.width == 4


def test_number_is_cut_by_the_power_of_two_above_the_largest_learned() -> None:
    columns = Columns(limit=16)

    first = columns.admit({"hour": 3})
    second = columns.admit({"hour": -9})
    indices, values, unseen = columns.vector({"hour": 4})

    # By hand: 3 < 4 = 2^2, 9 < 16 = 2^4, and 4 / 16 = 0.25.
    assert first == {}
    assert second == {1: 2}
    assert indices.tolist() == [0, 1]
    assert values.tolist() == [1.0, 0.25]
    assert unseen == 0.0


def test_feature_that_was_never_learned_counts_as_unseen() -> None:
    columns = Columns(limit=16)
    columns.admit({"device": "mobile"})

    indices, values, unseen = columns.vector({"device": "desktop", "hour": 0.5})

    assert indices.tolist() == [0]
    assert values.tolist() == [1.0]
    assert unseen == 1.25


def test_late_features_share_the_last_columns() -> None:
    columns = Columns(limit=16)

    for city in range(100):
        columns.admit({"city": str(city)})
        indices, _, unseen = columns.vector({"city": str(city)})
        assert unseen == 0.0
        assert indices[-1] == 1 + city if city < 13 else indices[-1] in {14, 15}

    assert columns.width == 16
    assert len(columns.known) == 13


def test_order_of_a_context_changes_nothing() -> None:
    columns = Columns(limit=16)
    columns.admit({"device": "mobile", "hour": 3, "user": {"new": True}})

    one = columns.vector({"device": "mobile", "hour": 2, "user": {"new": True}})
    other = columns.vector({"user": {"new": True}, "hour": 2, "device": "mobile"})

    assert one[0].tolist() == other[0].tolist() == [0, 1, 2, 3]
    assert one[1].tolist() == other[1].tolist() == [1.0, 1.0, 0.5, 1.0]


def test_looking_up_gives_no_column() -> None:
    columns = Columns(limit=16)

    columns.vector({"device": "mobile"})

    assert columns == Columns(limit=16)
