"""The README is the map: what it lists exists, and what exists it lists."""

import re
from pathlib import Path

import click

from bandit_svc import metrics
from bandit_svc.cli.main import main
from bandit_svc.http.openapi import OPERATIONS
from bandit_svc.settings import SETTINGS

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


def test_every_command_is_in_the_readme_and_no_other() -> None:
    listed = set(re.findall(r"`(bandit-svc [a-z]+(?: [a-z]+)?)`", README))

    assert listed == {f"bandit-svc {name}" for name in leaf_commands(main)}


def test_every_route_is_in_the_readme_and_no_other() -> None:
    listed = set(re.findall(r"`((?:GET|POST|PATCH) /[^`]*)`", README))

    assert listed == {f"{o.method.upper()} {o.path}" for o in OPERATIONS}


def test_every_setting_is_in_the_readme_and_no_other() -> None:
    listed = set(re.findall(r"`(BANDIT_[A-Z_]+)`", README))

    assert listed == {setting.variable for setting in SETTINGS}


def test_every_metric_is_in_the_readme_and_no_other() -> None:
    listed = set(re.findall(r"`(bandit_[a-z_]+)`", README)) - {"bandit_svc"}
    source = Path(metrics.__file__).read_text()

    assert listed == set(re.findall(r'"(bandit_[a-z_]+)"', source))


def test_every_make_target_in_the_readme_exists() -> None:
    targets = set(
        re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    )

    assert set(re.findall(r"`?make ([a-z]+(?:-[a-z]+)?)", README)) <= targets


def leaf_commands(group: click.Command, prefix: str = "") -> list[str]:
    if not isinstance(group, click.Group):
        return [prefix.strip()]
    return [
        leaf
        for name, command in group.commands.items()
        for leaf in leaf_commands(command, f"{prefix} {name}")
    ]
