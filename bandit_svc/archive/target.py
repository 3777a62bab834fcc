"""The place of the archive: a folder, or a bucket of an object store.

Owns how its files are put, read and named, and the sentence of each fault of it. A
file appears whole or not at all. Needs the extra `archive`.
"""

import hashlib
import importlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import urlsplit

from bandit_svc.errors import InvalidInput, Unprocessable

CHUNK_BYTES = 1_048_576
PART = ".part"
"""Ends the name of a file that is being written, where a rename makes it whole."""


def checked_url(url: str) -> str:
    """Return the URL of an archive.

    Raises:
        InvalidInput: it is none.
    """
    parts = urlsplit(url)
    if not parts.scheme or not (parts.netloc or parts.path.strip("/")):
        raise InvalidInput(
            f"archive is {shown_url(url)!r}; write a URL, such as "
            "file:///var/lib/bandit/archive or s3://bucket/folder"
        )
    if parts.scheme == "file" and parts.netloc:
        raise InvalidInput(
            f"archive is {shown_url(url)!r}, whose folder would be on the machine "
            f"{parts.hostname!r}; write file:/// and the whole path of the folder"
        )
    if parts.password is not None:
        raise InvalidInput(
            f"archive is {shown_url(url)!r} with a password, which other users of the "
            "machine can read; leave it to the environment, as AWS_SECRET_ACCESS_KEY "
            f"or FSSPEC_{parts.scheme.upper()}_PASSWORD"
        )
    return url


def check_retention(url: str, keep_days: int) -> None:
    """Require that decisions leave the store for an archive alone.

    Args:
        url: of the archive, "" for none.
        keep_days: after which they leave; 0 for never.

    Raises:
        InvalidInput: there is none, or its URL is wrong.
    """
    if url:
        checked_url(url)
    elif keep_days:
        raise InvalidInput(
            f"keep_days is {keep_days}, and there is no archive: joined decisions "
            "leave the store for the archive alone; set archive to a URL, such as "
            "file:///var/lib/bandit/archive, or keep_days to 0"
        )


def shown_url(url: str) -> str:
    """Return a URL without name, password, query and fragment, for messages."""
    parts = urlsplit(url)
    place = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{place}{parts.path}" if parts.scheme else parts.path


class ArchiveTarget:
    """Files under a URL. Opens nothing before it is used."""

    def __init__(self, url: str) -> None:
        """Describe the place.

        Raises:
            InvalidInput: this is no URL.
        """
        self._url = checked_url(url)
        self._opened: tuple[Any, str] | None = None

    @property
    def shown(self) -> str:
        """The URL as messages show it."""
        return shown_url(self._url)

    def put(self, name: str, source: Path, sha256: str) -> None:
        """Copy a file to the archive, read it back and compare.

        Raises:
            Unprocessable: the archive can't be written, or returned other bytes.
        """
        with self._using(f"written ({name})") as (files, root):
            path = f"{root}/{name}"
            if "s3" not in _protocols(files):
                # There it would make a bucket of a name that is misspelt.
                files.makedirs(path.rpartition("/")[0], exist_ok=True)
            if _renames(files):
                files.put_file(str(source), path + PART)
                files.mv(path + PART, path)
            else:
                files.put_file(str(source), path)
        found = self.sha256(name)
        if found != sha256:
            raise Unprocessable(
                f"the archive {self.shown} has returned other bytes of {name} than it "
                "was given; check its disk, or its service"
            )

    def sha256(self, name: str) -> str | None:
        """Return the digest of a file in hex, None if it is not there.

        Raises:
            Unprocessable: the archive can't be read.
        """
        digest = hashlib.sha256()
        with self._using(f"read ({name})") as (files, root):
            try:
                with files.open(f"{root}/{name}", "rb") as file:
                    while chunk := file.read(CHUNK_BYTES):
                        digest.update(chunk)
            except FileNotFoundError:
                return None
        return digest.hexdigest()

    @contextmanager
    def reading(self, name: str) -> Iterator[BinaryIO]:
        """Yield a file of the archive, open for reading.

        Raises:
            Unprocessable: it can't be read.
        """
        with self._using(f"read ({name})") as (files, root):
            file = files.open(f"{root}/{name}", "rb")
        with file:
            yield file

    def names(self, folder: str) -> list[str]:
        """Return the files below a folder, by name; none where it is missing.

        Raises:
            Unprocessable: the archive can't be read.
        """
        with self._using(f"read ({folder})") as (files, root):
            files.invalidate_cache()
            if not files.exists(f"{root}/{folder}"):
                return []
            found = files.find(f"{root}/{folder}")
            names = [path[len(root) + 1 :] for path in found]
        return sorted(name for name in names if not name.endswith(PART))

    def for_duckdb(self, connection: Any, names: Sequence[str]) -> list[str]:  # noqa: ANN401 - untyped
        """Return files as DuckDB names them, and let it read from here.

        Args:
            connection: of DuckDB.
            names: of the files.
        """
        with self._using("read") as (files, root):
            if _renames(files):
                return [f"{root}/{name}" for name in names]
            connection.register_filesystem(files)
            first = _protocols(files)[0]
            return [f"{first}://{root.lstrip('/')}/{name}" for name in names]

    @contextmanager
    def _using(self, what: str) -> Iterator[tuple[Any, str]]:
        """Yield the file system and the root; translate what it raises."""
        try:
            if self._opened is None:
                core = importlib.import_module("fsspec.core")
                # Others write there, too.
                files, root = core.url_to_fs(self._url, use_listings_cache=False)
                self._opened = files, root.rstrip("/")
            yield self._opened
        except ImportError as error:
            raise Unprocessable(
                f"the archive {self.shown} needs a package that is not installed "
                f"({error}); run `pip install 'bandit_svc[archive]'`, and for s3:// "
                "`pip install 'bandit_svc[s3]'`"
            ) from error
        except Unprocessable:
            raise
        except Exception as error:
            # Clients of object stores raise errors of their own, of many classes.
            raise Unprocessable(
                f"the archive {self.shown} can't be {what}: {type(error).__name__}; "
                "check that it is there, that this process has its keys, and who may "
                "write to it"
            ) from error


def _protocols(files: Any) -> tuple[str, ...]:  # noqa: ANN401 - fsspec ships no types
    found: str | tuple[str, ...] = files.protocol
    return (found,) if isinstance(found, str) else found


def _renames(files: Any) -> bool:  # noqa: ANN401 - fsspec ships no types
    return "file" in _protocols(files)
