"""What initializers draw: distribution, fan, limits, orthogonality, and what a seed repeats.

Statistical tests fail once in a million runs each if Keras is right (`ERROR_RATE`); seeds are
fixed, so a failure here is a change in Keras. Sources: Glorot & Bengio 2010, He et al. 2015,
LeCun et al. 1998, Saxe et al. 2014.
"""

import random
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from recipe.config import Config, Task
from recipe.config.names import INITIALIZERS
from recipe.models import build

ERROR_RATE = 1e-6

KERNELS = {
    "dense": (lambda **given: keras.layers.Dense(60, **given), (400,), 400, 60),
    "convolution": (lambda **given: keras.layers.Conv2D(32, (3, 5), **given), (8, 8, 48),
                    3 * 5 * 48, 3 * 5 * 32),
}  # fmt: skip
"""Layer, shape of one example, fan in, fan out: weights into and out of one number."""

ON_KERNELS = pytest.mark.parametrize("place", KERNELS)


def normal(std: float) -> Any:
    return stats.norm(0, std)


def uniform(std: float) -> Any:
    return stats.uniform(-np.sqrt(3) * std, 2 * np.sqrt(3) * std)


def truncated(std: float) -> Any:
    """A normal cut at twice its own std, which is chosen so that `std` is left."""
    return stats.truncnorm(-2, 2, scale=std / stats.truncnorm(-2, 2).std())


def scaling(**given: Any) -> dict[str, Any]:
    return {"class_name": "VarianceScaling", "config": given}


DISTRIBUTIONS: dict[str, tuple[Any, Callable[[int, int], Any]]] = {
    "random_normal": ("random_normal", lambda i, o: normal(0.05)),
    "random_uniform": ("random_uniform", lambda i, o: stats.uniform(-0.05, 0.1)),
    "truncated_normal": ("truncated_normal", lambda i, o: stats.truncnorm(-2, 2, scale=0.05)),
    "glorot_normal": ("glorot_normal", lambda i, o: truncated(np.sqrt(2 / (i + o)))),
    "glorot_uniform": ("glorot_uniform", lambda i, o: uniform(np.sqrt(2 / (i + o)))),
    "he_normal": ("he_normal", lambda i, o: truncated(np.sqrt(2 / i))),
    "he_uniform": ("he_uniform", lambda i, o: uniform(np.sqrt(2 / i))),
    "lecun_normal": ("lecun_normal", lambda i, o: truncated(np.sqrt(1 / i))),
    "lecun_uniform": ("lecun_uniform", lambda i, o: uniform(np.sqrt(1 / i))),
    "variance_scaling": ("variance_scaling", lambda i, o: truncated(np.sqrt(1 / i))),
    "uniform 1 by root of fan in": (
        scaling(scale=1 / 3, mode="fan_in", distribution="uniform"),
        lambda i, o: stats.uniform(-1 / np.sqrt(i), 2 / np.sqrt(i)),
    ),
    "fan out, not truncated": (
        scaling(scale=2.0, mode="fan_out", distribution="untruncated_normal"),
        lambda i, o: normal(np.sqrt(2 / o)),
    ),
    "normal of std 1": (
        {"class_name": "RandomNormal", "config": {"stddev": 1.0}}, lambda i, o: normal(1.0),
    ),
}  # fmt: skip
"""Keras identifier, and SciPy's distribution of a weight from fan in and fan out."""

ALL = pytest.mark.parametrize("name", DISTRIBUTIONS)


def make(identifier: Any, seed: int | None = 0) -> keras.initializers.Initializer:
    """Keras's initializer, from a name or `{class_name, config}` as in a config, with a seed."""
    found = keras.initializers.get(identifier)
    return type(found).from_config({**found.get_config(), "seed": seed})


def kernel(place: str, initializer: Any) -> np.ndarray:
    layer, shape, _, _ = KERNELS[place]
    built = layer(kernel_initializer=initializer, dtype="float64")
    built.build((None, *shape))
    return built.kernel.numpy()


