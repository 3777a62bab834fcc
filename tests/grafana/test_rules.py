"""Alerts and their surroundings: what promtool and a reader at night ask of them."""

import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest

from bandit_svc.cli.main import main

Tool = Callable[[str], str]


def alerts(grafana: Path) -> dict[str, str]:
    """The text of each alert, by its name."""
    _, *parts = re.split(r"- alert: (\w+)\n", (grafana / "alerts.yml").read_text())
    return dict(zip(parts[::2], parts[1::2], strict=True))


@pytest.mark.parametrize(
    "arguments",
    [
        ("check", "rules", "alerts.yml"),
        ("check", "config", "prometheus.yml"),
        ("test", "rules", "alerts_test.yml"),
    ],
    ids=" ".join,
)
def test_promtool_is_content(
    grafana: Path, tool: Tool, arguments: tuple[str, ...]
) -> None:
    done = subprocess.run(
        [tool("promtool"), *arguments],
        cwd=grafana,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr


def test_promtool_notices_an_alert_that_does_not_fire(
    grafana: Path, tool: Tool, tmp_path: Path
) -> None:
    """The unit tests would mean nothing if they passed with any limit."""
    rules = (grafana / "alerts.yml").read_text()
    (tmp_path / "alerts.yml").write_text(rules.replace("> 16777216", "> 99999999"))
    test = tmp_path / "alerts_test.yml"
    test.write_text((grafana / "alerts_test.yml").read_text())
    done = subprocess.run(
        [tool("promtool"), "test", "rules", str(test)],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert "BanditLogBacklog" in done.stdout + done.stderr


def test_every_alert_has_a_case_that_fires_and_one_that_does_not(
    grafana: Path,
) -> None:
    cases = (grafana / "alerts_test.yml").read_text()
    fires = set(re.findall(r"alertname: (\w+)\n +exp_alerts:\n", cases))
    is_quiet = set(re.findall(r"alertname: (\w+)\n +exp_alerts: \[\]", cases))

    assert fires == is_quiet == set(alerts(grafana))


def test_every_alert_has_a_severity_and_names_the_first_thing_to_look_at(
    grafana: Path,
) -> None:
    for name, text in alerts(grafana).items():
        assert re.search(r"severity: (critical|warning)", text), name
        assert "summary: " in text, name
        assert re.search(r"Look\s+first\s+at", text), name
        assert "`" in text or "/d/" in text, name


def test_commands_and_dashboards_that_alerts_name_exist(
    grafana: Path, dashboards: dict[str, Any]
) -> None:
    text = " ".join((grafana / "alerts.yml").read_text().split())
    commands = set(re.findall(r"`bandit-svc ([a-z]+)", text))
    boards = set(re.findall(r"/d/([a-z-]+)", text))

    assert isinstance(main, click.Group)
    assert commands - set(main.commands) == set()
    assert boards - {board["uid"] for board in dashboards.values()} == set()


def test_the_readme_has_a_line_for_every_alert_and_dashboard(
    grafana: Path, dashboards: dict[str, Any]
) -> None:
    readme = (grafana / "README.md").read_text()

    assert set(re.findall(r"^\| `(Bandit\w+)` \|", readme, re.MULTILINE)) == set(
        alerts(grafana)
    )
    for name in dashboards:
        assert f"`dashboards/{name}.json`" in readme


def test_provisioned_paths_and_uids_agree_with_the_readme(grafana: Path) -> None:
    provider = (grafana / "provisioning/dashboards/bandit.yml").read_text()
    (path,) = re.findall(r"path: (\S+)", provider)

    assert path in (grafana / "README.md").read_text()
