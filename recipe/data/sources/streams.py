"""`tf.data.Dataset`s: read once from beginning to end, into memory or into a file.

A split needs to know how many examples there are, and a comparison needs the same ones each time:
so a stream is never passed on as a stream.
"""

from __future__ import annotations

import re
import shutil
import tempfile
import weakref
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from recipe.config import DataConfig, RequestError
from recipe.data.sources.examples import KEY, RawExamples
from recipe.data.stored import FLOAT32, Stored, said_to_stay

AT_ONCE = 256
"""Examples that are taken out of an unbatched dataset together."""

SPARE_GB = 2.0
"""Disk space that is left free; a stream that would take it has perhaps no end."""

_NODE = re.compile(r"\{\{.*?\}\}\s*")
"""What TensorFlow puts before its messages."""


def from_tf_data(dataset: Any, name: str, config: DataConfig) -> RawExamples:
    """All (x, y) of a dataset, batched or not.

    x is an array, a text, or a dict of numbers and texts, which becomes a table. Images that
    would take more than `data.max_memory_gb` as float32 are written to a temporary file, which is
    deleted when they are no longer used.

    Args:
        dataset: a finite `tf.data.Dataset`.
        name: of the function that returned it, for errors.
        config: for the memory.

    Raises:
        RequestError: it has no end, fails, or gives what can't be used.
    """
    import tensorflow as tf

    where = f"{KEY}: {name}()"
    spec = dataset.element_spec
    _must_be_pairs(spec, where)
    if int(dataset.cardinality()) == tf.data.INFINITE_CARDINALITY:
        raise RequestError(f"{where}: the dataset has no end; leave out .repeat(), or .take(n)")
    kept = _Kept(where, config.max_memory_gb * 1e9)
    try:
        if not _is_batched(dataset):
            dataset = dataset.batch(AT_ONCE)
        for x, y in dataset.as_numpy_iterator():
            kept.add(x, y)
    except tf.errors.OpError as error:
        raise RequestError(
            f"{where}: the dataset fails after {kept.count:,} examples: "
            f"{_NODE.sub('', str(error.message)).splitlines()[0]}"
        ) from error
    except (ValueError, TypeError) as error:
        raise RequestError(
            f"{where}: the dataset fails after {kept.count:,} examples: {error}"
        ) from error
    if not kept.count:
        raise RequestError(f"{where}: the dataset holds no examples")
    return kept.examples()


def _must_be_pairs(spec: Any, where: str) -> None:
    import tensorflow as tf

    if not isinstance(spec, tuple) or len(spec) != 2:
        got = f"{len(spec)} of them" if isinstance(spec, tuple) else "x alone"
        hint = "; leave out sample weights" if isinstance(spec, tuple) and len(spec) == 3 else ""
        raise RequestError(f"{where}: the dataset must give pairs (x, y), got {got}{hint}")
    for leaf in tf.nest.flatten(spec):
        if not isinstance(leaf, tf.TensorSpec):
            raise RequestError(
                f"{where}: the dataset must give plain tensors, got {type(leaf).__name__}; "
                "make ragged and sparse ones dense"
            )
    if not isinstance(spec[1], tf.TensorSpec):
        raise RequestError(f"{where}: y must be one tensor, got {type(spec[1]).__name__}")
    if not isinstance(spec[0], Mapping | tf.TensorSpec):
        raise RequestError(
            f"{where}: x must be one tensor or a dict of them, got {type(spec[0]).__name__}"
        )


def _is_batched(dataset: Any) -> bool:
    """Whether x and y agree in a first axis.

    A batch of one-number targets has one axis, so an example's own vector of targets is told from
    it by the size: that of a batch is not known, or the same in x.
    """
    import tensorflow as tf

    spec = dataset.element_spec
    shapes = [leaf.shape for leaf in tf.nest.flatten(spec)]
    if any(shape.rank is None for shape in shapes):
        first = dataset.take(1)
        shapes = [leaf.shape for example in first for leaf in tf.nest.flatten(example)]
    if any(not shape.rank for shape in shapes) or len({shape[0] for shape in shapes}) != 1:
        return False
    return shapes[0][0] is None or isinstance(spec[0], Mapping) or shapes[0].rank > 1