def expected(name: str, place: str) -> Any:
    _, _, fan_in, fan_out = KERNELS[place]
    return DISTRIBUTIONS[name][1](fan_in, fan_out)


def variance_agrees(values: np.ndarray, distribution: Any) -> bool:
    """Of a sample, at `ERROR_RATE`; excess kurtosis k gives s² a variance of (2 + k) σ⁴ / n."""
    variance = distribution.var()
    error = variance * np.sqrt((2 + float(distribution.stats("k"))) / values.size)
    distance = abs((values**2).mean() - distribution.mean() ** 2 - variance)
    return bool(distance <= stats.norm.ppf(1 - ERROR_RATE / 2) * error)


# ------------------------------------------------------------------------------- distributions


def test_every_initializer_with_a_name_is_proven_here() -> None:
    assert set(INITIALIZERS) - set(DISTRIBUTIONS) == {"zeros", "ones", "orthogonal"}


@ALL
@ON_KERNELS
def test_its_distribution(name: str, place: str) -> None:
    """Kolmogorov and Smirnov's test against the exact one."""
    weights = kernel(place, make(DISTRIBUTIONS[name][0])).ravel()
    assert weights.size > 20_000
    assert stats.kstest(weights, expected(name, place).cdf).pvalue > ERROR_RATE


@ALL
@ON_KERNELS
def test_its_moments(name: str, place: str) -> None:
    weights = kernel(place, make(DISTRIBUTIONS[name][0])).ravel()
    law = expected(name, place)
    z = stats.norm.ppf(1 - ERROR_RATE / 2)
    assert abs(weights.mean()) <= z * law.std() / np.sqrt(weights.size)
    assert variance_agrees(weights, law)


@ALL
@ON_KERNELS
@pytest.mark.parametrize("off", [0.95, 1.05])
def test_a_std_that_is_5_percent_off_would_be_seen(name: str, place: str, off: float) -> None:
    weights = kernel(place, make(DISTRIBUTIONS[name][0])).ravel()
    assert not variance_agrees(off * weights, expected(name, place))


@ALL
@ON_KERNELS
def test_its_limits(name: str, place: str) -> None:
    """Reached within 1 %, never crossed; a normal that is not truncated has none."""
    largest = np.abs(kernel(place, make(DISTRIBUTIONS[name][0]))).max()
    low, high = expected(name, place).support()
    assert low == -high
    if np.isinf(high):
        assert largest > 3 * expected(name, place).std()
    else:
        assert 0.99 * high <= largest <= high * (1 + 1e-6)


@ON_KERNELS
def test_he_normal_is_cut_at_two_and_a_quarter_of_its_std(place: str) -> None:
    """Keras widens the normal by 1 / 0.8796 so that its std is right after the cut at two."""
    weights = kernel(place, make("he_normal"))
    std = np.sqrt(2 / KERNELS[place][2])
    assert np.abs(weights).max() / std == pytest.approx(2 / 0.87962566, rel=0.01)


@ON_KERNELS
def test_a_truncated_normal_has_less_than_the_std_it_is_given(place: str) -> None:
    """No such correction: `truncated_normal` of 0.05 has a std of 0.0440, 12 % less."""
    assert expected("truncated_normal", place).std() / 0.05 == pytest.approx(0.8796, abs=1e-4)
    weights = kernel(place, make("truncated_normal"))
    assert variance_agrees(weights.ravel(), stats.truncnorm(-2, 2, scale=0.05))
    assert not variance_agrees(weights.ravel(), normal(0.05))


def test_the_houses_own_name_is_the_uniform_one_of_1_by_root_of_fan_in() -> None:
    config = Config().replace({"model.kernel_initializer": "uniform_fan_in"})
    net = build(config.model, (5,), Task.MULTICLASS, np.full(3, 1 / 3))
    given, _ = DISTRIBUTIONS["uniform 1 by root of fan in"]
    used = net.get_layer("dense_1").kernel_initializer.get_config()
    assert used == make(given, None).get_config()


