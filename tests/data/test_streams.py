"""A tf.data.Dataset is read from beginning to end, whichever way it was put together."""

import gc
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest

from recipe.config import DataConfig, RequestError
from recipe.data.sources import RawExamples, read_anew
from recipe.data.stored import Stored

N = 10
X, Y = np.arange(2.0 * N).reshape(N, 2), np.arange(N) % 2
IMAGES = np.random.default_rng(0).integers(0, 255, (N, 6, 5, 3)).astype(np.uint8)


@pytest.fixture(scope="module")
def tf() -> ModuleType:
    import tensorflow

    return tensorflow


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> Callable[..., RawExamples]:
    def of(dataset: Any, **config: Any) -> RawExamples:
        made = ModuleType("my_stream")
        made.load = lambda: dataset  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "my_stream", made)
        return read_anew(DataConfig(source="my_stream:load", **config))

    return of


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda d: d, id="single examples"),
        pytest.param(lambda d: d.batch(4), id="batches, the last one smaller"),
        pytest.param(lambda d: d.batch(5, drop_remainder=True), id="batches of a known size"),
        pytest.param(lambda d: d.batch(4).prefetch(2), id="prefetched"),
        pytest.param(lambda d: d.filter(lambda x, y: True), id="of unknown length"),
    ],
)
@pytest.mark.parametrize("x", [X, IMAGES], ids=["features", "images"])
def test_all_examples_are_read(tf: Any, read: Any, change: Any, x: np.ndarray) -> None:
    raw = read(change(tf.data.Dataset.from_tensor_slices((x, Y))))
    assert isinstance(raw.x, pd.DataFrame) == (x is X)
    assert np.array_equal(np.asarray(raw.x), x)
    assert raw.y.tolist() == Y.tolist()


@pytest.mark.parametrize("batched", [False, True])
def test_several_targets_are_no_batch(tf: Any, read: Any, batched: bool) -> None:
    dataset = tf.data.Dataset.from_tensor_slices((IMAGES, np.stack([Y, Y, Y], 1)))
    assert read(dataset.batch(3) if batched else dataset).y.shape == (N, 3)


@pytest.mark.parametrize("batched", [False, True])
def test_a_dict_of_numbers_and_texts_is_a_table(tf: Any, read: Any, batched: bool) -> None:
    columns = {"age": np.arange(N), "note": [f"é{i}" for i in range(N)]}
    dataset = tf.data.Dataset.from_tensor_slices((columns, [f"c{y}" for y in Y]))
    raw = read(dataset.batch(4) if batched else dataset)
    assert isinstance(raw.x, pd.DataFrame)
    assert raw.x["age"].tolist() == list(range(N))
    assert raw.x["note"].tolist() == columns["note"]
    assert raw.y.tolist() == [f"c{y}" for y in Y]


def test_texts_alone_are_a_table_of_one_column(tf: Any, read: Any) -> None:
    raw = read(tf.data.Dataset.from_tensor_slices((["a b", "c"], [0, 1])))
    assert isinstance(raw.x, pd.DataFrame)
    assert raw.x.to_dict("list") == {"text": ["a b", "c"]}


@pytest.mark.parametrize(
    "images",
    [
        pytest.param(IMAGES, id="bytes in color"),
        pytest.param(IMAGES[..., 0] / 7, id="gray of floats"),
    ],
)
def test_what_is_larger_than_memory_is_kept_in_a_file(
    tf: Any, read: Any, images: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    raw = read(tf.data.Dataset.from_tensor_slices((images, Y)).batch(3), max_memory_gb=1e-6)
    assert isinstance(raw.x, Stored)
    assert raw.x.dtype == (np.uint8 if images.dtype == np.uint8 else np.float32)
    expected = images.reshape(N, 6, 5, -1).astype(raw.x.dtype)
    assert np.array_equal(np.asarray(raw.x), expected)
    assert np.array_equal(raw.x[np.array([7, 2])], expected[[7, 2]])
    assert raw.y.tolist() == Y.tolist()
    assert "10 images stay on disk" in raw.remarks[0]
    assert len(list(tmp_path.iterdir())) == 1
    del raw
    gc.collect()
    assert not list(tmp_path.iterdir())


def endless() -> Iterator[tuple[np.ndarray, int]]:
    yield IMAGES[0], 0
    raise RuntimeError("the disk is on fire")


def other_shapes() -> Iterator[tuple[np.ndarray, int]]:
    yield IMAGES[0], 0
    yield IMAGES[0, :3], 1


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        pytest.param(lambda d, tf: d.repeat(), "the dataset has no end; leave out .repeat(), or",
                     id="no end"),
        pytest.param(lambda d, tf: d.take(0), "the dataset holds no examples", id="nothing in it"),
        pytest.param(lambda d, tf: d.map(lambda x, y: x), "must give pairs (x, y), got x alone",
                     id="x alone"),
        pytest.param(lambda d, tf: d.map(lambda x, y: (x, y, 1.0)),
                     "got 3 of them; leave out sample weights", id="sample weights"),
        pytest.param(lambda d, tf: d.map(lambda x, y: ((x, x), y)),
                     "x must be one tensor or a dict of them, got tuple", id="two x"),
        pytest.param(lambda d, tf: d.map(lambda x, y: (x, {"a": y})),
                     "y must be one tensor, got dict", id="a dict of targets"),
        pytest.param(lambda d, tf: d.map(lambda x, y: ({"a": x}, y)),
                     "x['a'] must be one number or text per example, got shape (2,)",
                     id="vectors in a dict"),
        pytest.param(lambda d, tf: d.batch(2).map(
            lambda x, y: (tf.RaggedTensor.from_tensor(x), y)),
            "must give plain tensors, got RaggedTensorSpec", id="ragged"),
        pytest.param(lambda d, tf: tf.data.Dataset.from_generator(
            endless, output_types=(tf.uint8, tf.int64)), "the disk is on fire",
            id="fails on the way"),
        pytest.param(lambda d, tf: tf.data.Dataset.from_generator(
            other_shapes, output_types=(tf.uint8, tf.int64)), "the dataset fails after 0 examples",
            id="images of two sizes"),
        pytest.param(lambda d, tf: tf.data.Dataset.from_generator(
            other_shapes, output_types=(tf.uint8, tf.int64)).batch(1),
            "all x need the same shape, got (6, 5, 3) and (3, 5, 3); resize or pad",
            id="batches of two sizes"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_refused(tf: Any, read: Any, make: Any, problem: str) -> None:
    dataset = tf.data.Dataset.from_tensor_slices((X, Y))
    with pytest.raises(RequestError) as caught:
        read(make(dataset, tf))
    assert str(caught.value).startswith("data.source: my_stream:load")
    assert problem in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_table_larger_than_memory_is_refused(tf: Any, read: Any) -> None:
    dataset = tf.data.Dataset.from_tensor_slices((X, Y))
    with pytest.raises(RequestError, match=r"takes more than data\.max_memory_gb, and only images"):
        read(dataset, max_memory_gb=1e-9)
