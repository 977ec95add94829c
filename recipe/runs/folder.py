"""Where one run's files are: `runs/<name>/`, a folder for each stage, written all or nothing.

A stage works in `<stage>.partial/` and gets its name when its `result.json` is complete, so a
kill or a wrong request leaves the earlier result as it was. What it replaces is kept as
`<stage>.1`, and so on. Of a stage that was killed, the partial folder holds the trainings: the
same stage goes on from there.
"""

from __future__ import annotations

import contextlib
import fcntl
import io
import json
import os
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image
from pydantic import ValidationError

from recipe.config import Config, ConfigError, RequestError, read
from recipe.config.render import to_yaml
from recipe.findings import StageResult
from recipe.runs.console import Advance, Console
from recipe.runs.files import explained, read_json, write_atomically

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from matplotlib.figure import Figure

    from recipe.runs.tensorboard import Board

RESULT = "result.json"
MANIFEST = "manifest.json"
OPENINGS = "test_openings"
"""The key in it under which each reading of the test targets is noted."""

PARTIAL = ".partial"
CHECKPOINTS = "checkpoints"
FRAME, LAST_FRAME = 160, 2500
"""Milliseconds that the pictures of an animation stand."""

FRAME_DPI = 110

INTERRUPTED = ".fingerprint"
"""In a partial folder: what its files belong to, so that it can go on."""


