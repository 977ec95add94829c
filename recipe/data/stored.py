"""Examples that stay on disk, and are read when a batch asks for them.

`Stored` is indexed like an array, by rows alone, and gives an array. What needs all examples at
once has to say so: `np.asarray(stored)` reads them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

BLOCK = 1024
"""Examples that are read at once by whoever goes through all of them."""


FLOAT32 = 4
"""Bytes of a number, as a net takes it."""


def said_to_stay(images: int) -> str:
    """What a source says of images that it leaves on disk."""
    return f"{images:,} images stay on disk: as float32 they take more than data.max_memory_gb"


@dataclass(frozen=True, eq=False)
class Stored:
    """Some of the examples of a source that is larger than memory."""

    read: Callable[[np.ndarray], np.ndarray]
    """From row numbers, (n,) int, to their examples, (n, *example_shape)."""

    rows: np.ndarray
    """(examples,) row numbers in the source."""

    example_shape: tuple[int, ...]
    dtype: np.dtype = field(default_factory=lambda: np.dtype(np.uint8))

    @property
    def shape(self) -> tuple[int, ...]:
        """Of all examples."""
        return (len(self.rows), *self.example_shape)

    @property
    def ndim(self) -> int:
        """Axes, with that of the examples."""
        return 1 + len(self.example_shape)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, rows: slice | np.ndarray) -> np.ndarray:
        return self.read(self.rows[rows])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        whole = self.read(self.rows)
        return whole if dtype is None else whole.astype(dtype)

    def take(self, rows: slice | np.ndarray) -> Stored:
        """Some of these examples, still on disk."""
        return Stored(self.read, self.rows[rows], self.example_shape, self.dtype)

    def map(self, change: Callable[[np.ndarray], np.ndarray], dtype: Any) -> Stored:
        """The same examples, each changed after it is read; the shape stays."""
        read = self.read
        return Stored(lambda rows: change(read(rows)), self.rows, self.example_shape, dtype)
