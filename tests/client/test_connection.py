"""Keep-alive, the one retry, time limits, fallbacks, threads and forks."""

import asyncio
import socket
import threading

import pytest

from bandit_svc.client import AsyncBanditClient, BanditClient, BanditClientError
from tests.harness.client.forked import in_fork
from tests.harness.fakes.json_server import Answer
from tests.harness.fakes.scripted_service import ScriptedService
from tests.harness.waiting import GENEROUS_S, wait_until
from tests.harness.web.own_loop import in_own_loop

DECIDED = {"decision_id": "d-1", "experiment": "hero", "variant": "sandals"}


def nobody_listens_at() -> str:
    """Return the address of a port that was free a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"http://127.0.0.1:{server.getsockname()[1]}"


def test_requests_of_one_thread_share_a_connection(
    stub: ScriptedService, client: BanditClient
) -> None:
    stub.answer(Answer(201, DECIDED))

    client.decide("hero")
    client.decide("hero")

    assert stub.asked[0].connection == stub.asked[1].connection


def test_each_thread_has_a_connection_of_its_own(
    stub: ScriptedService, client: BanditClient
) -> None:
    stub.answer(Answer(201, DECIDED))

    def ask() -> None:
        client.decide("hero")
        client.close()

    thread = threading.Thread(target=ask)
    thread.start()
    thread.join()
    ask()

    assert stub.asked[0].connection != stub.asked[1].connection


def test_a_kept_connection_closed_by_the_service_is_replaced_once(
    stub: ScriptedService, client: BanditClient
) -> None:
    stub.answer(Answer(201, DECIDED, hang_up=True))
    client.decide("hero")

    decision = client.decide("hero")

    assert decision.decision_id == "d-1"


def test_the_retry_repeats_the_request_id(
    stub: ScriptedService, client: BanditClient
) -> None:
    # The second answer never comes: the service dies after it has read the
    # request, which is the moment where a decision may be logged already.
    stub.answer(Answer(201, DECIDED), Answer(silent=True), Answer(201, DECIDED))
    stub.released.set()
    client.decide("hero")

    client.decide("hero")

    _, cut_off, repeated = stub.asked
    assert cut_off.body == repeated.body


def test_a_fresh_connection_that_breaks_is_not_retried(
    stub: ScriptedService, client: BanditClient
) -> None:
    stub.answer(Answer(silent=True))
    stub.released.set()

    with pytest.raises(BanditClientError, match="did not answer"):
        client.decide("hero")

    assert len(stub.asked) == 1


def test_creating_an_experiment_is_never_sent_twice(
    stub: ScriptedService, client: BanditClient
) -> None:
    stub.answer(Answer(200, {}), Answer(silent=True))
    stub.released.set()
    client.experiment("hero")

    with pytest.raises(BanditClientError, match="did not answer"):
        client.create_experiment({"key": "hero"})

    assert [asked.method for asked in stub.asked] == ["GET", "POST"]


def test_a_slow_service_is_an_error_at_the_time_limit(stub: ScriptedService) -> None:
    stub.answer(Answer(silent=True))

    with (
        BanditClient(stub.url, timeout_s=0.05) as client,
        pytest.raises(BanditClientError, match="did not answer") as caught,
    ):
        client.decide("hero")

    assert caught.value.status is None


def test_a_slow_service_gives_the_fallback(stub: ScriptedService) -> None:
    stub.answer(Answer(silent=True))

    with BanditClient(stub.url, timeout_s=0.05) as client:
        decision = client.decide("hero", fallback="summer-dress")

    assert decision.variant == "summer-dress"
    assert decision.is_fallback
    assert decision.error is not None


def test_no_service_at_all_gives_the_fallback() -> None:
    with BanditClient(nobody_listens_at()) as client:
        decision = client.decide("hero", fallback="summer-dress")

    assert (decision.variant, decision.decision_id) == ("summer-dress", None)


@pytest.mark.parametrize("status", [400, 404, 409, 422, 500, 503])
def test_every_refusal_gives_the_fallback(
    *, stub: ScriptedService, client: BanditClient, status: int
) -> None:
    stub.answer(Answer(status, {"title": "No", "status": status}))

    decision = client.decide("hero", fallback="summer-dress")

    assert decision.error is not None
    assert decision.error.status == status


def test_a_context_that_json_has_no_word_for_gives_the_fallback(
    client: BanditClient,
) -> None:
    decision = client.decide("hero", context={"x": object()}, fallback="summer-dress")

    assert decision.is_fallback


def test_a_fallback_decision_is_neither_activated_nor_rewarded(
    stub: ScriptedService, client: BanditClient
) -> None:
    client.activate(None)
    client.reward(None, 1.0)

    assert stub.asked == []


def test_ready_is_false_when_nobody_listens() -> None:
    with BanditClient(nobody_listens_at()) as client:
        assert client.ready() is False


def test_a_late_answer_is_not_taken_for_the_next_request(stub: ScriptedService) -> None:
    stub.answer(Answer(silent=True), Answer(201, DECIDED))

    with BanditClient(stub.url, timeout_s=0.1) as client:
        client.decide("hero", fallback="summer-dress")
        # A busy machine may be late a second time.
        decision = wait_until(lambda: answered(client), "an answer in time")

    assert decision == "d-1"
    assert stub.asked[0].connection != stub.asked[-1].connection


def answered(client: BanditClient) -> str | None:
    return client.decide("hero", fallback="summer-dress").decision_id


def test_a_forked_process_opens_a_connection_of_its_own(
    stub: ScriptedService, client: BanditClient
) -> None:
    stub.answer(Answer(201, DECIDED))
    client.decide("hero")

    in_fork(lambda: client.decide("hero").variant)
    client.decide("hero")

    parents, forked, parents_again = (asked.connection for asked in stub.asked)
    assert parents == parents_again != forked


def test_a_fork_of_a_program_with_a_loop_leaves_its_connections_alone(
    stub: ScriptedService,
) -> None:
    stub.answer(Answer(201, DECIDED))
    client = AsyncBanditClient(stub.url, timeout_s=GENEROUS_S)

    async def ask() -> str:
        return (await client.decide("hero")).variant

    async def main() -> list[str]:
        said = [await ask(), in_fork(lambda: in_own_loop(ask())), await ask()]
        await client.close()
        return said

    assert in_own_loop(main()) == ["sandals"] * 3
    first, forked, again = (asked.connection for asked in stub.asked)
    assert first == again != forked


def test_one_client_serves_one_loop_after_the_other(stub: ScriptedService) -> None:
    stub.answer(Answer(201, DECIDED))
    client = AsyncBanditClient(stub.url, timeout_s=GENEROUS_S)

    async def ask() -> str:
        variant = (await client.decide("hero")).variant
        await client.close()
        return variant

    assert [in_own_loop(ask()) for _ in range(2)] == ["sandals"] * 2


def test_a_call_that_is_cancelled_leaves_the_next_one_its_own_answer(
    stub: ScriptedService,
) -> None:
    stub.answer(Answer(201, DECIDED), Answer(silent=True), Answer(201, DECIDED))

    async def main() -> str:
        async with AsyncBanditClient(stub.url, timeout_s=GENEROUS_S) as client:
            await client.decide("hero")
            waiting = asyncio.create_task(client.decide("hero", fallback="mine"))
            # Until its request has arrived, which is never answered.
            await asyncio.to_thread(
                wait_until, lambda: len(stub.asked) == 2, "its arrival"
            )
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            return (await client.decide("hero")).variant

    assert in_own_loop(main()) == "sandals"


def test_a_path_in_the_address_comes_before_every_route(stub: ScriptedService) -> None:
    stub.answer(Answer(200, {}))

    with BanditClient(f"{stub.url}/bandit/") as client:
        client.experiment("hero")

    assert stub.asked[0].path == "/bandit/v1/experiments/hero"
