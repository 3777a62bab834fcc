"""The README is the map: what it lists exists, and what exists it lists."""

import re
from pathlib import Path

import click
import pytest

from bandit_svc import metrics
from bandit_svc.cli.main import main
from bandit_svc.http.openapi.operations import OPERATIONS
from bandit_svc.settings import SETTINGS

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
UNKEPT = {"data", "build", "dist"}
"""Folders that git ignores."""


def test_every_command_is_in_the_readme_and_no_other() -> None:
    listed = set(re.findall(r"`(bandit-svc [a-z-]+(?: [a-z]+)?)`", README))

    assert listed == {f"bandit-svc {name}" for name in leaf_commands(main)}


def test_every_route_is_in_the_readme_and_no_other() -> None:
    listed = set(re.findall(r"`((?:GET|POST|PUT|PATCH|DELETE) /[^`]*)`", README))

    assert listed == {f"{o.method.upper()} {o.path}" for o in OPERATIONS}


def test_every_setting_is_in_the_readme_and_no_other() -> None:
    listed = set(re.findall(r"`(BANDIT_[A-Z_]+)`", README))

    assert listed == {setting.variable for setting in SETTINGS}


def test_every_metric_is_in_the_readme_and_no_other() -> None:
    packages = {"bandit_svc", "bandit_client"}
    listed = set(re.findall(r"`(bandit_[a-z_]+)`", README)) - packages
    source = Path(metrics.__file__).read_text()

    assert listed == set(re.findall(r'"(bandit_[a-z_]+)"', source))


def test_every_make_target_in_the_readme_exists() -> None:
    targets = set(
        re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    )

    assert set(re.findall(r"`?make ([a-z]+(?:-[a-z]+)?)", README)) <= targets


def test_every_page_of_the_docs_is_linked() -> None:
    linked = set(re.findall(r"\]\((docs/[a-z_/-]+\.md)\)", README))
    for index in [ROOT / name for name in linked if name.endswith("/index.md")]:
        names = re.findall(r"\]\(([a-z_-]+\.md)\)", index.read_text())
        linked |= {str((index.parent / name).relative_to(ROOT)) for name in names}

    assert linked == {str(page.relative_to(ROOT)) for page in PAGES[1:]}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_to_a_place_of_ours_leads_there(page: Path) -> None:
    for link in re.findall(r"\]\((?!https?://)([^)]+)\)", page.read_text()):
        path, _, place = link.partition("#")
        target = page.parent / path if path else page

        assert target.is_file(), link
        assert not place or place in anchors(target.read_text()), link


def test_the_house_table_lists_every_room_and_folder_and_no_other() -> None:
    table = README[README.index("| room | owns |") :]
    rows = re.findall(r"^\| (`.+?) \|", table, re.MULTILINE)
    listed = {room for row in rows for room in re.findall(r"`([^`]+)`", row)}
    inside = {f"bandit_svc/{f.name}" for f in folders(ROOT / "bandit_svc")}

    assert listed == inside | {f.name for f in folders(ROOT)} - {"bandit_svc"}


def folders(place: Path) -> list[Path]:
    """Return the folders that hold something of the project."""
    return [
        folder
        for folder in place.iterdir()
        if folder.is_dir()
        and folder.name not in UNKEPT
        and not folder.name.startswith((".", "_"))
        and not folder.name.endswith(".egg-info")
    ]


def anchors(text: str) -> set[str]:
    """Return the names under which GitHub links to headings."""
    titles = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^a-z0-9_ -]", "", t.lower()).replace(" ", "-") for t in titles}


def leaf_commands(group: click.Command, prefix: str = "") -> list[str]:
    if not isinstance(group, click.Group):
        return [prefix.strip()]
    return [
        leaf
        for name, command in group.commands.items()
        for leaf in leaf_commands(command, f"{prefix} {name}")
    ]
