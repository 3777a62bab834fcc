"""The pages of docs/reference are what the code declares."""

import pytest

from policies.spec import KINDS
from tests.architecture import reference


@pytest.mark.parametrize("name", list(reference.PAGES))
def test_a_reference_page_is_what_the_code_declares(name: str) -> None:
    written = reference.FOLDER / name

    assert written.is_file(), f"{written} is missing: run make reference"
    assert written.read_text() == reference.page(name), (
        f"{written} differs from what the code declares: run make reference"
    )


def test_every_file_of_the_reference_is_generated() -> None:
    assert {file.name for file in reference.FOLDER.iterdir()} == set(reference.PAGES)


def test_the_page_of_policies_names_every_setting_of_every_kind() -> None:
    page = reference.policies_page()

    for kind in KINDS.values():
        section = page.split(f"\n## {kind.name}\n")[1].split("\n## ")[0]
        own = kind.explorers.own if kind.explorers else {}
        for setting in (
            *kind.settings,
            *(one for each in own.values() for one in each),
        ):
            assert f"| `{setting.name}` |" in section
            assert setting.help in section
