"""The client's own wheel: built from this tree, alone in an empty environment."""

import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

import bandit_svc
from tests.harness.fakes.json_server import Answer
from tests.harness.fakes.scripted_service import ScriptedService

ROOT = Path(__file__).parents[2]
CLIENT = Path("bandit_svc", "client")
PROJECT = Path("clients", "python")
DECIDED = {"decision_id": "d-1", "experiment": "hero", "variant": "sandals"}
PROGRAM = """
import sys
import bandit_client

with bandit_client.BanditClient(sys.argv[1], timeout_s=60) as client:
    print(client.decide("hero", fallback="summer-dress").variant)
homes = {str(getattr(module, "__file__", "")) for module in sys.modules.values()}
ours = "site-packages/bandit_client/"
print(sorted(home for home in homes if "site-packages" in home and ours not in home))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the wheel, built from a copy that no earlier build has left traces in."""
    source = tmp_path_factory.mktemp("source")
    for folder in (CLIENT, PROJECT):
        left_out = shutil.ignore_patterns("__pycache__", "build", "*.egg-info")
        shutil.copytree(ROOT / folder, source / folder, ignore=left_out)
    options = ["--quiet", "--no-deps", "--no-index", "--no-build-isolation"]
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", *options, source / PROJECT],
        check=True,
        cwd=source,
    )
    (built,) = source.glob("*.whl")
    return built


def test_the_wheel_holds_every_module_of_the_client_and_nothing_else(
    wheel: Path,
) -> None:
    folder = ROOT / CLIENT
    modules = {f"bandit_client/{p.relative_to(folder)}" for p in folder.rglob("*.py")}
    held = [
        name for name in zipfile.ZipFile(wheel).namelist() if "dist-info" not in name
    ]

    assert set(held) == modules | {"bandit_client/py.typed"}


def test_the_wheel_asks_for_no_other_distribution_and_has_the_servers_version(
    wheel: Path,
) -> None:
    project = tomllib.loads((ROOT / PROJECT / "pyproject.toml").read_text())["project"]

    assert project["dependencies"] == []
    assert project["version"] == bandit_svc.__version__
    assert wheel.name.startswith(f"bandit_svc_client-{bandit_svc.__version__}-")


def test_the_wheel_decides_in_an_environment_that_holds_nothing_else(
    wheel: Path, tmp_path: Path, stub: ScriptedService
) -> None:
    stub.answer(Answer(201, DECIDED))
    subprocess.run(
        [sys.executable, "-m", "venv", "--without-pip", tmp_path], check=True
    )
    python = tmp_path / "bin" / "python"
    options = ["--quiet", "--no-deps", "--no-index", "--no-compile"]
    subprocess.run(
        [sys.executable, "-m", "pip", "--python", python, "install", *options, wheel],
        check=True,
    )

    ran = subprocess.run(
        [python, "-I", "-W", "error", "-c", PROGRAM, stub.url],
        capture_output=True,
        text=True,
        check=True,
    )

    assert ran.stdout.split("\n")[:2] == ["sandals", "[]"]


def test_the_distribution_of_the_policies_names_every_folder_of_theirs() -> None:
    text = (ROOT / "clients" / "policies" / "pyproject.toml").read_text()
    project = tomllib.loads(text)
    folders = {path.parent for path in (ROOT / "policies").rglob("*.py")}

    assert set(project["tool"]["setuptools"]["packages"]) == {
        ".".join(folder.relative_to(ROOT).parts) for folder in folders
    }
    assert project["project"]["version"] == bandit_svc.__version__
