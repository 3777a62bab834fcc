"""Where an archive may be, and what its messages show of the address."""

from pathlib import Path

import pytest

from bandit_svc.archive.target import ArchiveTarget, shown_url
from bandit_svc.errors import InvalidInput, Unprocessable
from bandit_svc.settings import settings_from


def test_a_url_is_shown_without_its_secrets() -> None:
    url = "s3://name:word@bucket/folder?token=secret#more"

    assert shown_url(url) == "s3://bucket/folder"


@pytest.mark.parametrize("url", ["archive", "/var/archive", "file://", "file://a/b"])
def test_what_is_no_url_of_a_folder_is_refused(url: str) -> None:
    with pytest.raises(InvalidInput, match="archive is"):
        settings_from({"BANDIT_ARCHIVE": url})


def test_a_password_belongs_into_the_environment() -> None:
    with pytest.raises(InvalidInput, match="FSSPEC_SFTP_PASSWORD") as refused:
        settings_from({"BANDIT_ARCHIVE": "sftp://name:word@host/folder"})

    assert "word@" not in refused.value.message


def test_a_scheme_that_nothing_reads_is_a_sentence() -> None:
    with pytest.raises(Unprocessable, match="nowhere://place can't be read"):
        ArchiveTarget("nowhere://place").sha256("part")


@pytest.mark.parametrize("kind", ["file", "memory"])
def test_what_was_put_is_read_back_and_listed(tmp_path: Path, kind: str) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"content")
    target = ArchiveTarget(f"{kind}://{tmp_path}/archive")
    digest = "ed7002b439e9ac845f22357d822bac1444730fbdb6016d3ec9432297b9ec9f73"
    target.put("joined/a/part", source, digest)

    assert target.sha256("joined/a/part") == digest
    assert target.sha256("joined/a/none") is None
    assert target.names("joined") == ["joined/a/part"]
    assert target.names("elsewhere") == []


def test_other_bytes_than_were_given_are_a_fault(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"content")
    with pytest.raises(Unprocessable, match="other bytes of part"):
        ArchiveTarget(f"file://{tmp_path}/archive").put("part", source, "0" * 64)
