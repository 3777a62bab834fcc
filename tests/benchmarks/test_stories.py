"""The stories' weeks, played small: what must hold for however few people."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.stories import streaming, streaming_result
from benchmarks.stories.site import Site


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    one = Site(str(tmp_path / "data"), streaming.START_MS)
    yield one
    one.close()


@pytest.mark.statistical
def test_a_home_page_is_the_same_after_a_reload(site: Site, tmp_path: Path) -> None:
    """60 viewers of seed 3 for 3 days."""
    site.create(*(f"streaming/{key}.toml" for key in streaming.KEYS))
    story = streaming.Story(site, 60, seed=3)
    story.play(3)
    story.show_new_title(5)

    assert story.reloads == story.repeated > 5
    assert all(len(set(page.slate)) == len(page.slate) for page in story.pages)
    assert site.differing(streaming.KEYS) == []
    (file,) = streaming_result.draw(story, tmp_path)
    assert file.read_text().startswith("<svg")
