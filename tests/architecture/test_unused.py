"""Code that nothing uses is found, and the list of exceptions has no stale name."""

import ast

from tests.architecture.unused import ROOT, unused

WHITELIST = ROOT / "tests" / "architecture" / "unused_whitelist.py"


def test_no_code_is_unused() -> None:
    assert unused() == []


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
