"""Rendered examples are parsed by Vowpal Wabbit as they were meant."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from vowpalwabbit import Workspace

from policies.base import Action, Context
from policies.features import context_features
from policies.vw.examples import ExampleWriter, shared_line

NASTY = st.text(st.sampled_from("a|: \n\t\r=#!@/&%0.é☃\x00\ud800"), max_size=6)
# Vowpal Wabbit's parser takes some numbers under 1e-20 for 0, and a feature of 0 for
# none: neither could move a prediction.
SCALARS = (
    NASTY
    | st.floats(allow_nan=False, allow_infinity=False, min_value=1e-20)
    | st.integers(1, 10**40)
    | st.booleans()
    | st.none()
)
FLAT = st.dictionaries(NASTY, SCALARS, max_size=4)
CONTEXTS = st.dictionaries(NASTY, SCALARS | FLAT, max_size=6)
PARSER = Workspace(
    "--cb_explore_adf --squarecb -q ca -b 24 --example_queue_limit 1 --quiet"
)
# Vowpal Wabbit adds its own constant to each line, in the namespace of this number.
CONSTANT_NAMESPACE = 128


def parsed(text: str) -> list[list[tuple[str, int, float]]]:
    """Return (namespace, hash, value) of every feature of every line."""
    examples = PARSER.parse(text)
    lines = [
        [
            (
                namespace.ns,
                example.feature(namespace, at),
                example.feature_weight(namespace, at),
            )
            for namespace in map(example.get_ns, range(example.num_namespaces()))
            if namespace.ord_ns != CONSTANT_NAMESPACE
            for at in range(example.num_features_in(namespace))
        ]
        for example in examples
    ]
    PARSER.finish_example(examples)
    return lines


@settings(deadline=None, max_examples=300)
@given(CONTEXTS)
def test_parsed_context_has_the_written_features_and_no_other(
    context: dict[str, Any],
) -> None:
    written = list(context_features(context))

    shared, action = parsed(
        ExampleWriter().unlabelled(shared_line(context), [Action("boots")])
    )

    assert {namespace for namespace, _, _ in shared} <= {"c"}
    assert [value for _, _, value in shared] == pytest.approx(
        [1.0, *(value for _, value in written)], rel=1e-6
    )
    assert len({feature for _, feature, _ in shared}) == 1 + len(written)
    assert len(action) == 1


@settings(deadline=None, max_examples=300)
@given(st.lists(st.builds(Action, NASTY, FLAT), min_size=1, max_size=4))
def test_parsed_action_has_its_key_and_features_and_no_other(
    actions: list[Action],
) -> None:
    shared, *lines = parsed(ExampleWriter().unlabelled(shared_line({}), actions))

    assert len(shared) == 1
    assert len(lines) == len(actions)
    for line, action in zip(lines, actions, strict=True):
        assert {namespace for namespace, _, _ in line} == {"a"}
        assert len({feature for _, feature, _ in line}) == 1 + len(action.features)


def test_example_is_written_as_text_with_the_cost_on_the_chosen_line() -> None:
    actions = [Action("boots", {"price": 2}), Action("coat")]
    context: Context = {"hour": 21, "user": {"segment": "new"}}

    text = ExampleWriter().labelled(shared_line(context), actions, 1, 0.25, 0.75)

    assert text == (
        "shared |c * hour#:21 user/segment=new\n"
        "|a @boots price#:2\n"
        "0:-0.75:0.25 |a @coat"
    )


def test_reward_of_zero_is_a_cost_of_plain_zero() -> None:
    text = ExampleWriter().labelled(shared_line({}), [Action("boots")], 0, 1.0, 0.0)

    assert text == "shared |c * \n0:0:1 |a @boots"


def test_equal_keys_with_other_features_are_rendered_anew() -> None:
    writer = ExampleWriter()

    writer.unlabelled(shared_line({}), [Action("boots", {"price": 2})])

    assert writer.unlabelled(shared_line({}), [Action("boots", {"price": 3})]).endswith(
        "price#:3"
    )
