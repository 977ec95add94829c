"""Dropout in Keras's convention: what is dropped, what is kept, and what stays the same on average.

Statistical tests fail once in a million runs each if Keras is right (`ERROR_RATE`); seeds are
fixed, so a failure here is a change in Keras.
"""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from recipe.config import Config, Task
from recipe.models import build

ERROR_RATE = 1e-6
RATES = pytest.mark.parametrize("rate", [0.1, 0.5, 0.8])
X = np.random.default_rng(0).uniform(1, 3, (500, 40))
"""(batch, units), no zeros: what is 0 afterwards has been dropped."""

IMAGES = np.random.default_rng(1).uniform(1, 3, (100, 4, 5, 8))
"""(batch, height, width, channels)."""


def within_chance(successes: int, trials: int, probability: float) -> bool:
    """Whether a binomial count is one of those that come up but for `ERROR_RATE`."""
    low, high = stats.binom.interval(1 - ERROR_RATE, trials, probability)
    return low <= successes <= high


def mean_agrees(values: np.ndarray, expected: float) -> bool:
    """Whether independent values average to `expected`, by Student's t at `ERROR_RATE`."""
    error = values.std(ddof=1) / np.sqrt(len(values))
    width = stats.t.ppf(1 - ERROR_RATE / 2, len(values) - 1) * error
    return bool(abs(values.mean() - expected) <= width)


def drop(
    kind: str, rate: float, x: np.ndarray = X, training: bool = True, seed: int = 0
) -> np.ndarray:
    return getattr(keras.layers, kind)(rate, seed=seed, dtype="float64")(
        x, training=training
    ).numpy()


# ------------------------------------------------------------------------------------ dropout


@RATES
def test_what_is_kept_is_divided_by_its_probability(rate: float) -> None:
    y = drop("Dropout", rate)
    kept = y != 0
    np.testing.assert_allclose(y[kept], X[kept] / (1 - rate), rtol=1e-10)


@RATES
def test_the_rate_is_the_fraction_dropped_and_not_kept(rate: float) -> None:
    dropped = int((drop("Dropout", rate) == 0).sum())
    assert within_chance(dropped, X.size, rate)
    if rate != 0.5:
        assert not within_chance(dropped, X.size, 1 - rate)


@RATES
def test_its_expectation_is_its_output_in_inference(rate: float) -> None:
    """Inverted scaling: over 10,000 masks each unit averages to its value, without more ado."""
    x = np.broadcast_to([1.0, -2.0, 30.0], (10_000, 3))
    y = drop("Dropout", rate, x)
    for unit in range(3):
        assert mean_agrees(y[:, unit], x[0, unit])
        assert not mean_agrees(y[:, unit], x[0, unit] * (1 - rate))  # not scaled at all
        assert not mean_agrees(y[:, unit], x[0, unit] / (1 - rate))  # scaled twice


@pytest.mark.parametrize("kind", ["Dropout", "AlphaDropout", "GaussianNoise"])
@RATES
def test_in_inference_nothing_happens(kind: str, rate: float) -> None:
    assert (drop(kind, rate, training=False) == X).all()
    assert (drop(kind, rate) != X).any()


@RATES
def test_the_mean_square_grows_by_the_probability_of_being_kept(rate: float) -> None:
    """E[y²] = x² / (1 - rate): the variance that a later batch norm learns is not inference's."""
    x = np.ones((10_000, 1))
    assert mean_agrees(drop("Dropout", rate, x)[:, 0] ** 2, 1 / (1 - rate))


def test_batch_norm_behind_dropout_learns_a_variance_that_inference_does_not_have() -> None:
    """Half of relu(N(0, 1)) dropped: 0.341 in inference, 0.841 in training, a ratio of 0.405.

    Var relu = 1/2 - 1/(2 pi); E[y²] doubles and the mean stays (Li et al. 2019). 200 batches.
    """
    x = np.maximum(np.random.default_rng(2).normal(size=(200, 2000)), 0)
    y = drop("Dropout", 0.5, x)
    in_inference, in_training = 1 / 2 - 1 / (2 * np.pi), 1 - 1 / (2 * np.pi)
    assert mean_agrees(x.var(1, ddof=1), in_inference)
    assert mean_agrees(y.var(1, ddof=1), in_training)
    assert in_inference / in_training == pytest.approx(0.405, abs=5e-4)


