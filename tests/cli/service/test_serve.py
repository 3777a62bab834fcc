"""`serve`, `web` and `learner` as real processes that are stopped and killed."""

import os
import signal
import socket
from pathlib import Path

import pytest

from tests.harness.command import StartCommand, processes_of
from tests.harness.loopback import free_port, get_text, post_json
from tests.harness.process import (
    COMMAND,
    Process,
    children_of,
    command_of,
    plain_environment,
)

pytestmark = pytest.mark.e2e

SERVE = ("serve", "--dev", "--port", "0")


def test_dev_initialises_announces_its_address_and_is_ready(
    start: StartCommand,
) -> None:
    service = start(*SERVE)
    service.wait_until_up()

    service.wait_for(lambda: service.get("/readyz") is not None, "ready")
    assert service.url.startswith("http://127.0.0.1:")
    assert len(service.children("gunicorn")) == 1
    assert len(service.children("bandit_svc.learner")) == 1


def test_an_initialised_folder_is_served_without_dev(
    start: StartCommand, initialised: Path
) -> None:
    service = start("serve", "--port", "0", "--workers", "1")
    service.wait_until_up()

    # Without a key nothing but the open pages is given out.
    assert initialised.exists()
    assert service.get("/v1/experiments") is None


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_signal_exits_0_and_leaves_no_process(
    start: StartCommand, number: signal.Signals
) -> None:
    service = start(*SERVE)
    service.wait_until_up()
    service.process.send_signal(number)

    assert service.wait_for_end() == 0
    assert processes_of(service.data) == []
    assert service.said.endswith("Stopped.\n")
    assert "Traceback" not in service.said


def test_a_stop_signal_during_the_start_exits_0(start: StartCommand) -> None:
    service = start(*SERVE)
    service.wait_for_words("learner started")
    service.process.terminate()

    assert service.wait_for_end() == 0
    assert processes_of(service.data) == []


def test_sigkill_of_the_supervisor_leaves_no_process(
    start: StartCommand,
) -> None:
    service = start(*SERVE)
    service.wait_until_up()
    service.wait_for_words("learning from")
    service.process.kill()
    service.wait_for_end()

    service.wait_for(lambda: processes_of(service.data) == [], "empty")


def test_a_killed_learner_is_replaced_and_its_gauges_come_back(
    start: StartCommand,
) -> None:
    service = start(*SERVE)
    service.wait_until_up()
    service.wait_for_words("learning from")
    (pid,) = service.children("bandit_svc.learner")
    os.kill(pid, signal.SIGKILL)

    service.wait_for_words("learning from", count=2)
    assert f"learner (pid {pid}) died of SIGKILL" in service.said
    assert service.children("bandit_svc.learner") != [pid]
    service.wait_for(
        lambda: "bandit_event_log_backlog_bytes 0.0" in (service.get("/metrics") or ""),
        "reporting",
    )


def test_a_learner_that_hangs_is_replaced(start: StartCommand) -> None:
    service = start(*SERVE, "--learner-silent-s", "2")
    service.wait_until_up()
    service.wait_for_words("learning from")
    (pid,) = service.children("bandit_svc.learner")
    os.kill(pid, signal.SIGSTOP)

    service.wait_for_words("learning from", count=2)
    assert f"learner (pid {pid}) has given no sign of life" in service.said
    assert f"learner (pid {pid}) died of SIGKILL" in service.said
    assert service.children("bandit_svc.learner") != [pid]


def test_a_service_whose_learner_hangs_says_that_its_log_is_not_read(
    start: StartCommand,
) -> None:
    service = start(*SERVE, "--learner-silent-s", "0")
    service.wait_until_up()
    service.wait_for_words("learning from")
    hero = {"key": "hero", "variants": [{"key": "a"}, {"key": "b"}]}
    post_json(service.url + "/v1/experiments", hero)
    (pid,) = service.children("bandit_svc.learner")
    os.kill(pid, signal.SIGSTOP)
    assert post_json(service.url + "/v1/decisions", {"experiment": "hero"})

    service.wait_for(lambda: "unread: " in (service.get("/readyz") or ""), "degraded")
    gauge = 'bandit_degraded{reason="unread"} 1.0'
    service.wait_for(lambda: gauge in (service.get("/metrics") or ""), "counted")
    os.kill(pid, signal.SIGCONT)
    service.wait_for(lambda: '"ready"' in (service.get("/readyz") or ""), "ready")


def test_a_killed_web_master_is_replaced_on_the_same_port(start: StartCommand) -> None:
    service = start(*SERVE)
    service.wait_until_up()
    (pid,) = service.children("gunicorn")
    os.kill(pid, signal.SIGKILL)

    # The workers of the dead master answer on for a moment, so first its successor.
    service.wait_for_words("web started", count=2)
    service.wait_for(
        lambda: service.children("gunicorn") not in ([], [pid]), "started again"
    )
    (successor,) = service.children("gunicorn")
    service.wait_for(lambda: children_of(successor), "forking workers")
    service.wait_until_healthy()
    assert f"web (pid {pid}) died of SIGKILL" in service.said


def test_pages_and_metrics_are_on_the_second_address_alone(
    start: StartCommand,
) -> None:
    port = free_port()
    service = start(*SERVE, "--admin-port", str(port))
    service.wait_until_up()
    admin = f"http://127.0.0.1:{port}"

    assert f"Metrics, pages and docs: {admin}" in service.said
    assert "bandit_build_info" in (get_text(admin + "/metrics") or "")
    assert "<html" in (get_text(admin + "/") or "")
    assert get_text(admin + "/healthz") is not None
    for path in ("/metrics", "/", "/ops", "/docs"):
        assert service.get(path) is None
    assert service.get("/v1/experiments") is not None


def test_a_taken_port_is_a_sentence_and_exit_1(start: StartCommand) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        service = start("serve", "--dev", "--port", str(port))

        assert service.wait_for_end() == 1
    assert f"port {port}" in service.said
    assert "Traceback" not in service.said
    assert processes_of(service.data) == []


def test_a_second_serve_on_the_folder_serves_and_its_learner_waits(
    start: StartCommand,
) -> None:
    first = start(*SERVE)
    first.wait_for_words("learning from")
    second = start(*SERVE)
    second.wait_until_up()
    second.wait_for_words("another learner holds the lease")
    first.process.kill()

    second.wait_for_words("learning from")
    assert second.said.count("another learner holds the lease") == 1


def test_web_alone_answers_without_a_learner_and_stops_with_0(
    start: StartCommand,
) -> None:
    service = start("web", "--dev", "--port", "0", "--workers", "1")
    service.wait_for_words("Starting on")
    service.wait_until_healthy()

    assert not [p for p in processes_of(service.data) if "learner" in command_of(p)]
    service.process.terminate()
    assert service.wait_for_end() == 0
    assert processes_of(service.data) == []


def test_learner_alone_learns_and_stops_with_0(
    start: StartCommand, initialised: Path
) -> None:
    service = start("learner")
    service.wait_for_words(f"learning from {initialised}")
    service.process.terminate()

    assert service.wait_for_end() == 0


def test_too_few_open_files_are_a_sentence_and_no_service(
    initialised: Path, tmp_path: Path
) -> None:
    web = f"ulimit -n 150; exec {COMMAND} web --port 0 --data {initialised}"
    process = Process(("sh", "-c", web), tmp_path / "output.log", plain_environment())

    assert process.wait_for_end() != 0
    assert "150 open files (ulimit -n)" in process.said
    assert "Traceback" not in process.said