def test_the_fan_of_a_convolution_counts_the_pixels_of_its_kernel() -> None:
    weights = kernel("convolution", make("he_normal")).ravel()
    assert variance_agrees(weights, truncated(np.sqrt(2 / (3 * 5 * 48))))
    assert not variance_agrees(weights, truncated(np.sqrt(2 / 48)))
    assert not variance_agrees(weights, truncated(np.sqrt(2 / (3 * 5 * 32))))


@pytest.mark.parametrize(
    ("identifier", "value"),
    [
        pytest.param("zeros", 0.0, id="zeros"),
        pytest.param("ones", 1.0, id="ones"),
        pytest.param({"class_name": "Constant", "config": {"value": 10.0}}, 10.0, id="constant"),
    ],
)
@ON_KERNELS
def test_constants(place: str, identifier: Any, value: float) -> None:
    assert (kernel(place, identifier) == value).all()


@pytest.mark.parametrize("gain", [1.0, 1.5])
@pytest.mark.parametrize(
    "shape", [(40, 40), (60, 20), (20, 60), (3, 3, 8, 16), (1, 1, 4, 16)],
    ids=["square", "tall", "wide", "convolution", "convolution with more maps than inputs"],
)  # fmt: skip
def test_orthogonal(shape: tuple[int, ...], gain: float) -> None:
    """The shorter side's vectors are orthogonal and as long as the gain; pixels count as inputs."""
    drawn = keras.initializers.Orthogonal(gain, seed=0)(shape, dtype="float64")
    matrix = np.asarray(drawn).reshape(-1, shape[-1])
    gram = matrix.T @ matrix if matrix.shape[0] >= matrix.shape[1] else matrix @ matrix.T
    np.testing.assert_allclose(gram, gain**2 * np.eye(min(matrix.shape)), atol=1e-10)


def test_another_initializer_is_not_orthogonal() -> None:
    matrix = np.asarray(make("lecun_normal")((40, 40), dtype="float64"))
    assert np.abs(matrix.T @ matrix - np.eye(40)).max() > 0.1


# ------------------------------------------------------------------- what becomes of the signal


@pytest.mark.parametrize(
    ("name", "share"),
    [
        pytest.param("he_normal", 1.0, id="He: as much as came in"),
        pytest.param("he_uniform", 1.0, id="He uniform: as much as came in"),
        pytest.param("lecun_normal", 1 / 2, id="LeCun: a half"),
        pytest.param("uniform 1 by root of fan in", 1 / 6, id="uniform 1/sqrt(fan in): a sixth"),
    ],
)
def test_the_mean_square_that_a_relu_layer_lets_through(name: str, share: float) -> None:
    """fan_in σ² / 2 of the input's, on average over kernels: 300 of them, by Student's t.

    A sixth is 0.41 in size, and (1/6)^5, 1.3e-4, after ten layers.
    """
    x = np.random.default_rng(0).normal(size=50)
    draw = make(DISTRIBUTIONS[name][0], seed=keras.random.SeedGenerator(0))
    passed = np.array([
        (np.maximum(x @ np.asarray(draw((50, 50), dtype="float64")), 0) ** 2).mean()
        for _ in range(300)
    ]) / (x**2).mean()  # fmt: skip
    width = stats.t.ppf(1 - ERROR_RATE / 2, 299) * passed.std(ddof=1) / np.sqrt(300)
    assert width < 0.1 * share
    assert abs(passed.mean() - share) <= width


