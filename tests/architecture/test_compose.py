"""The compose file of the scaled form names only what there is.

Docker itself is not run: its file is read, and each program's words are given to it.
"""

import configparser
import re
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from bandit_svc.cli.main import main
from bandit_svc.settings import Settings, settings_from
from benchmarks.cluster.jetstream import program

ROOT = Path(__file__).parents[2]
COMPOSED: Mapping[str, Any] = yaml.safe_load(
    (ROOT / "deploy" / "compose.cluster.yaml").read_text()
)
SERVICES: Mapping[str, Mapping[str, Any]] = COMPOSED["services"]
OURS = [name for name, one in SERVICES.items() if one["image"] == "bandit-svc"]
NATS = [name for name, one in SERVICES.items() if one["image"].startswith("nats:")]
NODES = [name for name in OURS if name != "init"]


def variables(name: str) -> dict[str, str]:
    """Return the environment of a service that is ours."""
    found = SERVICES[name]["environment"]
    return {k: v for k, v in found.items() if k.startswith("BANDIT_")}


def commands_of(words: str) -> Iterator[str]:
    """Yield the commands of bandit-svc in a script."""
    yield from re.findall(r"bandit-svc (\S+)", words)


def test_it_has_the_parts_of_the_scaled_form() -> None:
    assert len(NATS) == 3
    assert sorted(NODES) == ["learner-1", "learner-2", "web-1", "web-2"]
    assert "postgres" in SERVICES


@pytest.mark.parametrize("name", OURS)
def test_each_variable_is_a_setting_with_a_good_value(name: str) -> None:
    given = variables(name)
    settings = settings_from(given)

    assert {key.removeprefix("BANDIT_").lower() for key in given} <= set(
        Settings.__struct_fields__
    )
    assert settings.data == f"/data/{name if name != 'init' else 'web-1'}"
    assert settings.node == (name if name != "init" else "")


@pytest.mark.parametrize("name", NODES)
def test_each_node_runs_a_command_that_there_is(name: str) -> None:
    command, *words = SERVICES[name]["command"]
    found = main.get_command(click.Context(main), command)

    assert command == name.partition("-")[0]
    assert found is not None
    found.make_context(command, words)


def test_what_makes_the_store_is_a_script_of_our_commands() -> None:
    (script,) = SERVICES["init"]["command"]
    # Compose makes one $ of two.
    done = subprocess.run(["sh", "-n", "-c", script.replace("$$", "$")], check=False)

    assert done.returncode == 0
    assert [*commands_of(script)] == ["init"]
    assert set(commands_of(script)) <= set(main.commands)
    assert {f"/data/{node}" for node in NODES} == {
        variables(node)["BANDIT_DATA"] for node in NODES
    }
    others = re.findall(r"for node in ([^;]+);", script)[0].split()
    assert {"web-1", *others} == set(NODES)


@pytest.mark.parametrize("name", NATS)
def test_each_server_of_the_stream_takes_its_words(name: str, tmp_path: Path) -> None:
    # Without an own file of settings it doesn't check its words.
    config = tmp_path / "nats.conf"
    config.write_text("debug: false")
    words = [
        word.replace("--store_dir=/data", f"--store_dir={tmp_path}")
        for word in SERVICES[name]["command"]
    ]
    done = subprocess.run(
        [program(), "-c", str(config), *words, "-t"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, "valid" in done.stdout + done.stderr) == (0, True)
    assert f"--server_name={name}" in words
    assert all(f"nats://{other}:6222" in str(words) for other in NATS)


def test_services_name_services_and_volumes_that_there_are() -> None:
    for name, service in SERVICES.items():
        assert set(service.get("depends_on", {})) <= set(SERVICES), name
        places = {volume.partition(":")[0] for volume in service.get("volumes", ())}
        assert places <= set(COMPOSED["volumes"]), name
    hosts = re.findall(r"(?:@|//|,)([a-z]+(?:-\d)?):\d+", str(variables("web-1")))
    assert set(hosts) == {"postgres", *NATS}


def test_the_image_is_built_with_extras_that_there_are() -> None:
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    for name in OURS:
        build = SERVICES[name]["build"]
        file = ROOT / "deploy" / build["context"] / build["dockerfile"]
        extras = re.findall(r"'\.\[(\w+)\]'", file.read_text())

        assert extras
        assert set(extras) <= set(setup["options.extras_require"])
