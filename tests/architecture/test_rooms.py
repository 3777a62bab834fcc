"""The house rules that no linter knows; who may import whom is in setup.cfg."""

import ast
from pathlib import Path

import pytest

SETUP_CFG = Path(__file__).parents[2] / "setup.cfg"
MAX_LINES = 300
FORBIDDEN_NAMES = {"utils", "util", "helpers", "helper", "common", "manager", "misc"}
DRIVERS = {
    "vowpalwabbit": "policies/vw/",
    "sqlite3": "bandit_svc/storage/sqlite/",
    "sqlite_utils": "bandit_svc/storage/sqlite/",
}


def test_every_file_begins_with_what_it_owns(sources: dict[str, str]) -> None:
    silent = [
        path for path, text in sources.items() if not ast.get_docstring(ast.parse(text))
    ]

    assert silent == []


def test_a_file_stays_under_300_lines(sources: dict[str, str]) -> None:
    long = {
        path: count
        for path, text in sources.items()
        if (count := len(text.splitlines())) >= MAX_LINES
    }

    assert long == {}


def test_no_module_is_a_drawer_for_odds_and_ends(sources: dict[str, str]) -> None:
    names = {path: set(path.removesuffix(".py").lower().split("/")) for path in sources}

    assert [path for path, parts in names.items() if parts & FORBIDDEN_NAMES] == []


@pytest.mark.parametrize("driver", DRIVERS)
def test_a_driver_is_imported_in_its_own_room_alone(
    imports: dict[str, set[str]], driver: str
) -> None:
    users = {
        path
        for path, names in imports.items()
        if any(name.split(".")[0] == driver for name in names)
    }

    assert users
    assert {path for path in users if not path.startswith(DRIVERS[driver])} == set()


def test_a_package_file_is_empty_but_for_its_docstring(sources: dict[str, str]) -> None:
    # These two say their version and their public names.
    allowed = {"bandit_svc/__init__.py", "bandit_svc/client/__init__.py"}
    full = [
        path
        for path, text in sources.items()
        if path.endswith("/__init__.py")
        and path not in allowed
        and len(ast.parse(text).body) != 1
    ]

    assert full == []


def test_no_package_file_lies_under_tests(sources: dict[str, str]) -> None:
    # With one, `tests/policies` would hide the package `policies`.
    assert [p for p in sources if p.startswith("tests/") and "__init__" in p] == []


def test_services_know_neither_the_clock_nor_the_environment(
    sources: dict[str, str],
) -> None:
    impure = {"time.time", "datetime.now", "datetime.utcnow", "os.environ", "urandom"}
    found = {
        (path, call)
        for path, text in sources.items()
        if path.startswith(("bandit_svc/services/", "bandit_svc/domain/"))
        for call in impure
        if call in text
    }

    assert found == set()


def test_every_room_of_the_service_stands_in_an_import_contract(
    sources: dict[str, str],
) -> None:
    rooms = {
        path.split("/")[1]
        for path in sources
        if path.startswith("bandit_svc/") and path.count("/") > 1
    }
    contracts = SETUP_CFG.read_text()

    assert {room for room in rooms if f"bandit_svc.{room}" not in contracts} == set()
