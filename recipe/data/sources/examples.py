"""What a source gives, before any split, scaling or encoding, and what is asked of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd

from recipe.config import RequestError
from recipe.data.equal import Inputs, content_keys
from recipe.data.stored import Stored

KEY = "data.source"

Refuse = Callable[[str], RequestError]
"""Makes an error that names the source."""

PARTS = ("train", "val", "test")


@dataclass(frozen=True)
class RawExamples:
    """Examples as the source gives them."""

    x: Inputs
    """A table (examples, columns), or images (examples, height, width[, channels])."""

    y: np.ndarray
    """(examples,) class labels of any kind, or (examples[, targets]) numbers."""

    class_names: tuple[str, ...] | None = None
    """If given, `y` holds positions in this tuple, 0 to len - 1."""

    target_names: tuple[str, ...] = ()
    """Of the columns of a `y` with several."""

    parts: np.ndarray | None = None
    """(examples,) "train", "val" or "test", where the source says so."""

    names: np.ndarray | None = None
    """(examples,) str, such as the file of an image; None: examples have their row number."""

    corrupt: tuple[str, ...] = ()
    """What could not be read and is left out, each with its place and reason."""

    remarks: tuple[str, ...] = ()
    """What was read otherwise than it stands there; the data stage says it."""

    @cached_property
    def keys(self) -> np.ndarray:
        """(examples,) uint64: a hash of each example's inputs."""
        return content_keys(self.x)

    def take(self, rows: np.ndarray) -> RawExamples:
        """Some of the examples, by position."""
        return replace(
            self,
            x=take(self.x, rows),
            y=self.y[rows],
            parts=None if self.parts is None else self.parts[rows],
            names=None if self.names is None else self.names[rows],
        )


def take(x: Inputs, rows: np.ndarray | slice) -> Inputs:
    """Some examples by position, of the same kind."""
    if isinstance(x, pd.DataFrame):
        return x.iloc[rows]
    return x.take(rows) if isinstance(x, Stored) else x[rows]


def checked(name: str, raw: RawExamples) -> RawExamples:
    """The examples with a channel axis and columns, or an error that says what is wrong.

    Args:
        name: of the source, for the error.
        raw: what the source gave.

    Raises:
        RequestError: it can't be used.
    """

    def refuse(rule: str) -> RequestError:
        return RequestError(f"{KEY}: {name}: {rule}")

    try:
        y = np.asarray(raw.y)
        x = raw.x if isinstance(raw.x, pd.DataFrame | Stored) else np.asarray(raw.x)
    except ValueError as error:  # lists of unequal length
        raise refuse(f"x and y must be arrays: {error}") from error
    if y.ndim not in (1, 2):
        raise refuse(f"y must be (examples,) or (examples, targets), got shape {y.shape}")
    if y.dtype.kind in "Mmc":
        raise refuse(f"y must hold labels or numbers, got {y.dtype}; turn it into numbers")
    if x.ndim == 0:
        raise refuse("x must be (examples, ...), got shape ()")
    if len(x) != len(y):
        raise refuse(f"x and y must be equally long, got {len(x)} and {len(y)} examples")
    if 0 in (*x.shape, *y.shape):
        raise refuse(f"there are no examples: x has shape {x.shape}, y has shape {y.shape}")
    x = _checked_table(x, refuse) if isinstance(x, pd.DataFrame) else _checked_array(x, refuse)
    for about, given in {"parts": raw.parts, "names": raw.names}.items():
        if given is not None and len(given) != len(y):
            raise refuse(f"{about} must be as long as y, got {len(given)} and {len(y)}")
    if raw.parts is not None and not {"train"} <= set(raw.parts) <= set(PARTS):
        raise refuse(
            f"parts must be {', '.join(PARTS)}, some of them train, "
            f"got {', '.join(sorted(map(str, set(raw.parts))))}"
        )
    return replace(raw, x=x, y=y)


def _checked_table(x: pd.DataFrame, refuse: Refuse) -> pd.DataFrame:
    names = [str(name) for name in x.columns]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise refuse(f"every column needs a name of its own, got {twice[0]!r} more than once")
    return x.set_axis(names, axis=1).reset_index(drop=True)


def _checked_array(x: np.ndarray | Stored, refuse: Refuse) -> Inputs:
    """Images with a channel axis; an array of features is a table without names."""
    if x.dtype.kind not in "buif":
        raise refuse(f"x must hold numbers, got dtype {x.dtype}")
    if x.ndim not in (2, 3, 4):
        raise refuse(
            "x must be (examples, features) or (examples, height, width[, channels]), "
            f"got shape {x.shape}"
        )
    if isinstance(x, Stored):
        if x.ndim != 4:
            raise refuse(f"on disk, only images with channels can stay, got shape {x.shape}")
        return x
    if x.ndim == 2:
        return pd.DataFrame(x, columns=[f"feature_{i}" for i in range(x.shape[1])])
    if x.dtype == np.float64:
        most = np.abs(x, where=np.isfinite(x), out=np.zeros_like(x)).max()
        if most > np.finfo(np.float32).max:
            raise refuse(f"x must fit into float32, at most 3.4e+38, got {most:.2g}")
    x = x[..., np.newaxis] if x.ndim == 3 else x
    return x if x.dtype == np.uint8 else x.astype(np.float32)
