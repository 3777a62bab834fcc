"""The rules of the house, asked of the project and of files that break them."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.architecture import rules
from tests.harness.source_file import SourceFile

SETUP_CFG = (Path(__file__).parents[2] / "setup.cfg").read_text()


@pytest.mark.parametrize("rule", rules.RULES, ids=lambda rule: rule.__name__)
def test_the_project_keeps_the_rule(
    sources: Mapping[str, SourceFile], rule: rules.Rule
) -> None:
    assert rule(sources) == []


def test_contracts_name_folders(sources: Mapping[str, SourceFile]) -> None:
    assert rules.modules_in_contracts(SETUP_CFG, sources) == []


def test_every_driver_has_a_user(sources: Mapping[str, SourceFile]) -> None:
    for package, homes in rules.HOMES.items():
        users = [
            path
            for path, file in sources.items()
            if path.startswith(homes)
            and any(name.split(".")[0] == package for name in file.imports)
        ]
        assert users, package


REFUND = '''"""Refund a reward."""

import time

from bandit_svc.services.serving.decide import decide
from bandit_svc.services.serving.record_reward import record_reward


def refund() -> float:
    return time.monotonic()
'''


@pytest.mark.parametrize(
    ("path", "text", "rule"),
    [
        (
            "bandit_svc/services/serving/refund.py",
            REFUND,
            rules.verbs_that_import_verbs,
        ),
        ("bandit_svc/services/serving/refund.py", REFUND, rules.impure_services),
        (
            "bandit_svc/services/serving/ticks.py",
            '"""Ticks."""\nfrom time import monotonic\n',
            rules.impure_services,
        ),
        (
            "bandit_svc/domain/days.py",
            '"""Days."""\nimport datetime\nTODAY = datetime.datetime.now()\n',
            rules.impure_services,
        ),
        (
            "policies/context_free/ucb.py",
            '"""UCB."""\nimport vowpalwabbit\n',
            rules.drivers_outside_their_rooms,
        ),
        (
            "bandit_svc/services/learning/ask.py",
            '"""Ask."""\nfrom sqlite3 import connect\n',
            rules.drivers_outside_their_rooms,
        ),
        (
            "bandit_svc/services/learning/count.py",
            '"""Count."""\nfrom prometheus_client import Counter\n',
            rules.drivers_outside_their_rooms,
        ),
        (
            "bandit_svc/http/about.py",
            '"""About."""\nfrom flask import render_template\n',
            rules.templates_rendered_by_the_interface,
        ),
        (
            "bandit_svc/web/pages/peek.py",
            '"""Peek."""\nfrom bandit_svc.services.serving.catalog import Catalog\n',
            rules.pages_on_the_decision_path,
        ),
        (
            "simulators/shortcut.py",
            '"""Shortcut."""\nfrom bandit_svc.wiring import Backends\n',
            rules.simulators_past_the_client,
        ),
        (
            "bandit_svc/services/report/peek.py",
            '"""Peek."""\ndef _row(one: int) -> dict[str, Any]: ...\n',
            rules.open_signatures,
        ),
        (
            "bandit_svc/prose/peek.py",
            '"""Peek."""\ndef peek(rows: Sequence[Json]) -> str: ...\n',
            rules.open_signatures,
        ),
        (
            "bandit_svc/domain/peek.py",
            '"""Peek."""\nSpec = dict[str, Any]\n',
            rules.doubled_aliases,
        ),
        (
            "tests/web/test_peek.py",
            '"""Peek."""\ndef test_it_peeks(service: Any) -> None: ...\n',
            rules.untyped_tests,
        ),
        (
            "tests/web/test_peek.py",
            '"""Peek."""\ndef peek(**fields: typing.Any) -> None: ...\n',
            rules.untyped_tests,
        ),
        (
            "tests/web/test_peek.py",
            '"""Peek."""\nService = Any\n',
            rules.aliases_of_any,
        ),
        (
            "tests/web/test_peek.py",
            '"""Peek."""\nfrom tests.web.conftest import Page\n',
            rules.imports_of_conftests,
        ),
        (
            "tests/web/test_peek.py",
            '"""Peek."""\nimport time\ntime.sleep(1)\n',
            rules.tests_that_time,
        ),
        (
            "bandit_svc/domain/vague.py",
            '"""Vague."""\n\n\ndef f() -> int:\n    """Give a number."""\n',
            rules.vague_docstrings,
        ),
        ("bandit_svc/domain/mute.py", "X = 1\n", rules.silent_files),
        ("bandit_svc/domain/long.py", '"""Long."""\n' * 401, rules.long_files),
        ("bandit_svc/domain/utils.py", '"""Odds."""\n', rules.drawers),
    ],
)
def test_a_file_that_breaks_a_rule_is_named(
    sources: Mapping[str, SourceFile], path: str, text: str, rule: rules.Rule
) -> None:
    broken = rule({**sources, path: SourceFile(path, text)})

    assert len(broken) >= 1
    assert all(path in sentence for sentence in broken)


def test_a_sixteenth_file_in_a_folder_is_one_too_many(
    sources: Mapping[str, SourceFile],
) -> None:
    folder = "bandit_svc/services/serving"
    held = sum(f.folder == folder and f.name != "__init__" for f in sources.values())
    more = {
        f"{folder}/more_{i}.py": SourceFile(f"{folder}/more_{i}.py", '"""More."""\n')
        for i in range(rules.MAX_FILES + 1 - held)
    }

    assert rules.full_folders({**sources, **more}) == [
        f"{folder}/ holds 16 modules; at most 15 are allowed"
    ]


def test_a_contract_that_lists_modules_is_named(
    sources: Mapping[str, SourceFile],
) -> None:
    listed = (
        "[importlinter:contract:verbs]\nname = By hand\ntype = independence\n"
        "modules =\n    bandit_svc.services.serving.decide\n    bandit_svc.domain\n"
    )

    (broken,) = rules.modules_in_contracts(SETUP_CFG + listed, sources)

    assert "names bandit_svc.services.serving.decide; name folders" in broken
