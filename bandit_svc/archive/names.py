"""The names of the files of the archive.

Owns the folders: one an experiment and a day, in the form that DuckDB, Spark and
pyarrow read as columns. A file is named by its positions, so that writing it again
replaces it.
"""

from typing import NamedTuple

_DIGITS = 12


class FileName(NamedTuple):
    """What the name of a file says."""

    key: str
    day: str
    first: int
    last: int

    def __str__(self) -> str:
        """Return the name, relative to the archive."""
        part = f"part-{self.first:0{_DIGITS}}-{self.last:0{_DIGITS}}.parquet"
        return f"{folder_of(self.key)}/date={self.day}/{part}"


def folder_of(key: str) -> str:
    """Return the folder of an experiment's files."""
    return f"joined/experiment={key}"
