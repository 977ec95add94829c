"""Data sets that Keras downloads: its own loading code, on small files that the test makes."""

import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from recipe.config import DataConfig, RequestError
from recipe.data.sources import read_source

RNG = np.random.default_rng(0)


def pixels(*shape: int) -> np.ndarray:
    return RNG.integers(0, 256, shape, dtype=np.uint8)


def mnist(folder: Path) -> Path:
    path = folder / "mnist.npz"
    train = {"x_train": pixels(30, 28, 28), "y_train": np.arange(30) % 10}
    np.savez(path, **train, x_test=pixels(10, 28, 28), y_test=np.arange(10))
    return path


def cifar10(folder: Path) -> Path:
    """Five files of 10,000 images each are what Keras reads."""
    (folder / "cifar-10-batches-py").mkdir()
    for name in (*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"):
        rows = {b"data": np.zeros((10000, 3072), np.uint8), b"labels": [*range(10)] * 1000}
        (folder / "cifar-10-batches-py" / name).write_bytes(pickle.dumps(rows))
    return folder


def california(folder: Path) -> Path:
    path = folder / "california_housing.npz"
    np.savez(path, x=RNG.normal(size=(50, 8)), y=RNG.uniform(1e5, 5e5, 50))
    return path


@pytest.mark.parametrize(
    ("name", "make", "shape", "classes"),
    [
        pytest.param("mnist", mnist, (40, 28, 28, 1), "0", id="gray images"),
        pytest.param("cifar10", cifar10, (60000, 32, 32, 3), "airplane", id="color images"),
        pytest.param("california_housing", california, (50, 8), None, id="a table of numbers"),
    ],
)
def test_what_keras_keeps_is_read_with_its_parts_and_names(
    name: str,
    make: Callable[[Path], Path],
    shape: tuple[int, ...],
    classes: str | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = make(tmp_path)
    monkeypatch.setattr(f"keras.src.datasets.{name}.get_file", lambda *_, **__: str(made))
    raw = read_source(DataConfig(source=f"keras:{name}"))
    assert raw.x.shape == shape
    assert raw.parts is not None
    assert set(raw.parts) == {"train", "test"}
    assert (raw.class_names and raw.class_names[0]) == classes
    assert raw.y.shape == (shape[0],)


def test_without_a_network_it_says_what_to_put_where(monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(*_: object, **__: object) -> str:
        raise OSError("URL fetch failure: no route to host\nand more")

    monkeypatch.setenv("KERAS_HOME", "a/cache")
    monkeypatch.setattr("keras.src.datasets.fashion_mnist.get_file", offline)
    with pytest.raises(RequestError) as caught:
        read_source(DataConfig(source="keras:fashion_mnist"))
    said = str(caught.value)
    assert "no route to host" in said
    assert "and more" not in said
    assert "put the folder fashion-mnist of four .gz files into a/cache/datasets" in said
