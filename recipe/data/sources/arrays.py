"""Examples that are arrays: bundled with scikit-learn, downloaded by Keras, or in an .npz file."""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from recipe.config import DataConfig, RequestError
from recipe.data.sources.examples import KEY, PARTS, RawExamples
from recipe.data.sources.files import first_line, missing_file

KERAS = {
    "mnist": (10, "mnist.npz"),
    "fashion_mnist": (10, "the folder fashion-mnist of four .gz files"),
    "cifar10": (10, "cifar-10-python.tar.gz, as cifar-10-batches-py-target_archive,"),
    "cifar100": (100, "cifar-100-python.tar.gz, as cifar-100-python-target_archive,"),
    "california_housing": (None, "california_housing.npz"),
}
"""Data sets of keras.datasets: number of classes (None: a quantity), and where Keras keeps them."""

CIFAR10 = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
FASHION = (
    "T-shirt/top", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag",
    "ankle boot",
)  # fmt: skip
CLASS_NAMES = {"cifar10": CIFAR10, "fashion_mnist": FASHION}


def from_sklearn(name: str, config: DataConfig) -> RawExamples:
    """The small real data sets that scikit-learn ships: offline, the same everywhere."""
    from sklearn import datasets

    bundled = ("breast_cancer", "diabetes", "digits", "iris", "linnerud", "wine")
    if name not in bundled:
        near = difflib.get_close_matches(name, bundled, 1)
        hint = f"; did you mean 'sklearn:{near[0]}'?" if near else ""
        raise RequestError(f"{KEY}: scikit-learn bundles {', '.join(bundled)}, got {name!r}{hint}")
    bunch = getattr(datasets, f"load_{name}")()
    if name == "digits":
        classes = tuple(str(digit) for digit in bunch.target_names)
        return RawExamples(bunch.images, bunch.target, classes)
    table = pd.DataFrame(bunch.data, columns=[str(n) for n in bunch.feature_names])
    if name in ("diabetes", "linnerud"):
        names = tuple(map(str, bunch.target_names)) if name == "linnerud" else ()
        return RawExamples(table, bunch.target, target_names=names)
    return RawExamples(table, bunch.target, tuple(str(n) for n in bunch.target_names))


def from_keras(name: str, config: DataConfig) -> RawExamples:
    """A data set of `keras.datasets`: downloaded once, and kept where Keras keeps them."""
    if name not in KERAS:
        near = difflib.get_close_matches(name, KERAS, 1)
        hint = f"; did you mean 'keras:{near[0]}'?" if near else ""
        raise RequestError(f"{KEY}: keras has {', '.join(KERAS)} for us, got {name!r}{hint}")
    import keras

    classes, file = KERAS[name]
    try:
        (train_x, train_y), (test_x, test_y) = getattr(keras.datasets, name).load_data()
    except Exception as error:  # urllib's, Keras's and zipfile's own, all of them "not there"
        home = Path(os.environ.get("KERAS_HOME", "~/.keras")) / "datasets"
        raise RequestError(
            f"{KEY}: keras:{name} can't be downloaded ({first_line(error)}); put {file} into {home}"
        ) from error
    y = np.concatenate([train_y, test_y])
    names = CLASS_NAMES.get(name) or tuple(str(c) for c in range(classes or 0))
    return RawExamples(
        x=np.concatenate([train_x, test_x]),
        y=y.ravel() if classes else y,
        class_names=names if classes else None,
        parts=np.repeat(["train", "test"], [len(train_y), len(test_y)]),
    )


def from_npz(name: str, config: DataConfig) -> RawExamples:
    """Arrays x and y, or x_train, y_train, x_test, y_test and perhaps x_val, y_val, in a file."""
    path = Path(name).expanduser()
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            arrays = {key: stored[key] for key in stored.files}
    except FileNotFoundError:
        raise RequestError(f"{KEY}: {path}: {missing_file(path)}") from None
    except OSError as error:
        raise RequestError(f"{KEY}: {path}: can't be read: {error.strerror or error}") from error
    except Exception as error:  # zipfile, zlib and NumPy have a dozen for a damaged file
        raise RequestError(
            f"{KEY}: {path}: no .npz file of plain arrays ({first_line(error)}); write it with "
            "np.savez(path, x=x, y=y), without objects"
        ) from error
    classes = arrays.get("class_names")
    names = None if classes is None else tuple(str(n) for n in classes.ravel())
    if {"x", "y"} <= set(arrays):
        return RawExamples(arrays["x"], arrays["y"], names)
    return _from_parts(arrays, names, path)


def _from_parts(
    arrays: Mapping[str, np.ndarray], class_names: tuple[str, ...] | None, path: Path
) -> RawExamples:
    given = [part for part in PARTS if {f"x_{part}", f"y_{part}"} <= set(arrays)]
    single = [key for key in arrays if not arrays[key].ndim]
    if "train" not in given:
        raise RequestError(
            f"{KEY}: {path}: must hold x and y, or x_train, y_train and so on for test and val; "
            f"got {', '.join(arrays) or 'no array'}"
        )
    if single:
        raise RequestError(f"{KEY}: {path}: {single[0]} is a single value, it must be an array")
    for part in given:
        shapes = arrays[f"x_{part}"].shape[1:], arrays["x_train"].shape[1:]
        if shapes[0] != shapes[1]:
            raise RequestError(
                f"{KEY}: {path}: x_{part} has examples of {shapes[0]}, x_train of {shapes[1]}"
            )
        sizes = len(arrays[f"x_{part}"]), len(arrays[f"y_{part}"])
        if sizes[0] != sizes[1]:
            raise RequestError(
                f"{KEY}: {path}: x_{part} has {sizes[0]} examples, y_{part} {sizes[1]}"
            )
        shapes = arrays[f"y_{part}"].shape[1:], arrays["y_train"].shape[1:]
        if shapes[0] != shapes[1]:
            raise RequestError(
                f"{KEY}: {path}: y_{part} has targets of {shapes[0]}, y_train of {shapes[1]}"
            )
    return RawExamples(
        x=np.concatenate([arrays[f"x_{part}"] for part in given]),
        y=np.concatenate([arrays[f"y_{part}"] for part in given]),
        class_names=class_names,
        parts=np.repeat(given, [len(arrays[f"x_{part}"]) for part in given]),
    )
