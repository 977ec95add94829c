"""Where examples come from: a name in the config to arrays in memory.

To add a source, write a function that takes what stands after the colon and returns
`RawExamples`, and put it into `SOURCES`. Your own code needs no line here: `module:function`.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from recipe.config import RequestError, load_function

KEY = "data.source"


@dataclass(frozen=True)
class RawExamples:
    """Examples as the source gives them, before any split, scaling or encoding."""

    x: np.ndarray
    """(examples, features) or (examples, height, width[, channels]), numbers."""

    y: np.ndarray
    """(examples,) class labels of any kind, or (examples[, targets]) numbers."""

    feature_names: tuple[str, ...] = ()
    """Names of the columns of a table; empty for images."""

    class_names: tuple[str, ...] | None = None
    """If given, `y` holds positions in this tuple, 0 to len - 1."""


@lru_cache(maxsize=1)
def read_source(name: str) -> RawExamples:
    """Read all examples of a `data.source`, once in a process: all who ask see the same.

    Raises:
        RequestError: the source is unknown, fails, or returns what can't be used.
    """
    return read_anew(name)


def read_anew(name: str) -> RawExamples:
    """`read_source` without its memory, to see whether a source repeats itself."""
    kind, colon, rest = name.partition(":")
    if not colon or not rest:
        raise RequestError(f"{KEY}: must be KIND:NAME, e.g. sklearn:digits, got {name!r}")
    raw = SOURCES[kind](rest) if kind in SOURCES else _from_function(name)
    return _checked(name, raw)


def _sklearn(name: str) -> RawExamples:
    """The small real data sets that scikit-learn ships: offline, the same everywhere."""
    from sklearn import datasets

    bundled = ("breast_cancer", "diabetes", "digits", "iris", "linnerud", "wine")
    if name not in bundled:
        near = difflib.get_close_matches(name, bundled, 1)
        hint = f"; did you mean 'sklearn:{near[0]}'?" if near else ""
        raise RequestError(f"{KEY}: scikit-learn bundles {', '.join(bundled)}, got {name!r}{hint}")
    bunch = getattr(datasets, f"load_{name}")()
    is_regression = name in ("diabetes", "linnerud")
    return RawExamples(
        x=bunch.images if name == "digits" else bunch.data,
        y=bunch.target,
        feature_names=() if name == "digits" else tuple(bunch.feature_names),
        class_names=None if is_regression else tuple(str(n) for n in bunch.target_names),
    )


def _from_function(name: str) -> RawExamples:
    """`module:function`: a function that returns (x, y) or (x, y, class_names)."""
    function = load_function(name, KEY)
    try:
        returned = function()
    except (Exception, SystemExit) as error:
        raise RequestError(f"{KEY}: {name}() raised {type(error).__name__}: {error}") from error
    if isinstance(returned, RawExamples):
        return returned
    if not isinstance(returned, Sequence) or len(returned) not in (2, 3):
        raise RequestError(
            f"{KEY}: {name}() must return (x, y) or (x, y, class_names), "
            f"got {type(returned).__name__}"
        )
    x, y, names = (*returned, None)[:3]
    if names is not None and (isinstance(names, str) or not isinstance(names, Iterable)):
        raise RequestError(f"{KEY}: {name}(): class_names must be a list of names, got {names!r}")
    columns: Any = getattr(x, "columns", ())
    return RawExamples(
        x=x,
        y=y,
        feature_names=tuple(str(n) for n in columns),
        class_names=None if names is None else tuple(str(n) for n in names),
    )


SOURCES: dict[str, Callable[[str], RawExamples]] = {
    "sklearn": _sklearn,
}


def _checked(name: str, raw: RawExamples) -> RawExamples:
    """The examples as float32 with a channel axis, or an error that says what is wrong."""

    def refuse(rule: str) -> RequestError:
        return RequestError(f"{KEY}: {name}: {rule}")

    try:
        x, y = np.asarray(raw.x), np.asarray(raw.y)
    except ValueError as error:  # lists of unequal length
        raise refuse(f"x and y must be arrays: {error}") from error
    if x.dtype.kind not in "buif":
        raise refuse(f"x must hold numbers, got dtype {x.dtype}")
    if x.ndim not in (2, 3, 4):
        raise refuse(
            "x must be (examples, features) or (examples, height, width[, channels]), "
            f"got shape {x.shape}"
        )
    if y.ndim not in (1, 2):
        raise refuse(f"y must be (examples,) or (examples, targets), got shape {y.shape}")
    if len(x) != len(y):
        raise refuse(f"x and y must be equally long, got {len(x)} and {len(y)} examples")
    if 0 in x.shape + y.shape:
        raise refuse(f"there are no examples: x has shape {x.shape}, y has shape {y.shape}")
    most = np.abs(x, where=np.isfinite(x), out=np.zeros_like(x)).max() if x.dtype == float else 0
    if most > np.finfo(np.float32).max:
        raise refuse(f"x must fit into float32, at most 3.4e+38, got {most:.2g}")
    x = x[..., np.newaxis] if x.ndim == 3 else x
    names = raw.feature_names
    if x.ndim == 2 and len(names) != x.shape[1]:
        names = tuple(f"feature_{i}" for i in range(x.shape[1]))
    return RawExamples(x.astype(np.float32), y, names, raw.class_names)
