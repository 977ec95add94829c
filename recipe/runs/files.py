"""Files that are whole or absent: a kill, a full disk or a crash never leaves half of one."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from recipe.config import RequestError


def write_atomically(path: Path, content: str | bytes) -> None:
    """Write to a file beside it, then rename over it.

    Raises:
        RequestError: the folder can't be written to.
    """
    with explained(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        data = content.encode() if isinstance(content, str) else content
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.chmod(name, 0o644)
            os.replace(name, path)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(name)
            raise


def read_json(path: Path) -> Any:
    """The content of a JSON file, or None where there is none that can be read."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


@contextlib.contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn an error of the file system into one line that names the file and the reason."""
    try:
        yield
    except OSError as error:
        why = error.strerror or error
        if isinstance(error, FileExistsError):
            why = f"{error.filename} is a file, not a folder"
        raise RequestError(f"{path}: can't be written: {why}") from error
