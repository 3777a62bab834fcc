"""The project's own source files, parsed once."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("bandit_svc", "policies", "simulators")
ROOMS = (*PACKAGES, "benchmarks", "tests")


@pytest.fixture(scope="session")
def sources() -> dict[str, str]:
    """The text of every Python file that we wrote, by its path from the root."""
    paths = (path for room in ROOMS for path in (ROOT / room).rglob("*.py"))
    return {str(path.relative_to(ROOT)): path.read_text() for path in paths}


@pytest.fixture(scope="session")
def imports(sources: dict[str, str]) -> dict[str, set[str]]:
    """The modules that each file of the packages imports, wherever in the file."""
    return {
        path: _imported(ast.parse(text))
        for path, text in sources.items()
        if path.startswith(PACKAGES)
    }


def _imported(tree: ast.Module) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            names.add(node.module)
    return names
