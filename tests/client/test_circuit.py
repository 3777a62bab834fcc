"""A service that keeps failing is left alone, but for one caller's probe."""

import pytest

from bandit_svc.client import BanditClient, BanditClientError
from bandit_svc.client.guarding.circuit import Circuit
from bandit_svc.client.guarding.minute_log import MOST_CAUSES, MinuteLog
from tests.harness.client.forked import in_fork
from tests.harness.fakes.json_server import Answer
from tests.harness.fakes.scripted_service import ScriptedService
from tests.harness.waiting import GENEROUS_S

DECIDED = {"decision_id": "d-1", "experiment": "hero", "variant": "sandals"}


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now_s


def fails(
    circuit: Circuit, status: int | None, retry_after_s: float | None = None
) -> str:
    """Return the reason of a call that fails."""
    with pytest.raises(BanditClientError) as caught, circuit.passing():
        raise BanditClientError(status, {}, retry_after_s)
    return caught.value.reason


def passes(circuit: Circuit) -> str:
    """Return the state after a call that succeeds."""
    with circuit.passing():
        pass
    return circuit.state


@pytest.fixture
def clock() -> Clock:
    """Return a clock that stands still."""
    return Clock()


@pytest.fixture
def circuit(clock: Clock) -> Circuit:
    """Return a circuit that opens at the third failure."""
    return Circuit(3, clock)


def test_failures_in_turn_open_it_and_then_no_call_is_made(circuit: Circuit) -> None:
    reasons = [fails(circuit, status) for status in (None, 500, 503, 503)]

    assert reasons == ["unreachable", "status_500", "status_503", "circuit_open"]
    assert circuit.state == "open"


def test_a_success_between_failures_keeps_it_closed(circuit: Circuit) -> None:
    for _ in range(4):
        fails(circuit, 500)
        fails(circuit, 500)

        assert passes(circuit) == "closed"


@pytest.mark.parametrize("status", [400, 401, 404, 409, 429])
def test_a_refusal_is_an_answer(*, circuit: Circuit, status: int) -> None:
    for _ in range(5):
        fails(circuit, status)

    assert circuit.state == "closed"


def test_one_caller_probes_after_the_pause(circuit: Circuit, clock: Clock) -> None:
    for _ in range(3):
        fails(circuit, 500)
    clock.now_s += 1.01

    with circuit.passing():
        assert fails(circuit, 500) == "circuit_open"

    assert passes(circuit) == "closed"


def test_a_probe_that_fails_doubles_the_pause_to_half_a_minute(
    circuit: Circuit, clock: Clock
) -> None:
    for _ in range(3):
        fails(circuit, 500)
    for pause_s in (1, 2, 4, 8, 16, 30, 30):
        clock.now_s += pause_s - 0.01
        assert fails(circuit, 500) == "circuit_open"
        clock.now_s += 0.02
        assert fails(circuit, 500) == "status_500"


def test_the_service_says_how_long_the_first_pause_is(
    circuit: Circuit, clock: Clock
) -> None:
    for _ in range(3):
        fails(circuit, 503, 7.0)
    clock.now_s += 6.9

    assert fails(circuit, 500) == "circuit_open"

    clock.now_s += 0.2
    assert passes(circuit) == "closed"


def test_a_probe_that_ends_without_a_result_leaves_the_next_one_to_another(
    circuit: Circuit, clock: Clock
) -> None:
    for _ in range(3):
        fails(circuit, 500)
    clock.now_s += 1.01
    with pytest.raises(KeyboardInterrupt), circuit.passing():
        raise KeyboardInterrupt

    assert passes(circuit) == "closed"


def test_without_a_limit_it_never_opens(clock: Clock) -> None:
    circuit = Circuit(0, clock)
    for _ in range(50):
        fails(circuit, 500)

    assert circuit.state == "closed"


def test_a_client_does_not_ask_a_service_that_keeps_failing(
    stub: ScriptedService,
) -> None:
    stub.answer(Answer(500, {"detail": "no disk"}, {"Retry-After": "30"}))
    with BanditClient(stub.url, timeout_s=GENEROUS_S) as client:
        for _ in range(20):
            client.decide("hero", fallback="mine")
        stats = client.stats()

    assert len(stub.asked) == 5
    assert stats.fallbacks == {"status_500": 5, "circuit_open": 15}
    assert (stats.circuit, stats.decisions) == ("open", 0)


def test_a_forked_process_finds_out_for_itself(stub: ScriptedService) -> None:
    stub.answer(Answer(500, {"detail": "no disk"}, {"Retry-After": "30"}))
    with BanditClient(stub.url, timeout_s=GENEROUS_S) as client:
        for _ in range(6):
            client.decide("hero", fallback="mine")
        stub.answer(Answer(201, DECIDED))

        assert in_fork(lambda: client.decide("hero").variant) == "sandals"
        assert client.stats().circuit == "open"


def test_each_cause_is_told_at_once_and_then_once_a_minute(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    notes = MinuteLog(clock)
    for _ in range(50):
        notes.note("key", lambda n: f"{n} wrong keys")
    notes.note("time", lambda n: f"{n} timeouts", 2)
    clock.now_s += 59.9
    notes.tell_due()

    assert caplog.messages == ["1 wrong keys", "2 timeouts"]

    clock.now_s += 0.2
    notes.tell_due()
    notes.tell_due()

    assert caplog.messages[2:] == ["49 wrong keys"]

    notes.note("key", lambda n: f"{n} wrong keys", 3)
    assert len(caplog.messages) == 3
    notes.tell_all()
    assert caplog.messages[3:] == ["3 wrong keys"]


def test_causes_that_callers_make_up_are_told_together(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    notes = MinuteLog(clock)
    for number in range(MOST_CAUSES + 50):
        notes.note(f"cause {number}", lambda n: f"{n} failures")
    notes.tell_all()

    assert caplog.messages == ["1 failures"] * (MOST_CAUSES + 1) + ["49 failures"]
