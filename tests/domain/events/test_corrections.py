"""A corrected reward as a record of the log."""

import pytest

from bandit_svc.domain.events.codec import FactDecoder, encode_correction, is_reward_of
from bandit_svc.domain.events.decision_id import DecisionIds, raw_id
from bandit_svc.domain.events.reward import Correction

AT_MS = 1_790_000_000_000
IDS = DecisionIds(bytes(32))
DECISION_ID = IDS.issue(7, AT_MS, bytes(9), deferred=False)
OTHER_ID = IDS.issue(7, AT_MS, bytes(8) + b"1", deferred=False)


@pytest.mark.parametrize("value", [0.0, -3.5, 1e9])
@pytest.mark.parametrize("reward_id", ["", "order-5512"])
@pytest.mark.parametrize("metric", ["reward", "revenue"])
@pytest.mark.parametrize("clipped", [False, True])
def test_a_correction_is_read_as_it_was_written(
    value: float, reward_id: str, metric: str, *, clipped: bool
) -> None:
    correction = Correction(
        DECISION_ID, 7, value, reward_id, AT_MS, AT_MS + 1, metric, clipped
    )
    record = encode_correction(correction)

    assert FactDecoder(IDS).decode(record, {}) == correction
    assert is_reward_of(record, raw_id(DECISION_ID))
    assert not is_reward_of(record, raw_id(OTHER_ID))
