"""What a list of variants must be."""

import pytest

from bandit_svc.domain.limits import MAX_PAYLOAD_BYTES
from bandit_svc.domain.variant import Variant, check_variants, is_key
from bandit_svc.errors import InvalidInput


@pytest.mark.parametrize("key", ["a", "9", "a.b_c-D9", "x" * 128])
def test_a_key_is_letters_digits_and_three_marks(key: str) -> None:
    assert is_key(key)


@pytest.mark.parametrize(
    "key", ["", "-a", ".a", "_a", "a b", "a/b", "ä", "a\n", "x" * 129, "a\x00"]
)
def test_any_other_key_is_refused_with_its_pointer(key: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        check_variants([Variant("fine"), Variant(key)])

    assert refused.value.fields[0].pointer == "/variants/1/key"


@pytest.mark.parametrize("count", [0, 501])
def test_a_list_holds_between_1_and_500_variants(count: int) -> None:
    with pytest.raises(InvalidInput, match=f"there are {count} active variants"):
        check_variants([Variant(f"v{i}") for i in range(count)])


def test_retired_variants_leave_room_for_new_ones() -> None:
    retired = [Variant(f"old{i}", retired=True) for i in range(600)]

    check_variants([*retired, *(Variant(f"v{i}") for i in range(500))])


def test_a_key_stands_in_a_list_once() -> None:
    with pytest.raises(InvalidInput, match="'a' is in the list twice"):
        check_variants([Variant("a"), Variant("b"), Variant("a")])


def test_features_are_one_flat_level() -> None:
    with pytest.raises(InvalidInput) as refused:
        check_variants([Variant("a", features={"size": {"width": 1}})])

    assert refused.value.fields[0].pointer == "/variants/0/features/size"


@pytest.mark.parametrize("payload", ["x" * (MAX_PAYLOAD_BYTES - 2), [1, {"a": None}]])
def test_a_payload_is_any_json_of_up_to_16_kib(payload: object) -> None:
    check_variants([Variant("a", payload=payload)])


def test_a_larger_payload_is_refused_with_its_pointer() -> None:
    with pytest.raises(InvalidInput, match="has 16385 bytes") as refused:
        check_variants([Variant("a", payload="x" * (MAX_PAYLOAD_BYTES - 1))])

    assert refused.value.fields[0].pointer == "/variants/0/payload"
