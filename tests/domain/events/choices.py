"""Draws any choice that a decision can log."""

from hypothesis import strategies as st

from bandit_svc.domain.programmes.counted import CountedCap
from bandit_svc.domain.programmes.membership import Membership, ProgrammeGroup
from bandit_svc.domain.slots.draw import SlotDraw
from bandit_svc.domain.splits.branch import Branch

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
keys = st.text("abcXYZ019._-", min_size=1, max_size=6)
numbers = st.integers(0, 2**32 - 1)
floats = st.floats(allow_nan=False, allow_infinity=False)
arms: st.SearchStrategy[ProgrammeGroup] = st.sampled_from(
    ["experiment", "holdout", "business_as_usual", "explore"]
)
memberships = st.builds(Membership, keys, arms, floats, floats, st.none() | keys)
counted_caps = st.builds(CountedCap, keys, texts, texts, numbers, numbers)
branches = st.builds(Branch, numbers, texts, floats)


@st.composite
def pmfs(draw: st.DrawFn, count: int) -> tuple[float, ...]:
    """Numbers that need not sum to one: the codec keeps any."""
    form = draw(st.sampled_from(["all", "one number", "certain"]))
    if form == "one number":
        return (draw(floats),) * count
    if form == "certain":
        hot = draw(st.integers(0, count - 1))
        return tuple(float(i == hot) for i in range(count))
    return tuple(draw(st.lists(floats, min_size=count, max_size=count)))


@st.composite
def slot_draws(draw: st.DrawFn, count: int) -> SlotDraw:
    one = pmfs(count)
    return SlotDraw(
        draw(st.integers(0, count - 1)),
        draw(one),
        draw(st.booleans()),
        draw(st.none() | one),
        draw(st.none() | one),
    )
