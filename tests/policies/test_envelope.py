"""The envelope: each kind of damage has its own sentence."""

import pytest

from policies.base import PolicyError, RewardRange
from policies.envelope import seal, spec_digest, unseal

DIGEST = spec_digest({"kind": "uniform"}, RewardRange())
SEALED = seal(DIGEST, b"what was learned")


def test_payload_comes_back() -> None:
    assert unseal(DIGEST, SEALED) == b"what was learned"


def test_empty_payload_comes_back() -> None:
    assert unseal(DIGEST, seal(DIGEST, b"")) == b""


@pytest.mark.parametrize(
    ("state", "message"),
    [
        (b"", "has 0 bytes"),
        (SEALED[:70], "has 70 bytes"),
        (b"XXXX" + SEALED[4:], "not a policy state"),
        (SEALED[:5] + b"\x02" + SEALED[6:], "has format 2"),
        (SEALED[:-1], "has 15 bytes where its header says 16"),
        (SEALED + b"!", "has 17 bytes where its header says 16"),
        (SEALED[:-1] + b"!", "SHA-256"),
    ],
)
def test_damage_is_named(state: bytes, message: str) -> None:
    with pytest.raises(PolicyError, match=message):
        unseal(DIGEST, state)


@pytest.mark.parametrize(
    "digest",
    [
        spec_digest({"kind": "weighted"}, RewardRange()),
        spec_digest({"kind": "uniform"}, RewardRange(0.0, 2.0)),
    ],
)
def test_other_spec_or_reward_range_is_refused(digest: bytes) -> None:
    with pytest.raises(PolicyError, match="another spec or reward range"):
        unseal(digest, SEALED)


def test_digest_does_not_depend_on_the_order_of_settings() -> None:
    one = spec_digest({"a": 1, "b": 2.0}, RewardRange())

    assert one == spec_digest({"b": 2.0, "a": 1}, RewardRange())
