"""The wheel alone, in an empty environment: it serves, learns of a reward, reports."""

import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.loopback import free_port, get_text, post_json
from tests.harness.process import Process, plain_environment

ROOT = Path(__file__).parents[2]
PACKAGES = ("bandit_svc", "policies", "simulators")

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the wheel, built from a copy that no earlier build has left traces in."""
    source = tmp_path_factory.mktemp("source")
    for name in PACKAGES:
        caches = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, source / name, ignore=caches)
    for name in ("setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    options = ["--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir"]
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", *options, source / "dist", source],
        check=True,
    )
    (built,) = (source / "dist").glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the `bandit-svc` of an environment that holds the wheel alone."""
    folder = tmp_path_factory.mktemp("installed")
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    pins = ["--constraint", str(ROOT / "requirements.lock")]
    quiet = ["--quiet", "--no-compile", "--disable-pip-version-check"]
    subprocess.run(
        [folder / "bin" / "python", "-m", "pip", "install", *quiet, *pins, wheel],
        check=True,
    )
    return folder / "bin" / "bandit-svc"


@pytest.fixture
def served(installed: Path, tmp_path: Path) -> Iterator[tuple[Process, str]]:
    """Return the wheel's service over a new folder, and its address."""
    port = free_port()
    process = Process(
        [str(installed), "serve", "--dev", "--port", str(port)],
        tmp_path / "log",
        plain_environment(BANDIT_DATA=str(tmp_path / "data")),
    )
    url = f"http://127.0.0.1:{port}"
    yield process, url
    process.end()


def test_the_wheel_holds_every_file_of_the_packages(wheel: Path) -> None:
    wanted = {
        str(path.relative_to(ROOT))
        for name in PACKAGES
        for path in (ROOT / name).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    held = set(zipfile.ZipFile(wheel).namelist())

    assert wanted - held == set()
    assert {name.split("/")[0] for name in held} - set(PACKAGES) == {
        wheel.name.removesuffix("-py3-none-any.whl") + ".dist-info"
    }


def test_the_wheel_decides_takes_a_reward_and_reports(
    installed: Path, served: tuple[Process, str], tmp_path: Path
) -> None:
    process, url = served
    process.wait_for(lambda: get_text(f"{url}/readyz"), "the service ready")
    experiment = {
        "key": "hero",
        "variants": [{"key": "a"}, {"key": "b"}],
        "reward": {"window_seconds": 1},
    }
    assert post_json(f"{url}/v1/experiments", experiment)
    decision = post_json(f"{url}/v1/decisions", {"experiment": "hero"})
    reward = {"decision_id": decision["decision_id"], "value": 1.0}
    assert post_json(f"{url}/v1/rewards", reward)
    page = get_text(f"{url}/")
    assert page is not None
    assert "hero" in page
    (style,) = re.findall(r"/static/\w+/style\.css", page)
    assert get_text(url + style)

    def report() -> str:
        return subprocess.run(
            [installed, "report", "hero", "--data", tmp_path / "data"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout

    process.wait_for(lambda: "1.000" in report(), "the reward in the report")
    assert process.terminate() == 0
