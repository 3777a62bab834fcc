"""A ring finds valid keys alone, as often as it is asked."""

from hashlib import sha256

from bandit_svc.services.serving.callers.key_ring import KeyRing
from bandit_svc.storage.keys import KeyRow

SECRET = "bsk_" + "a" * 32
OTHER = "bsk_" + "b" * 32


def row(secret: str, revoked_at_ms: int | None = None) -> KeyRow:
    digest = sha256(secret.encode()).hexdigest()
    return KeyRow("k1", "secret", digest, 1, revoked_at_ms)


def test_a_key_is_found_the_first_time_and_again() -> None:
    ring = KeyRing([row(SECRET), row(OTHER)])

    assert [ring.find(SECRET) for _ in range(2)] == [row(SECRET)] * 2
    assert ring.find(OTHER) == row(OTHER)


def test_a_key_that_is_unknown_stays_unknown() -> None:
    ring = KeyRing([row(SECRET)])

    assert [ring.find(OTHER) for _ in range(2)] == [None, None]


def test_a_revoked_key_is_not_found() -> None:
    assert KeyRing([row(SECRET, revoked_at_ms=2)]).find(SECRET) is None


def test_the_ring_after_a_revocation_has_not_remembered_the_key() -> None:
    before = KeyRing([row(SECRET)])
    before.find(SECRET)

    assert KeyRing([row(SECRET, revoked_at_ms=2)]).find(SECRET) is None


def test_a_key_of_lone_surrogates_is_unknown() -> None:
    assert KeyRing([row(SECRET)]).find("\ud800") is None
