"""No text keeps the marks of a merge that was not ended; Python files would not run."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
TEXTS = (
    *("*.md", "*.cfg", "*.toml", "Makefile", "bandit_svc/**/*.html"),
    *("docs/**/*.md", "examples/**/*.*", "grafana/**/*.*", "bandit_svc/**/*.json"),
)
MARK = re.compile(r"^(?:<{7}|>{7})(?: |$)", re.MULTILINE)


def test_no_text_has_marks_of_a_merge() -> None:
    files = [path for pattern in TEXTS for path in ROOT.glob(pattern)]

    assert len(files) > 50
    assert [str(f) for f in files if MARK.search(f.read_text("utf-8"))] == []


def test_a_mark_is_found() -> None:
    assert MARK.search("one\n<<<<<<< HEAD\ntwo\n")
    assert MARK.search("two\n>>>>>>> 870f278 (docs)\n")
    assert not MARK.search(">>> print('>>>>>>>')\n")
