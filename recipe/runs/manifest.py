"""What is needed to run it again: versions, seed, machine, command, fingerprints, openings."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

from recipe import __version__
from recipe.config import Config, RequestError
from recipe.runs.folder import OPENINGS, RunFolder

PACKAGES = (
    "tensorflow", "keras", "keras-tuner", "tensorboard", "numpy", "pandas",
    "scikit-learn", "scipy",
)  # fmt: skip


def now() -> str:
    """The time of day in UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def refuse_foreign(folder: RunFolder, path: Path) -> None:
    """Make sure that the folder is this config file's.

    Raises:
        RequestError: it belongs to another config file.
    """
    config_path = _portable(path)
    recorded = folder.read_manifest().get("config_path", config_path)
    if recorded != config_path:
        raise RequestError(
            f"{folder.path} holds the run of {recorded}, not of {config_path}; "
            "give this one a folder of its own with --name"
        )


def record(
    folder: RunFolder,
    config: Config,
    path: Path,
    command: str,
    settings: Sequence[str],
    fingerprints: Mapping[str, str],
) -> None:
    """Note what is needed to run it again; keep what earlier commands noted beside it.

    Args:
        folder: of the run.
        config: resolved.
        path: of the config file.
        command: as it was typed.
        settings: `--set` options, the seed and the name among them.
        fingerprints: of the config, data and code.
    """
    manifest = folder.read_manifest() | {
        "name": config.name,
        "config_path": _portable(path),
        "command": command,
        "settings": list(settings),
        "seed": config.seed,
        "threads": config.train.threads or os.cpu_count(),
        "machine": {
            "system": f"{platform.system()} {platform.machine()}",
            "python": platform.python_version(),
            "cores": os.cpu_count(),
        },
        "versions": {"recipe": __version__, **{n: metadata.version(n) for n in PACKAGES}},
        "fingerprints": dict(fingerprints),
        "updated": now(),
    }
    manifest.setdefault("created", manifest["updated"])
    folder.write_manifest(manifest)


def record_opening(folder: RunFolder, fingerprint: str) -> int:
    """Note that the test targets are read, and return how many openings there were.

    The same model, data and code is the same opening: a resume after a kill is no second look.
    """
    manifest = folder.read_manifest()
    openings = manifest.setdefault(OPENINGS, [])
    if fingerprint not in [opening["fingerprint"] for opening in openings]:
        openings.append({"time": now(), "fingerprint": fingerprint})
        folder.write_manifest(manifest)
    return len(openings)


def _portable(path: Path) -> str:
    """Relative to the current folder where it is inside, so that a moved checkout still fits."""
    resolved = path.resolve()
    here = Path.cwd()
    return resolved.relative_to(here).as_posix() if resolved.is_relative_to(here) else str(resolved)
