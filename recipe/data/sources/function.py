"""`module:function`: examples from the user's own code."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from recipe.config import DataConfig, RequestError, load_function
from recipe.data.sources.examples import KEY, RawExamples
from recipe.data.sources.target import without_target


def from_function(name: str, config: DataConfig) -> RawExamples:
    """A function that returns (x, y), (x, y, class_names), a table or a tf.data.Dataset."""
    function = load_function(name, KEY)
    try:
        returned = function()
    except (Exception, SystemExit) as error:
        raise RequestError(f"{KEY}: {name}() raised {type(error).__name__}: {error}") from error
    if isinstance(returned, RawExamples):
        return returned
    if isinstance(returned, pd.DataFrame):
        x, y, names = without_target(returned, config.target, f"{name}()")
        return RawExamples(x, y, target_names=names)
    if _is_tf_data(returned):
        from recipe.data.sources.streams import from_tf_data

        return from_tf_data(returned, name, config)
    if not isinstance(returned, Sequence) or len(returned) not in (2, 3):
        raise RequestError(
            f"{KEY}: {name}() must return (x, y), (x, y, class_names), a pandas table or a "
            f"tf.data.Dataset, got {type(returned).__name__}"
        )
    x, y, classes = (*returned, None)[:3]
    if classes is not None and (isinstance(classes, str) or not isinstance(classes, Iterable)):
        raise RequestError(f"{KEY}: {name}(): class_names must be a list of names, got {classes!r}")
    return RawExamples(
        x=x if isinstance(x, pd.DataFrame) else _array(x, name),
        y=y,
        class_names=None if classes is None else tuple(str(n) for n in classes),
        target_names=tuple(map(str, getattr(y, "columns", ()))),
    )


def _array(x: Any, name: str) -> np.ndarray:
    if hasattr(x, "toarray"):
        raise RequestError(f"{KEY}: {name}(): x is sparse; return x.toarray()")
    try:
        return np.asarray(x)
    except ValueError as error:  # lists of unequal length
        raise RequestError(f"{KEY}: {name}: x and y must be arrays: {error}") from error


def _is_tf_data(returned: Any) -> bool:
    """Told by its name, so that TensorFlow is imported by those alone who use it."""
    return any(
        f"{base.__module__}.{base.__name__}".startswith("tensorflow.")
        and "Dataset" in base.__name__
        for base in type(returned).__mro__
    )
