"""The project's own source files, parsed once."""

from pathlib import Path

import pytest

from tests.harness.source_file import SourceFile, read_sources

ROOT = Path(__file__).parents[2]
PACKAGES = ("bandit_svc", "policies", "simulators")


@pytest.fixture(scope="session")
def sources() -> dict[str, SourceFile]:
    """Return every Python file of the project, by its path from the root."""
    return read_sources(ROOT, (*PACKAGES, "benchmarks", "tests"))


@pytest.fixture(scope="session")
def packages(sources: dict[str, SourceFile]) -> dict[str, SourceFile]:
    """Return the files that are installed, by path."""
    return {p: f for p, f in sources.items() if p.startswith(PACKAGES)}
