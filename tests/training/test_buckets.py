"""Histograms of a graph are NumPy's."""

import numpy as np
import pytest
import tensorflow as tf

from recipe.training.buckets import BUCKETS, Counting

NAN, INF = float("nan"), float("inf")
WIDE = np.float32(3e38)


def count(*arrays: np.ndarray) -> list[np.ndarray]:
    @tf.function
    def run(wanted: tf.Tensor) -> list[tf.Tensor]:
        counting = Counting([tf.constant(array, tf.float32) for array in arrays])
        return [*counting.histograms(wanted), counting.not_finite()]

    assert not any(part.numpy().any() for part in run(tf.constant(False))[:3])
    return [part.numpy() for part in run(tf.constant(True))]


def test_counts_are_those_of_numpy() -> None:
    rng = np.random.default_rng(0)
    arrays = [rng.normal(size=(40, 50)), rng.integers(0, 31, 500), np.arange(3.0)]
    low, high, counts, not_finite = count(*arrays)
    assert not not_finite.any()
    assert low.tolist() == [np.float32(a.min()) for a in arrays]
    assert high.tolist() == [np.float32(a.max()) for a in arrays]
    for array, found in zip(arrays, counts, strict=True):
        expected, _ = np.histogram(array.astype(np.float32), BUCKETS)
        np.testing.assert_allclose(found, expected, atol=2)  # at an edge, the last bit decides
        assert found.sum() == array.size


@pytest.mark.parametrize(
    ("values", "low", "high", "finite"),
    [
        pytest.param([1.0, 2.0, NAN, INF, -INF], 1.0, 2.0, 2, id="not all are finite"),
        pytest.param([NAN, INF], -0.5, 0.5, 0, id="none is finite"),
        pytest.param([7.0, 7.0], 6.5, 7.5, 2, id="one value"),
        pytest.param([-WIDE, 0.0, WIDE], -WIDE, WIDE, 3, id="all that float32 holds"),
        pytest.param([1e30, 1e30], 1e30, 1e30, 2, id="one huge value"),
    ],
)
def test_odd_values(values: list[float], low: float, high: float, finite: int) -> None:
    lowest, highest, counts, not_finite = count(np.array(values, np.float32), np.arange(3.0))
    assert not_finite.tolist() == pytest.approx([1 - finite / len(values), 0])
    assert (lowest[0], highest[0]) == (np.float32(low), np.float32(high))
    assert counts.sum(axis=1).tolist() == [finite, 3]