class RunFolder:
    """The files of one run. `stage` is the one that is running, for what it writes."""

    def __init__(self, path: Path, console: Console | None = None) -> None:
        self.path = path
        self.console = console or Console()
        self.stage: str | None = None
        self._boards: dict[Path, Board] = {}

    # ---- what a stage uses -------------------------------------------------------------------

    def say(self, text: str) -> None:
        """Tell the user something, in the terminal and in the stage's log."""
        self.console.say(f"  {text}")

    def progress(self, description: str, total: int) -> AbstractContextManager[Advance]:
        """A progress bar over `total` parts."""
        return self.console.progress(description, total)

    def file(self, name: str) -> Path:
        """A path inside of the running stage's folder."""
        return self.path / f"{self.stage}{PARTIAL}" / name

    def figure(self, name: str, figure: Figure) -> None:
        """Keep a figure as a PNG of the running stage, and show it in TensorBoard."""
        path = self.file(f"figures/{name}.png")
        with explained(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            figure.savefig(path, format="png", metadata={"Software": None})
        with self.board("figures") as board:
            board.image(name, path)

    def animation(self, name: str, still: Figure, frames: Iterable[Figure]) -> None:
        """Keep an animated PNG of the running stage, and show it in TensorBoard.

        Browsers play it. What can't, and paper, shows `still`.

        Args:
            name: of the file.
            still: what stands there without motion.
            frames: of the same size; one that is drawn anew each time will do.
        """
        path = self.file(f"figures/{name}.png")
        first = _picture(still).quantize(128)
        # one palette for all: what stays the same is then left out of the file
        pictures = [
            first,
            *(
                _picture(frame).quantize(palette=first, dither=Image.Dither.NONE)
                for frame in frames
            ),
        ]
        with explained(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            pictures[0].save(
                path, save_all=True, append_images=pictures[1:], default_image=True, loop=0,
                duration=[FRAME] * (len(pictures) - 2) + [LAST_FRAME],
            )  # fmt: skip
        with self.board("figures") as board:
            board.image(name, path)

    def keep(self, name: str, arrays: Mapping[str, np.ndarray]) -> None:
        """Write arrays into the running stage's folder, as `<name>.npz`."""
        content = io.BytesIO()
        np.savez_compressed(content, **arrays)  # type: ignore[arg-type]
        write_atomically(self.file(f"{name}.npz"), content.getvalue())

    def board(self, name: str) -> Board:
        """A TensorBoard run `<stage>/<name>`; whoever asks for one name writes into one file."""
        from recipe.runs.tensorboard import Board

        assert self.stage is not None
        place = self.path / "tensorboard" / self.stage / name
        return self._boards.setdefault(place, Board(place))

    def checkpoint(self, name: str) -> Path:
        """Where a training of the running stage is kept until the stage is complete."""
        return self.file(CHECKPOINTS) / f"{re.sub(r'[^A-Za-z0-9_.-]+', '_', name)}.npz"

    def write_config(
        self, name: str, config: Config, header: str, notes: Mapping[str, str] | None = None
    ) -> None:
        """Write a complete config into the running stage's folder; arguments as in `to_yaml`."""
        write_atomically(self.file(name), to_yaml(config, header, notes=notes))

    def winner(self, stage: str, name: str, config: Config) -> Config:
        """`config` with the model and train sections of a config that a stage wrote.

        The columns that it leaves out are left out, too. Without that file (the stage was skipped
        by force) it is `config` itself.
        """
        path = self.path / stage / name
        if not path.exists():
            return config
        won = read(path)
        parts = {part: won.get(part).model_dump(mode="json") for part in ("model", "train")}
        return config.replace({**parts, "data.columns": won.data.columns})

    # ---- what the runner uses ----------------------------------------------------------------

    def result(self, stage: str) -> StageResult | None:
        """What a stage said when it last ended, None if it never did."""
        stored = read_json(self.path / stage / RESULT)
        try:
            return None if stored is None else StageResult.model_validate(stored)
        except ValidationError:
            return None

    def figures(self, stage: str) -> list[Path]:
        """The pictures of a stage, in the order in which they were made."""
        found = (self.path / stage / "figures").glob("*.png")
        return sorted(found, key=lambda path: (path.stat().st_mtime_ns, path.name))

    def give(self, stage: str, config: Config, header: str) -> None:
        """Lay a config beside the folder of a stage that reads it: `<stage>.yaml`."""
        write_atomically(self.path / f"{stage}.yaml", to_yaml(config, header))

    def given(self, stage: str) -> Config | None:
        """The config that was laid there, None if there is none that can be read."""
        path = self.path / f"{stage}.yaml"
        try:
            return read(path) if path.exists() else None
        except ConfigError:  # of another version, say
            return None

    def several(self, kind: str) -> list[str]:
        """The stages of a kind for which a config was given, e.g. "compare/wider"."""
        return [f"{kind}/{path.stem}" for path in sorted((self.path / kind).glob("*.yaml"))]

    def begin(self, stage: str, config: Config, fingerprint: str) -> bool:
        """Start a stage in a folder of its own; earlier results stay where they are.

        Args:
            stage: its name.
            config: for the record.
            fingerprint: of all that the stage's numbers depend on.

        Returns:
            Whether the stage was interrupted and now goes on: its trainings and charts are
            there. Otherwise its folder is empty.
        """
        self.stage = stage
        place, mark = self.file(""), self.file(INTERRUPTED)
        goes_on = mark.is_file() and mark.read_text(encoding="utf-8") == fingerprint
        if not goes_on:
            with explained(place):
                shutil.rmtree(place, ignore_errors=True)
                shutil.rmtree(self.path / "tensorboard" / stage, ignore_errors=True)
                place.mkdir(parents=True)
            self.write_config("config.yaml", config, f"What `recipe {stage}` ran, complete.")
            write_atomically(mark, fingerprint)
        self.console.log = self.file("log.txt")
        return goes_on

    def complete(self, result: StageResult) -> None:
        """Write `result.json` and give the stage's folder its name; the old one becomes `.1`."""
        # pydantic writes it: to Python's own json, NaN and infinity are bare words, which no
        # other reader takes
        write_atomically(self.file(RESULT), result.model_dump_json(indent=1) + "\n")
        shutil.rmtree(self.file(CHECKPOINTS), ignore_errors=True)
        self.file(INTERRUPTED).unlink(missing_ok=True)
        self.console.log = None
        final = self.path / result.stage
        with explained(final):
            _shift(final)
            self.file("").rename(final)
        self.stage = None

    @contextlib.contextmanager
    def locked(self, command: str) -> Iterator[None]:
        """Hold the folder for this process; the system lets go of it even after a kill.

        Raises:
            RequestError: another process holds it.
        """
        with explained(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
            file = (self.path / ".lock").open("a+", encoding="utf-8")
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                file.seek(0)
                holder = file.read().strip() or "another process"
                raise RequestError(
                    f"{self.path} is in use by {holder}; wait for it, or give this one a folder "
                    "of its own with --name"
                ) from None
            file.truncate(0)
            file.write(f"process {os.getpid()}: {command}")
            file.flush()
            try:
                yield
            finally:
                file.truncate(0)

    def read_manifest(self) -> dict[str, Any]:
        """The manifest, empty before the first command.

        Raises:
            RequestError: it is damaged or gone, and with it the record of who has seen the test
                set. A stage's result can be made anew; this can't.
        """
        path = self.path / MANIFEST
        manifest = read_json(path)
        openings = manifest.get(OPENINGS, []) if isinstance(manifest, dict) else None
        if isinstance(openings, list) and all(
            isinstance(each, dict) and "fingerprint" in each for each in openings
        ):
            return dict(manifest)
        if not path.exists() and not any(self.path.glob(f"squeeze*/{RESULT}")):
            return {}
        raise RequestError(
            f"{path} {'can not be read' if path.exists() else 'is gone'}, and which models have "
            "seen the test set is recorded there alone; bring it back from a copy, or start anew "
            "with --name and, to have a test set that nobody has seen, another data.split.seed"
        )

    def write_manifest(self, manifest: dict[str, Any]) -> None:
        """Replace the manifest."""
        write_atomically(self.path / MANIFEST, json.dumps(manifest, indent=1) + "\n")


def _picture(figure: Figure) -> Image.Image:
    """A figure with one dot to a pixel of the page: so many pictures have to be small."""
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=FRAME_DPI)
    return Image.open(content).convert("RGB")


def _shift(path: Path) -> None:
    """Rename `path` to `path.1`, an existing `path.1` to `path.2`, and so on."""
    if not path.exists():
        return
    number = 1
    while path.with_name(f"{path.name}.{number}").exists():
        number += 1
    for n in range(number, 0, -1):
        older = path.with_name(f"{path.name}.{n - 1}") if n > 1 else path
        older.rename(path.with_name(f"{path.name}.{n}"))