class _Spool:
    """Examples in a temporary file, which goes with the last reference to it, or at exit."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="recipe-"))
        weakref.finalize(self, shutil.rmtree, self.folder, ignore_errors=True)
        self.file = self.folder / "x"
        self.file.touch()

    def write(self, x: np.ndarray) -> None:
        """Add examples (n, *shape) at the end."""
        with self.file.open("ab") as file:
            file.write(np.ascontiguousarray(x).tobytes())

    def read(self, rows: np.ndarray, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        """Examples (rows, *shape)."""
        whole = np.memmap(self.file, dtype, "r").reshape(-1, *shape)
        return np.array(whole[rows])


class _Kept:
    """What has been read so far: in memory, or from some size on in a file."""

    def __init__(self, where: str, most_bytes: float) -> None:
        self.where, self.most_bytes = where, most_bytes
        self.count = 0
        self.x: list[Any] = []
        self.y: list[np.ndarray] = []
        self.spool: _Spool | None = None

    def add(self, x: Any, y: np.ndarray) -> None:
        """One batch more."""
        x = _table(x, self.where) if isinstance(x, Mapping) else _as_text(x)
        if isinstance(x, np.ndarray) and x.dtype == object:
            x = _table({"text": x}, self.where)
        if isinstance(x, np.ndarray) and x.dtype != np.uint8:
            x = x.astype(np.float32)
        if self.x and self.x[0].shape[1:] != x.shape[1:]:
            raise RequestError(
                f"{self.where}: all x need the same shape, got {self.x[0].shape[1:]} and "
                f"{x.shape[1:]}; resize or pad them"
            )
        self.count += len(x)
        self.y.append(_as_text(y))
        if self.spool is not None:
            self._write(self.spool, x)
            return
        self.x.append(x)
        if self.count * int(np.prod(x.shape[1:])) * FLOAT32 > self.most_bytes:
            self._to_disk()

    def examples(self) -> RawExamples:
        """All that was added."""
        y = np.concatenate(self.y)
        first = self.x[0]
        if isinstance(first, pd.DataFrame):
            return RawExamples(pd.concat(self.x, ignore_index=True), y)
        if self.spool is None:
            return RawExamples(np.concatenate(self.x), y)
        shape = first.shape[1:] if first.ndim == 4 else (*first.shape[1:], 1)
        read = partial(self.spool.read, shape=shape, dtype=first.dtype)
        return RawExamples(
            Stored(read, np.arange(self.count), shape, first.dtype),
            y,
            remarks=(said_to_stay(self.count),),
        )

    def _to_disk(self) -> None:
        first = self.x[0]
        if isinstance(first, pd.DataFrame) or first.ndim < 3:
            raise RequestError(
                f"{self.where}: the table takes more than data.max_memory_gb, and only images can "
                "stay on disk: raise it, or give fewer examples"
            )
        self.spool = _Spool()
        for x in self.x:
            self._write(self.spool, x)
        del self.x[1:]  # the first tells shape and dtype

    def _write(self, spool: _Spool, x: np.ndarray) -> None:
        if shutil.disk_usage(spool.folder).free < x.nbytes + SPARE_GB * 1e9:
            raise RequestError(
                f"{self.where}: after {self.count:,} examples, the disk of {spool.folder.parent} "
                "is full; if the dataset has an end, let TMPDIR be on a larger disk"
            )
        spool.write(x)


def _table(columns: Mapping[str, np.ndarray], where: str) -> pd.DataFrame:
    for name, values in columns.items():
        if values.ndim > 2 or (values.ndim == 2 and values.shape[1] != 1):
            raise RequestError(
                f"{where}: x[{name!r}] must be one number or text per example, got shape "
                f"{values.shape[1:]}; give x as one tensor, or a key for each of its numbers"
            )
    return pd.DataFrame({str(name): _as_text(v.ravel()) for name, v in columns.items()})


def _as_text(array: np.ndarray) -> np.ndarray:
    """Bytes, which is how TensorFlow has text, as str."""
    if array.dtype != object:
        return array
    text = [c.decode("utf-8", "replace") if isinstance(c, bytes) else c for c in array.ravel()]
    return np.array(text, object).reshape(array.shape)
