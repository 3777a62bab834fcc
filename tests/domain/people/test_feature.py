"""The language in which an experiment declares features of a unit."""

import pytest

from bandit_svc.domain.people.feature import (
    FUNCTIONS,
    MAX_WINDOW_MS,
    TrailName,
    UnitFeature,
    kept_trails,
    parse_feature,
    parse_features,
)
from bandit_svc.errors import InvalidInput

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS


@pytest.mark.parametrize(
    ("text", "feature"),
    [
        ("count(viewed, 7d)", UnitFeature("count", "viewed", "", 7 * DAY_MS)),
        ("count(viewed)", UnitFeature("count", "viewed", "", MAX_WINDOW_MS)),
        ("sum(purchased, 30d)", UnitFeature("sum", "purchased", "value", 30 * DAY_MS)),
        ("sum(cart.price,12h)", UnitFeature("sum", "cart", "price", 12 * HOUR_MS)),
        ("last(viewed.item)", UnitFeature("last", "viewed", "item")),
        (
            " top( viewed.category , 30d ) ",
            UnitFeature("top", "viewed", "category", 30 * DAY_MS),
        ),
        (
            "hours_since(cart_added unless purchased)",
            UnitFeature("hours_since", "cart_added", unless="purchased"),
        ),
        (
            "decayed_mean(viewed.price, 90d unless sign-out)",
            UnitFeature("decayed_mean", "viewed", "price", 90 * DAY_MS, "sign-out"),
        ),
        (
            "count('Product Viewed', 7d unless 'Order Completed')",
            UnitFeature("count", "Product Viewed", "", 7 * DAY_MS, "Order Completed"),
        ),
        (
            """sum("Buyer's Order"."net revenue")""",
            UnitFeature("sum", "Buyer's Order", "net revenue"),
        ),
        ("count('a unless b, 7d')", UnitFeature("count", "a unless b, 7d")),
        ("last('ü (1)'.x, 7d)", UnitFeature("last", "ü (1)", "x", 7 * DAY_MS)),
    ],
)
def test_a_declaration_says_what_is_made_of_which_events(
    text: str, feature: UnitFeature
) -> None:
    assert parse_feature(text) == feature


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is no feature"),
        ("viewed", "is no feature"),
        ("count viewed", "is no feature"),
        ("median(viewed)", "'median' is no function.*count, sum, last"),
        ("count()", "can't be read"),
        ("count(viewed, 7d, 8d)", "can't be read"),
        ("count(viewed, 7d) + 1", "is no feature"),
        ("count(viewed unless)", "can't be read"),
        ("count('viewed)", "can't be read"),
        ("count('')", "can't be read"),
        ("count('a.b')", "can't be read"),
        ("count('a#')", "can't be read"),
        (f"count('{'e' * 65}')", "a name has 65 characters; at most 64"),
        ("count(viewed unless a or b)", "can't be read"),
        ("count(viewed.item)", "count reads no property"),
        ("hours_since(viewed.item)", "hours_since reads no property"),
        ("top(viewed)", "top needs a property"),
        ("count(viewed, 91d)", "the window is '91d'.*up to 90d"),
        ("count(viewed, 2161h)", "the window is '2161h'"),
        ("count(viewed, 0d)", "the window is '0d'"),
        ("count(viewed, -7d)", "the window is '-7d'"),
        ("count(viewed, 7)", "the window is '7'"),
        ("count(viewed, 1w)", "the window is '1w'"),
        (f"count({'e' * 65})", "a name has 65 characters; at most 64"),
    ],
)
def test_a_declaration_of_another_form_is_refused_with_its_place(
    text: str, message: str
) -> None:
    with pytest.raises(InvalidInput, match=message) as refused:
        parse_features({"fine": "count(viewed)", "views": text})
    assert [field.pointer for field in refused.value.fields] == ["/features/views"]


@pytest.mark.parametrize("name", ["", "7d", "views-7d", "a b", "n" * 65])
def test_a_name_that_no_condition_could_read_is_refused(name: str) -> None:
    with pytest.raises(InvalidInput, match="the name of a feature has 1 to 64"):
        parse_features({name: "count(viewed)"})


def test_more_than_32_features_are_refused() -> None:
    declared = {f"f{i}": "count(viewed)" for i in range(33)}

    with pytest.raises(InvalidInput, match="33 features; at most 32"):
        parse_features(declared)
    del declared["f32"]
    assert len(parse_features(declared)) == 32


def test_an_unknown_function_names_all_there_are() -> None:
    with pytest.raises(InvalidInput) as refused:
        parse_feature("mean(viewed.price)")
    for function in FUNCTIONS:
        assert function in refused.value.message


def test_a_trail_is_kept_for_the_longest_window_that_reads_it() -> None:
    features = parse_features(
        {
            "views_7d": "count(viewed, 7d)",
            "views_1h": "count(viewed, 1h)",
            "style": "top(viewed.style, 2d)",
            "last_style": "last(viewed.style, 1d)",
            "cart": "hours_since(cart_added, 3d unless purchased)",
        }
    )

    assert kept_trails(features.values()) == {
        TrailName("viewed"): 7 * DAY_MS,
        TrailName("viewed", "style", as_text=True): 2 * DAY_MS,
        TrailName("viewed", "style"): DAY_MS,
        TrailName("cart_added"): 3 * DAY_MS,
        TrailName("purchased"): 3 * DAY_MS,
    }
