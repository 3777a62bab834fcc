"""The stories of `examples/`: told on a real service, and as their READMEs say."""

from pathlib import Path

import pytest

from benchmarks.speed.processes import ROOT
from benchmarks.stories.told import tell

pytestmark = pytest.mark.e2e


@pytest.mark.parametrize("story", ["retailer", "streaming"])
def test_a_story_holds_and_its_readme_says_what_it_printed(story: str) -> None:
    printed = tell(story)

    readme = (ROOT / "examples" / story / "README.md").read_text()
    assert printed in readme


@pytest.mark.parametrize("story", ["retailer", "streaming"])
def test_every_file_of_a_story_is_in_its_readme(story: str) -> None:
    folder = ROOT / "examples" / story
    readme = (folder / "README.md").read_text()

    for file in _files(folder):
        assert f"]({file.name})" in readme


def _files(folder: Path) -> list[Path]:
    return [file for file in folder.iterdir() if file.suffix in {".toml", ".py"}]