@RATES
def test_masks_are_drawn_anew_for_every_example_and_every_step(rate: float) -> None:
    """Two independent masks agree with probability rate² + (1 - rate)²."""
    layer = keras.layers.Dropout(rate, seed=0)
    first, second = (layer(X, training=True).numpy() == 0 for _ in range(2))
    agree = rate**2 + (1 - rate) ** 2
    assert within_chance(int((first == second).sum()), X.size, agree)
    assert within_chance(int((first[::2] == first[1::2]).sum()), X.size // 2, agree)


def test_the_same_seed_drops_the_same() -> None:
    assert (drop("Dropout", 0.5) == drop("Dropout", 0.5)).all()
    assert (drop("Dropout", 0.5) != drop("Dropout", 0.5, seed=1)).any()


@RATES
def test_the_gradient_passes_where_the_unit_was_kept(rate: float) -> None:
    layer, x = keras.layers.Dropout(rate, seed=0, dtype="float64"), tf.constant(X)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = layer(x, training=True)
    expected = np.where(y.numpy() == 0, 0, 1 / (1 - rate))
    np.testing.assert_allclose(tape.gradient(y, x).numpy(), expected, rtol=1e-10)


# ---------------------------------------------------------------------------- spatial dropout


@RATES
def test_spatial_dropout_drops_whole_maps(rate: float) -> None:
    """One draw for each channel of each image, kept maps divided as dropout's units are."""
    ratio = drop("SpatialDropout2D", rate, IMAGES) / IMAGES
    maps = ratio[:, 0, 0, :]
    np.testing.assert_allclose(ratio, np.broadcast_to(maps[:, None, None], ratio.shape), rtol=1e-10)
    np.testing.assert_allclose(maps[maps != 0], 1 / (1 - rate), rtol=1e-10)
    assert within_chance(int((maps == 0).sum()), maps.size, rate)
    assert len(np.unique(maps != 0, axis=0)) > 1  # not the same maps in every image
    assert len(np.unique(maps != 0, axis=1)) > 1


def test_plain_dropout_drops_single_pixels() -> None:
    dropped = drop("Dropout", 0.5, IMAGES) == 0
    assert (dropped.any((1, 2)) & ~dropped.all((1, 2))).all()


@pytest.mark.parametrize(
    ("shape", "body"), [((6,), "dense_1_dropout"), ((6, 6, 1), "conv_1_dropout")],
    ids=["units of an mlp", "maps of a cnn"],
)  # fmt: skip
def test_a_net_drops_the_fraction_in_its_config(shape: tuple[int, ...], body: str) -> None:
    changes = {"model.family": "mlp" if len(shape) == 1 else "cnn", "model.filters": (30,),
               "model.widths": (30,), "model.dropout": 0.2}  # fmt: skip
    net = build(Config().replace(changes).model, shape, Task.MULTICLASS, np.full(3, 1 / 3))
    layer = net.get_layer(body)
    layer.seed_generator.state.assign([0, 0])
    ones = np.ones((100, *layer.output.shape[1:]))
    dropped = layer(ones, training=True).numpy() == 0
    draws = dropped if len(shape) == 1 else dropped[:, 0, 0]
    assert (dropped.reshape(100, -1, 30) == draws.reshape(100, 1, 30)).all()
    assert within_chance(int(draws.sum()), draws.size, 0.2)


# ------------------------------------------------------------------------------ alpha dropout

ALPHA, SCALE = 1.6732632423543772, 1.0507009873554805
"""SELU's constants (Klambauer et al. 2017, section 2)."""


def selu(x: np.ndarray) -> np.ndarray:
    return SCALE * np.where(x > 0, x, ALPHA * np.expm1(np.minimum(x, 0)))


def test_selu() -> None:
    x = np.linspace(-8, 8, 101)
    np.testing.assert_allclose(keras.activations.selu(x).numpy(), selu(x), rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("rate", [0.05, 0.1, 0.5])
def test_alpha_dropout_keeps_mean_and_variance_under_selu(rate: float) -> None:
    """selu(N(0, 1)) has mean 0 and variance 1; 400 batches of 1000 each."""
    x = selu(np.random.default_rng(3).normal(size=(400, 1000)))
    y, plain = drop("AlphaDropout", rate, x), drop("Dropout", rate, x)
    for values in (x, y):
        assert mean_agrees(values.mean(1), 0.0)
        assert mean_agrees(values.var(1, ddof=1), 1.0)
    assert mean_agrees(plain.var(1, ddof=1), 1 / (1 - rate))
    assert not mean_agrees(plain.var(1, ddof=1), 1.0)


@pytest.mark.parametrize("rate", [0.05, 0.1, 0.5])
def test_alpha_dropout_puts_selus_lowest_value_where_it_drops(rate: float) -> None:
    """y = a (x or lowest) + b, with a and b that undo the change (Klambauer et al., section 3)."""
    x = selu(np.random.default_rng(3).normal(size=(500, 40)))
    lowest = -SCALE * ALPHA
    a = 1 / np.sqrt((1 - rate) * (1 + rate * lowest**2))
    b = -a * rate * lowest
    y = drop("AlphaDropout", rate, x)
    dropped = np.isclose(y, a * lowest + b, rtol=1e-12)
    np.testing.assert_allclose(y[~dropped], a * x[~dropped] + b, rtol=1e-10, atol=1e-12)
    assert within_chance(int(dropped.sum()), x.size, rate)


# ------------------------------------------------------------------------------ Gaussian noise


@pytest.mark.parametrize("std", [0.1, 0.3, 1.0])
def test_gaussian_noise_is_normal_and_on_top(std: float) -> None:
    """Kolmogorov and Smirnov's test against N(0, std²); another 5 % wider is told apart."""
    noise = (drop("GaussianNoise", std) - X).ravel()
    assert stats.kstest(noise, stats.norm(0, std).cdf).pvalue > ERROR_RATE
    low, high = stats.chi2.interval(1 - ERROR_RATE, noise.size)
    assert low <= (noise**2).sum() / std**2 <= high
    assert not low <= (noise**2).sum() / (1.05 * std) ** 2 <= high
