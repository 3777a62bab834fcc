"""Plain values from TOML and JSON files.

Owns its two forms, TOML and JSON, and the sentences of what can't be read.
"""

import sys
import tomllib
from pathlib import Path
from typing import Any

import msgspec

from bandit_svc.errors import InvalidInput


def plain_values(file: Path) -> Any:  # noqa: ANN401 - any JSON
    """Read plain JSON values from a file, by its suffix.

    Raises:
        InvalidInput: it can't be read or parsed, or its suffix is unknown.
    """
    try:
        if str(file) == "-":
            return msgspec.json.decode(sys.stdin.buffer.read())
        if file.suffix == ".json":
            return msgspec.json.decode(file.read_bytes())
        if file.suffix == ".toml":
            # Through JSON, so that both forms of a file mean the same definition.
            parsed = tomllib.loads(file.read_text(encoding="utf-8"))
            return msgspec.json.decode(msgspec.json.encode(parsed))
    except (msgspec.DecodeError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{file} can't be parsed: {error}") from error
    except OSError as error:
        raise InvalidInput(f"{file} can't be read: {error.strerror}") from error
    raise InvalidInput(
        f"{file} ends in {file.suffix!r}; name it .toml or .json, or give - and send "
        "JSON on stdin"
    )
