"""What a user hands over: a compiled model and the arguments of `fit`, all of it as arrays.

Streams are read up to a limit and become arrays, so that every rule and every trial sees the same
examples; whether a stream shuffles is seen by reading its beginning twice.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from recipe.doctor.mixing import UNMIXED, unevenness

MOST_EXAMPLES = 20_000
"""Of a stream; arrays are taken whole."""

PROBE = 256
"""Examples that are sent through the net to look at it."""

FEWEST = 50
"""Examples of which some can be held out."""

UNUSED = ("verbose", "initial_epoch", "workers", "use_multiprocessing", "max_queue_size")
"""Arguments of `fit` that decide nothing that is looked at."""


@dataclass
class Subject:
    """A training, as it was asked for."""

    model: keras.Model
    x: Any
    """Array or structure of arrays, (examples, ...)."""

    y: Any
    """The same, or None where the model needs no targets."""

    weights: np.ndarray | None
    """Of the examples, (examples,)."""

    val: tuple[Any, Any] | None
    """x and y to validate on."""

    batch_size: int
    epochs: int
    shuffles: bool
    class_weight: dict[int, float] | None
    callbacks: list[keras.callbacks.Callback]
    rest: dict[str, Any] = field(default_factory=dict)
    """Other arguments of `fit`."""

    notes: list[str] = field(default_factory=list)
    """What could not be looked at."""

    falls_short: bool = False
    """It is a stream that shuffles, over fewer examples than stand together."""

    @property
    def examples(self) -> int:
        """How many there are to train on."""
        return len(keras.tree.flatten(self.x)[0])

    @property
    def lacking(self) -> str | None:
        """What a training can't do without; None: it is all there."""
        if not self.model.compiled:
            return "the model is not compiled; call model.compile(optimizer, loss)"
        counts = {len(part) for part in keras.tree.flatten([self.x, self.y]) if part is not None}
        if counts == {0}:
            return "there is no example"
        if len(counts) > 1:
            said = " and ".join(str(count) for count in sorted(counts))
            return f"x and y have {said} examples; each example needs its target"
        return None

    @property
    def steps(self) -> int:
        """In an epoch."""
        most = -(-self.examples // self.batch_size)
        return min(int(self.rest.get("steps_per_epoch") or most), most)

    @property
    def inputs(self) -> list[np.ndarray]:
        """The arrays of x."""
        return [*keras.tree.flatten(self.x)]

    def targets(self, y: Any = None) -> list[np.ndarray]:
        """The arrays of y, in the order of the model's outputs."""
        y = self.y if y is None else y
        names = getattr(self.model, "output_names", None)
        if isinstance(y, Mapping) and names and set(names) <= set(y):
            return [np.asarray(y[name]) for name in names]
        return [np.asarray(part) for part in keras.tree.flatten(y)]

    @property
    def block(self) -> int | None:
        """Examples that the net takes at a time, if it takes no other number."""
        shapes = [tensor.shape for tensor in getattr(self.model, "inputs", None) or ()]
        return next((shape[0] for shape in shapes if shape and shape[0]), None)

    def spread(self, count: int, most: int) -> np.ndarray:
        """Positions of at most so many of `count` examples, in whole blocks."""
        some = min(count, most)
        if self.block:
            some = max(some // self.block, 1) * self.block
        return np.linspace(0, count - 1, some).astype(int)

    def probe(self, y: bool = False) -> Any:
        """A few examples, spread over all."""
        rows = self.spread(self.examples, self.block or PROBE)
        return rows_of(self.y if y else self.x, rows)


def rows_of(structure: Any, rows: Any) -> Any:
    """Some examples of a structure of arrays; of no targets, none."""
    if structure is None:
        return None
    return keras.tree.map_structure(lambda part: part[rows], structure)


def subject_of(model: keras.Model, x: Any, y: Any = None, **fit: Any) -> Subject:
    """Read the arguments of `keras.Model.fit`.

    Raises:
        TypeError: x is nothing that `fit` takes.
    """
    fit = {key: value for key, value in fit.items() if key not in UNUSED}
    notes: list[str] = []
    weights, batch_size = fit.pop("sample_weight", None), fit.pop("batch_size", None)
    shuffles, falls_short = bool(fit.pop("shuffle", True)), False
    steps = fit.get("steps_per_epoch")
    if _is_stream(x):
        read = _read(x, steps, notes)
        fit.pop("steps_per_epoch", None)
        x, y, weights = read.x, read.y, read.weights
        batch_size, shuffles = read.batch_size, read.shuffles
        falls_short = shuffles and y is not None and _is_uneven(y, batch_size)
        shuffles &= not falls_short
    x, y = _arrays(x), _arrays(y)
    split = fit.pop("validation_split", 0.0) or 0.0
    val = fit.pop("validation_data", None)
    if val is not None:
        val = _validation(val, notes)
    elif split:
        x, y, weights, val = _cut(x, y, weights, split)
    callbacks = fit.pop("callbacks", None) or []
    return Subject(
        model=model,
        x=x,
        y=y,
        weights=None if weights is None else np.asarray(weights),
        val=val,
        batch_size=int(batch_size or 32),
        epochs=int(fit.pop("epochs", 1)),
        shuffles=shuffles,
        class_weight=fit.pop("class_weight", None),
        callbacks=list(callbacks) if isinstance(callbacks, Iterable) else [callbacks],
        rest=fit,
        notes=notes,
        falls_short=falls_short,
    )


@dataclass(frozen=True)
class _Read:
    x: Any
    y: Any
    weights: np.ndarray | None
    batch_size: int
    shuffles: bool


def _is_stream(x: Any) -> bool:
    known = (tf.data.Dataset, keras.utils.PyDataset)
    return isinstance(x, known) or (hasattr(x, "__next__") and not hasattr(x, "shape"))


def _read(stream: Any, steps: int | None, notes: list[str]) -> _Read:
    """The examples of a stream, as many as are looked at."""
    begin = _beginning(stream)
    batches, seen = [], 0
    for batch in itertools.islice(begin(), steps):
        parts = batch if isinstance(batch, tuple) else (batch,)
        batches.append(tuple(_arrays(part) for part in parts))
        seen += len(keras.tree.flatten(batches[-1][0])[0])
        if seen >= MOST_EXAMPLES:
            notes.append(f"only the first {seen:,} examples of the stream were looked at")
            break
    whole = [
        keras.tree.map_structure(lambda *arrays: np.concatenate(arrays), *parts)
        for parts in zip(*batches, strict=True)
    ]
    size = len(keras.tree.flatten(batches[0][0])[0])
    x, y, weights = [*whole, None, None][:3]
    shuffles = hasattr(stream, "__next__") or _differs(x, y, next(iter(begin())))
    return _Read(x, y, weights, size, shuffles)


def _differs(x: Any, y: Any, again: Any) -> bool:
    """Whether a stream that is read again gives its examples in another order.

    Examples that are not the same ones have been changed on the way, by augmentation: then their
    targets tell. `again`: its first batch.
    """
    parts = [_arrays(part) for part in (again if isinstance(again, tuple) else (again,))]
    old, new = keras.tree.flatten(x)[0], keras.tree.flatten(parts[0])[0]
    if np.array_equal(old[: len(new)], new):
        return False
    rows = {row.tobytes() for row in np.ascontiguousarray(old)}
    seen = [row.tobytes() in rows for row in np.ascontiguousarray(new)]
    if np.mean(seen) > 0.5 or y is None or len(parts) < 2:
        return True
    targets = keras.tree.flatten(y)[0], keras.tree.flatten(parts[1])[0]
    return not np.array_equal(targets[0][: len(targets[1])], targets[1])


def _is_uneven(y: Any, size: int) -> bool:
    return unevenness(_arrays(keras.tree.flatten(y)[0]), size) > UNMIXED


def _beginning(stream: Any) -> Callable[[], Iterable[Any]]:
    if isinstance(stream, keras.utils.PyDataset):
        return lambda: (stream[number] for number in range(len(stream)))
    return lambda: iter(stream)


def _validation(val: Any, notes: list[str]) -> tuple[Any, Any]:
    if _is_stream(val):
        read = _read(val, None, notes)
        return read.x, read.y
    return _arrays(val[0]), _arrays(val[1])


def _cut(x: Any, y: Any, weights: Any, split: float) -> tuple[Any, Any, Any, tuple[Any, Any]]:
    """As Keras does: the end is for validation, before anything is shuffled."""
    count = len(keras.tree.flatten(x)[0])
    at = int(np.floor(count * (1 - split)))
    begin, end = slice(None, at), slice(at, None)
    kept = None if weights is None else np.asarray(weights)[begin]
    return rows_of(x, begin), rows_of(y, begin), kept, (rows_of(x, end), rows_of(y, end))


def scheduled(subject: Subject) -> np.ndarray | None:
    """Learning rates of a schedule over the training, (50,); None: the rate is a number."""
    schedule = subject.model.optimizer._learning_rate
    if not isinstance(schedule, keras.optimizers.schedules.LearningRateSchedule):
        return None
    steps = np.linspace(0, subject.steps * subject.epochs, 50).astype(int)
    return np.array([float(schedule(step)) for step in steps])


def held_out(subject: Subject) -> Subject:
    """With a fifth of the examples, drawn, to validate on, where nothing is asked for."""
    count = subject.examples
    if subject.val is not None or count < FEWEST:
        return subject
    order = np.random.default_rng(0).permutation(count)
    rest, kept = (np.sort(rows) for rows in (order[: count // 5], order[count // 5 :]))
    return replace(
        subject,
        x=rows_of(subject.x, kept),
        y=rows_of(subject.y, kept),
        weights=rows_of(subject.weights, kept),
        val=(rows_of(subject.x, rest), rows_of(subject.y, rest)),
        notes=[*subject.notes, f"{len(rest)} of {count} examples were held out to judge the net"],
    )


def _arrays(structure: Any) -> Any:
    """NumPy arrays in the place of tensors, tables and lists of numbers."""
    if structure is None:
        return None
    if hasattr(structure, "to_numpy"):  # of pandas
        return structure.to_numpy()
    if isinstance(structure, list) and structure and not _is_array(structure[0]):
        return np.asarray(structure)
    if isinstance(structure, list | tuple):
        return type(structure)(_arrays(part) for part in structure)
    if isinstance(structure, Mapping):
        return {name: _arrays(part) for name, part in structure.items()}
    found = np.asarray(structure)
    if found.dtype.kind == "O" and found.size and isinstance(found.flat[0], bytes):
        # a tensor of words: `fit` takes str, and bytes it does not
        return np.char.decode(found.astype(bytes), "utf-8", "replace").astype(object)
    return found


def _is_array(value: Any) -> bool:
    return hasattr(value, "shape") and len(value.shape) > 0
