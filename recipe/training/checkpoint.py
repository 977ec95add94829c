"""Keeps a training in a file, so that a kill costs seconds and never the training.

What is written is all that later numbers depend on: weights, optimizer, random states, running
metrics, the place in the epoch, and the plain attributes of callbacks. The state before the last
is kept too: a damaged file means one step back, never a silent restart.
"""

from __future__ import annotations

import glob
import hashlib
import io
import json
import os
import time
import zipfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from recipe.config import RequestError
from recipe.runs.console import notice
from recipe.runs.files import explained, write_atomically

SECONDS = 10.0
"""Between two files of one training. A training that is shorter writes its end alone."""


@dataclass(frozen=True)
class Saved:
    """What a checkpoint holds."""

    arrays: dict[str, np.ndarray]
    record: dict[str, Any]


class Checkpoint:
    """The file of one training."""

    def __init__(
        self,
        path: Path,
        seconds: float = SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Name the file.

        Args:
            path: ends in .npz; `<stem>.previous.npz` beside it holds the state before.
            seconds: between two writings. They never change a number.
            clock: in seconds.
        """
        self.path = path
        self.previous = path.with_suffix(".previous.npz")
        self._seconds, self._clock = seconds, clock
        self._written = clock()

    @property
    def then(self) -> Checkpoint:
        """Of a training that goes on from this one's end, in a file beside its."""
        path = self.path.with_name(f"{self.path.stem}.then.npz")
        return Checkpoint(path, self._seconds, self._clock)

    @property
    def due(self) -> bool:
        """Whether it is time to save again."""
        return self._clock() - self._written >= self._seconds

    def save(self, arrays: Mapping[str, np.ndarray], record: Mapping[str, Any]) -> None:
        """Write a state; the last one becomes the previous.

        Raises:
            RequestError: the disk is full, or the folder can't be written to.
        """
        content = io.BytesIO()
        # NumPy knows no bfloat16, so bytes are written, and the type beside them
        kinds = {name: [str(array.dtype), array.shape] for name, array in arrays.items()}
        plain = {name: np.frombuffer(a.tobytes(), np.uint8) for name, a in arrays.items()}
        written = json.dumps({**record, "arrays": kinds}).encode()
        plain["record"] = np.frombuffer(written, np.uint8)
        np.savez(content, **plain)  # type: ignore[arg-type]
        data = content.getvalue()
        if self.path.exists():
            with explained(self.previous):
                os.replace(self.path, self.previous)
        write_atomically(self.path, data + hashlib.sha256(data).digest())
        self._written = self._clock()

    def remove(self) -> None:
        """What was kept is no longer needed, nor what went on from it."""
        for kept in (self, self.then):
            kept.path.unlink(missing_ok=True)
            kept.previous.unlink(missing_ok=True)

    def load(self) -> Saved | None:
        """The last state that is whole; None if there never was one.

        Raises:
            RequestError: there are files, and none of them is whole.
        """
        damaged: list[Path] = []
        for unfinished in self.path.parent.glob(f".{glob.escape(self.path.name)}.*"):
            unfinished.unlink(missing_ok=True)  # a kill has left it there
        for path in (self.path, self.previous):
            if not path.exists():
                continue
            saved = _read(path)
            if saved is not None:
                if damaged:
                    notice(f"{damaged[0]} is damaged: going on from {path.name}, one step back")
                return saved
            damaged.append(path)
        if damaged:
            raise RequestError(
                f"{damaged[0]}: this checkpoint and the one before it can't be read; remove "
                f"{' and '.join(path.name for path in damaged)} to start the training again"
            )
        return None


def _read(path: Path) -> Saved | None:
    """The content of a file, None if it is damaged."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise RequestError(f"{path}: can't be read: {error.strerror or error}") from error
    data, digest = content[:-32], content[-32:]
    if hashlib.sha256(data).digest() != digest:
        return None
    try:
        with np.load(io.BytesIO(data)) as file:
            record = json.loads(file["record"].tobytes())
            arrays = {
                name: np.frombuffer(file[name].tobytes(), _dtype(kind)).reshape(shape)
                for name, (kind, shape) in record.pop("arrays").items()
            }
    except (ValueError, KeyError, OSError, zipfile.BadZipFile):
        return None
    return Saved(arrays, record)


def _dtype(kind: str) -> Any:
    if kind == "bfloat16":
        import ml_dtypes

        return ml_dtypes.bfloat16
    return np.dtype(kind)


TURNED = ("min_delta",)
"""Attributes that are left as a callback was made with them: Keras turns the sign of this one the
first time it compares, and does so again in the process that goes on."""

CallbackState = tuple[list[dict[str, Any]], dict[str, np.ndarray]]


def of_callbacks(callbacks: Iterable[keras.callbacks.Callback]) -> CallbackState:
    """The plain attributes of callbacks: numbers, texts, lists of them, arrays, lists of arrays.

    That is all that Keras's EarlyStopping, ReduceLROnPlateau and their like decide by.

    Returns:
        One record a callback, and the arrays, named `callback/<number>/<attribute>`.
    """
    records, arrays = [], {}
    for number, callback in enumerate(callbacks):
        record = {}
        for name, value in vars(callback).items():
            if name in TURNED:
                continue
            if _is_plain(value):
                record[name] = value
            elif _is_array(value):
                arrays[f"callback/{number}/{name}"] = np.asarray(value)
            elif isinstance(value, list) and value and all(map(_is_array, value)):
                record[name] = {"arrays": len(value)}
                for place, array in enumerate(value):
                    arrays[f"callback/{number}/{name}/{place}"] = np.asarray(array)
        records.append(record)
    return records, arrays


def put_back(callbacks: Iterable[keras.callbacks.Callback], saved: Saved) -> None:
    """Give callbacks the attributes that they had."""
    for number, (callback, record) in enumerate(
        zip(callbacks, saved.record["callbacks"], strict=True)
    ):
        prefix = f"callback/{number}/"
        for name, value in record.items():
            if isinstance(value, dict) and set(value) == {"arrays"}:
                count = value["arrays"]
                value = [saved.arrays[f"{prefix}{name}/{place}"] for place in range(count)]
            setattr(callback, name, value)
        for name, array in saved.arrays.items():
            if name.startswith(prefix) and "/" not in name.removeprefix(prefix):
                setattr(callback, name.removeprefix(prefix), array)


def _is_plain(value: Any) -> bool:
    if isinstance(value, list | dict):
        inside = value.values() if isinstance(value, dict) else value
        keys = isinstance(value, list) or all(isinstance(key, str) for key in value)
        return keys and all(map(_is_plain, inside))
    # NumPy's own numbers come back as Python's, and compare as they did
    return value is None or isinstance(value, bool | int | float | str)


def _is_array(value: Any) -> bool:
    if not isinstance(value, np.ndarray | np.generic):
        return False
    return value.dtype.kind in "biuf" or value.dtype.name == "bfloat16"
