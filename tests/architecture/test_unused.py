"""Code that nothing uses is found, and the list of exceptions has no stale name."""

import ast
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
WHITELIST = ROOT / "tests" / "architecture" / "unused_whitelist.py"


def test_no_code_is_unused() -> None:
    # Paths, confidence and decorators of frameworks are in pyproject.toml.
    found = subprocess.run(
        [sys.executable, "-m", "vulture"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert found.stdout + found.stderr == ""


def test_every_exception_is_still_a_name_of_the_packages() -> None:
    tree = ast.parse(WHITELIST.read_text())
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    packages = ("bandit_svc", "policies", "simulators", "benchmarks")
    source = "\n".join(
        file.read_text()
        for package in packages
        for file in sorted((ROOT / package).rglob("*.py"))
    )

    assert sorted(name for name in names if name not in source) == []
