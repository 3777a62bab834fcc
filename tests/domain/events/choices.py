"""Draws any choice that a decision can log."""

from hypothesis import strategies as st

from bandit_svc.domain.events.decision_fields import Field
from bandit_svc.domain.programmes.counted import CountedCap
from bandit_svc.domain.programmes.membership import Membership, ProgrammeGroup
from bandit_svc.domain.slots.page import Page, Slot, Source
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
_KNOWN = frozenset(n for n in vars(Field).values() if isinstance(n, int))
unknown_fields = st.dictionaries(
    st.integers(1, 2**20).filter(lambda n: n not in _KNOWN),
    st.binary(max_size=9),
    min_size=1,
)
"""Of fields that a later version may write."""


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


sources: st.SearchStrategy[Source] = st.sampled_from(
    ["policy", "baseline", "fallback", "explore"]
)
slot_features = st.dictionaries(
    texts, texts | numbers | floats | st.booleans() | st.none(), max_size=3
)


@st.composite
def slots(draw: st.DrawFn, count: int) -> Slot:
    places = draw(st.lists(st.integers(0, count - 1), min_size=1, unique=True))
    one = pmfs(len(places))
    return Slot(
        tuple(places),
        draw(st.integers(0, len(places) - 1)),
        draw(one),
        draw(slot_features),
        draw(sources),
        draw(st.booleans()),
        draw(st.none() | st.just(()) | one),
        draw(st.none() | st.just(()) | one),
    )


@st.composite
def pages(draw: st.DrawFn, eligible: tuple[str, ...]) -> Page:
    return Page(
        eligible,
        draw(slot_features),
        draw(st.booleans()),
        draw(texts),
        tuple(draw(st.lists(slots(len(eligible)), max_size=3))),
    )
