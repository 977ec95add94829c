"""The looks at the reporting half, counted: each is a line in `looks.json`, which is committed.

A look is written down when it begins, so that one that is broken off counts too.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

FILE = Path(__file__).resolve().parent / "looks.json"


def looks(file: Path = FILE) -> list[dict[str, Any]]:
    """All so far."""
    return json.loads(file.read_text(encoding="utf-8")) if file.exists() else []


def begin(diagnose: str, programs: int, file: Path = FILE) -> int:
    """Count a look; returns its number, from 1.

    Args:
        diagnose: the function that is looked at, "module:function".
        programs: how many programs of the half it is given.
        file: where looks are kept.
    """
    look = {
        "date": datetime.now(UTC).date().isoformat(),
        "commit": _commit(),
        "diagnose": diagnose,
        "programs": programs,
        "figures": None,
    }
    return len(_write([*looks(file), look], file))


def end(number: int, figures: Mapping[str, float], file: Path = FILE) -> None:
    """Write down what the look has shown: name of a figure -> its value."""
    every = looks(file)
    every[number - 1]["figures"] = dict(figures)
    _write(every, file)


def _write(every: Sequence[dict[str, Any]], file: Path) -> Sequence[dict[str, Any]]:
    lines = ",\n".join(f" {json.dumps(look)}" for look in every)
    file.write_text(f"[\n{lines}\n]\n" if every else "[]\n", encoding="utf-8")
    return every


def _commit() -> str:
    """Of the working tree, with a plus if it holds more than is committed."""
    try:
        said = subprocess.run(
            ["git", "describe", "--always", "--abbrev=9", "--dirty=+"],
            cwd=FILE.parent, capture_output=True, text=True, check=True,
        )  # fmt: skip
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return said.stdout.strip()
