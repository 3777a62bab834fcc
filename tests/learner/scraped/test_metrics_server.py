"""The metrics of a learner of its own, and a port that is taken."""

import socket
from collections.abc import Callable

import pytest

from tests.harness.learner_process import StartLearner
from tests.harness.loopback import free_port, get_text

pytestmark = pytest.mark.e2e

Act = Callable[[], None]


def test_what_it_has_learned_is_read_at_its_own_address(
    start: StartLearner, initialise: Act, decide_once: Act
) -> None:
    initialise()
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    learner = start(BANDIT_LEARNER_PORT=str(port))
    decide_once()

    def version() -> str:
        lines = (get_text(f"{url}/metrics") or "").splitlines()
        named = 'bandit_model_version{experiment="hero"} '
        return next((line for line in lines if line.startswith(named)), "")

    learner.wait_for(lambda: version().endswith(" 1.0"), "a model in the metrics")
    assert get_text(f"{url}/healthz") == '{"status": "ok"}'
    assert get_text(f"{url}/other") is None
    assert learner.terminate() == 0


def test_a_taken_port_ends_it_with_a_sentence(
    start: StartLearner, initialise: Act
) -> None:
    initialise()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        learner = start(BANDIT_LEARNER_PORT=str(port))

        assert learner.wait_for_end() == 1

    assert f"learner_port {port}: Address already in use" in learner.said
    assert "choose with --learner-host and --learner-port" in learner.said
