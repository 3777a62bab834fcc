"""Find code of the packages that nothing uses.

Owns what counts as use: paths and decorators of frameworks are in pyproject.toml, the
exceptions in unused_whitelist.py. Tests do not count, so what only tests call is found.
Declared fields of classes are left out, since structs are read by their encoders.
`python -m tests.architecture.unused` prints the findings and exits 1 if there are any.
"""

import ast
import subprocess
import sys
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]


def unused() -> list[str]:
    """Return a line `path:line: unused …` for each finding of vulture."""
    found = subprocess.run(
        [sys.executable, "-m", "vulture"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if found.stderr:
        return found.stderr.splitlines()
    return [line for line in found.stdout.splitlines() if not _is_field(line)]


def _is_field(finding: str) -> bool:
    path, line, _ = finding.split(":", 2)
    return int(line) in _fields_of(ROOT / path)


@cache
def _fields_of(file: Path) -> frozenset[int]:
    tree = ast.parse(file.read_text())
    return frozenset(
        field.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
        for field in node.body
        if isinstance(field, ast.AnnAssign)
    )


if __name__ == "__main__":
    sys.exit("\n".join(unused()) or None)
