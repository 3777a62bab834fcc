"""A pmf comes back from the bytes of a field to the last bit."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bandit_svc.domain.events.packing import LONG_PMF, Malformed, pack_pmf, read_pmf

# Numbers that share no byte, the highest byte, or more.
pmfs = st.lists(st.floats(), min_size=1, max_size=80) | st.lists(
    st.floats(0.25, 0.5) | st.sampled_from([0.25, 0.5]), min_size=1, max_size=80
)


def bits(numbers: list[float] | tuple[float, ...]) -> bytes:
    return struct.pack(f"{len(numbers)}d", *numbers)


@given(pmfs)
def test_a_pmf_comes_back_bit_by_bit(pmf: list[float]) -> None:
    packed = pack_pmf(pmf)

    assert bits(read_pmf(packed, len(pmf))) == bits(pmf)
    assert len(packed) <= 8 * len(pmf)


def test_a_byte_that_all_entries_of_a_long_pmf_share_is_written_once() -> None:
    pmf = [1 / 8 + place / 1000 for place in range(100)]
    sizes = [len(pack_pmf(pmf[:count])) for count in (LONG_PMF - 1, LONG_PMF, 100)]

    assert sizes == [8 * (LONG_PMF - 1), 2 + 7 * LONG_PMF, 2 + 7 * 100]


@pytest.mark.parametrize("count", [2, LONG_PMF])
def test_a_length_of_no_form_is_refused(count: int) -> None:
    with pytest.raises(Malformed, match="bytes of a pmf"):
        read_pmf(bytes(9), count)