def trained(initializer: Any, activation: str) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Trainable weights of a net with two hidden layers before and after 20 steps."""
    random.seed(0)  # where Keras takes its seeds from
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(60, 5)), rng.integers(0, 3, 60)
    changes = {"model.widths": (6, 4), "model.kernel_initializer": initializer,
               "model.activation": activation, "model.head_bias": "zeros"}  # fmt: skip
    net = build(Config().replace(changes).model, (5,), Task.MULTICLASS, np.full(3, 1 / 3))
    net.get_layer("head").kernel.assign(keras.initializers.get(initializer)((4, 3)))
    before = [weight.numpy() for weight in net.trainable_weights]
    optimizer = keras.optimizers.SGD(0.1)
    for _ in range(20):
        with tf.GradientTape() as tape:
            loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)(y, net(x))
        found = tape.gradient(loss, [weight.value for weight in net.trainable_weights])
        optimizer.apply(found, net.trainable_weights)
    return before, [weight.numpy() for weight in net.trainable_weights]


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_zeros_everywhere_teach_nothing_but_the_heads_bias(activation: str) -> None:
    """Not even a linear model: no gradient passes, and what is learnt is the class shares."""
    before, after = trained("zeros", activation)
    moved = [bool((a != b).any()) for a, b in zip(after, before, strict=True)]
    assert moved == [False] * 5 + [True]


CONSTANT = {"class_name": "Constant", "config": {"value": 0.1}}


@pytest.mark.parametrize("activation", ["relu", "tanh"])
@pytest.mark.parametrize(
    ("initializer", "are_equal"), [(CONSTANT, True), ("glorot_uniform", False)],
    ids=["a constant keeps units equal", "random weights do not"],
)  # fmt: skip
def test_units_that_start_equal_stay_equal(
    initializer: Any, are_equal: bool, activation: str
) -> None:
    before, after = trained(initializer, activation)
    assert (after[0] != before[0]).any()
    for weights in (after[0], after[2]):
        assert np.allclose(weights, weights[:, :1], rtol=1e-5, atol=1e-7) is are_equal


# ------------------------------------------------------------------------- what a seed repeats

RANDOM = pytest.mark.parametrize("name", ["he_normal", "glorot_uniform", "orthogonal"])


def hidden(initializer: Any) -> list[np.ndarray]:
    random.seed(0)  # where Keras takes its seeds from
    layers = [keras.layers.Dense(6, kernel_initializer=initializer) for _ in range(2)]
    for layer in layers:
        layer.build((None, 6))
    return [layer.kernel.numpy() for layer in layers]


@RANDOM
def test_the_same_seed_gives_the_same(name: str) -> None:
    first, again, other = (np.asarray(make(name, seed)((6, 6))) for seed in (3, 3, 4))
    assert (first == again).all()
    assert (first != other).any()


@RANDOM
def test_two_layers_given_the_same_name_get_different_weights(name: str) -> None:
    first, second = hidden(name)
    assert (first != second).any()
    correlation = np.corrcoef(first.ravel(), second.ravel())[0, 1]  # 0.75: once in a million
    assert abs(correlation) < 0.75


@RANDOM
@pytest.mark.parametrize("seed", [None, 3], ids=["without a seed", "with a seed"])
def test_two_layers_that_share_an_instance_get_equal_weights(name: str, seed: int | None) -> None:
    """Why the house passes names: an instance draws its seed once."""
    first, second = hidden(make(name, seed))
    assert (first == second).all()


def test_an_instance_with_a_seed_generator_draws_anew() -> None:
    first, second = hidden(keras.initializers.HeNormal(seed=keras.random.SeedGenerator(3)))
    assert (first != second).any()


def test_one_seed_gives_one_stream_whatever_the_shape_and_the_scale() -> None:
    """Layers of other shapes begin with the same numbers, and initializers differ by a factor."""
    draw = keras.initializers.RandomNormal(seed=3)
    wide, small = np.asarray(draw((10, 10))), np.asarray(draw((4, 3)))
    assert (wide.ravel()[:12] == small.ravel()).all()
    he, glorot = (np.asarray(make(name, 3)((10, 10))) for name in ("he_normal", "glorot_normal"))
    np.testing.assert_allclose(he, np.sqrt(2) * glorot, rtol=1e-5)
