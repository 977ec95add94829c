"""Batch, layer and group norm against NumPy: forward, gradients, moving averages, modes.

Sources: Ioffe & Szegedy 2015 (batch norm, algorithms 1 and 2, gradients in section 3), Ba et al.
2016 (layer norm), Wu & He 2018 (group norm).
"""

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from recipe.config import Config, Task
from recipe.models import build

EPSILON = 1e-3
"""Keras's, inside the root."""

RNG = np.random.default_rng(0)
DENSE = RNG.normal(3, [0.5, 2, 10, 1], (12, 4))
"""(batch, units), each unit on a scale of its own."""

IMAGES = RNG.normal(-1, [0.5, 2, 10], (5, 4, 6, 3))
"""(batch, height, width, channels)."""

INPUTS = pytest.mark.parametrize("x", [DENSE, IMAGES], ids=["dense", "convolution"])


@pytest.fixture(autouse=True)
def _float64() -> Iterator[None]:
    """What `recipe.models` makes without a dtype is in float64 here."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float64")
    yield
    keras.config.set_dtype_policy(before)


def norm_of(kind: str, x: np.ndarray, momentum: float = 0.9) -> keras.layers.Layer:
    """The norm of a net by `build`, made for inputs like x; gamma and beta are not 1 and 0."""
    is_table, channels = x.ndim == 2, x.shape[-1]
    changes = {"family": "mlp" if is_table else "cnn", "widths": (channels,),
               "filters": (channels,), "norm": kind, "norm_momentum": momentum}  # fmt: skip
    config = Config().replace({f"model.{key}": value for key, value in changes.items()})
    shape = (5,) if is_table else (*x.shape[1:3], 1)
    net = build(config.model, shape, Task.MULTICLASS, np.full(3, 1 / 3))
    layer = net.get_layer("dense_1_norm" if is_table else "conv_1_norm")
    layer.gamma.assign(np.linspace(0.5, 2, x.shape[-1]))
    layer.beta.assign(np.linspace(-1, 3, x.shape[-1]))
    return layer


def over_channels(x: np.ndarray) -> tuple[int, ...]:
    """All axes but the last: batch norm's."""
    return tuple(range(x.ndim - 1))


def normalized(x: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
    """(x - mean) / sqrt(var + epsilon), the variance that of the batch, 1/m."""
    mean = x.mean(axes, keepdims=True)
    variance = ((x - mean) ** 2).mean(axes, keepdims=True)
    return (x - mean) / np.sqrt(variance + EPSILON)


def close(got: Any, expected: np.ndarray, relative: float = 1e-10) -> None:
    """To the tolerance, relative to the largest value expected."""
    scale = np.abs(expected).max()
    np.testing.assert_allclose(np.asarray(got), expected, rtol=0, atol=relative * scale)


# ------------------------------------------------------------------------- batch norm, forward


@INPUTS
@pytest.mark.parametrize(("dtype", "relative"), [("float64", 1e-10), ("float32", 1e-5)])
def test_batch_norm_in_training(x: np.ndarray, dtype: str, relative: float) -> None:
    keras.config.set_dtype_policy(dtype)
    layer = norm_of("batch", x)
    y = layer(x.astype(dtype), training=True)
    assert y.dtype == dtype
    expected = layer.gamma.numpy() * normalized(x, over_channels(x)) + layer.beta.numpy()
    close(y, expected, relative)


@INPUTS
def test_it_divides_by_the_standard_deviation_and_not_by_the_variance(x: np.ndarray) -> None:
    y = keras.layers.BatchNormalization()(x, training=True).numpy()
    axes = over_channels(x)
    assert np.abs(y.mean(axes)).max() < 1e-10
    variance = x.var(axes)
    np.testing.assert_allclose(y.std(axes), np.sqrt(variance / (variance + EPSILON)), rtol=1e-10)
    by_variance = ((x - x.mean(axes)) / variance).std(axes)
    assert (np.abs(by_variance - y.std(axes)) > 0.05).all()


def test_epsilon_decides_where_a_unit_hardly_varies() -> None:
    x = DENSE[:, :1] * 0.02  # variance 1e-4, a tenth of epsilon
    y = keras.layers.BatchNormalization()(x, training=True).numpy()
    assert y.std() == pytest.approx(np.sqrt(x.var() / (x.var() + EPSILON)), rel=1e-10)
    assert y.std() < 0.5


@INPUTS
def test_gamma_of_the_std_and_beta_of_the_mean_give_the_input_back(x: np.ndarray) -> None:
    layer, axes = norm_of("batch", x), over_channels(x)
    layer.gamma.assign(np.sqrt(x.var(axes) + EPSILON))
    layer.beta.assign(x.mean(axes))
    close(layer(x, training=True), x)


@pytest.mark.parametrize(("batch", "sizes"), [(1, [0]), (2, [1])], ids=["of one", "of two"])
def test_a_tiny_batch_loses_the_sizes_of_its_inputs(batch: int, sizes: list[float]) -> None:
    """One example becomes beta, two become +1 and -1: only the sign of their difference is left."""
    x = np.random.default_rng(1).normal(0, 50, (batch, 200))
    y = np.abs(keras.layers.BatchNormalization(epsilon=1e-12)(x, training=True).numpy())
    assert np.unique(y.round(6)).tolist() == sizes


def test_a_batch_of_one_image_still_has_pixels_to_average() -> None:
    y = keras.layers.BatchNormalization()(IMAGES[:1], training=True)
    close(y, normalized(IMAGES[:1], (0, 1, 2)))
    assert np.asarray(y).std() > 0.5


# ----------------------------------------------------------------------- batch norm, gradients


def gradients(
    layer: keras.layers.Layer, x: np.ndarray, upstream: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of sum(upstream * y) in training mode, for the input, gamma and beta."""
    given = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(given)
        total = tf.reduce_sum(upstream * layer(given, training=True))
    found = tape.gradient(total, [given, layer.gamma.value, layer.beta.value])
    return tuple(gradient.numpy() for gradient in found)


@INPUTS
@pytest.mark.parametrize(("dtype", "relative"), [("float64", 1e-10), ("float32", 1e-5)])
def test_gradients_of_batch_norm_in_closed_form(x: np.ndarray, dtype: str, relative: float) -> None:
    """With m values in a channel, s = sqrt(var + epsilon) and g the gradient from above:
    gamma / (m s) * (m g - sum(g) - x_hat sum(g x_hat)).
    """
    keras.config.set_dtype_policy(dtype)
    layer, axes = norm_of("batch", x), over_channels(x)
    upstream = np.random.default_rng(2).normal(size=x.shape)
    of_input, of_gamma, of_beta = gradients(layer, x.astype(dtype), upstream.astype(dtype))

    x_hat, count = normalized(x, axes), x[..., 0].size
    sum_g, sum_gx = upstream.sum(axes), (upstream * x_hat).sum(axes)
    std = np.sqrt(x.var(axes) + EPSILON)
    expected = layer.gamma.numpy() / (count * std) * (count * upstream - sum_g - x_hat * sum_gx)
    close(of_beta, sum_g, relative)
    close(of_gamma, sum_gx, relative)
    close(of_input, expected, relative)


def test_the_input_gradient_by_central_differences() -> None:
    """A step of 1e-4 leaves an error of its square, 1e-8, times the third derivative."""
    x, step = DENSE[:6, [1, 3]], 1e-4
    layer = norm_of("batch", x)
    upstream = np.random.default_rng(2).normal(size=x.shape)

    def total(at: np.ndarray) -> float:
        return float((upstream * layer(at, training=True).numpy()).sum())

    expected = np.empty_like(x)
    for place in np.ndindex(x.shape):
        shift = np.zeros_like(x)
        shift[place] = step
        expected[place] = (total(x + shift) - total(x - shift)) / (2 * step)
    close(gradients(layer, x, upstream)[0], expected, 1e-7)


def test_a_bias_before_batch_norm_changes_nothing_and_has_no_gradient() -> None:
    """Why `block` builds its kernels without one."""
    layer = norm_of("batch", DENSE)
    close(
        layer(DENSE + np.array([5, -3, 100, 0]), training=True), layer(DENSE, training=True).numpy()
    )
    of_input, _, _ = gradients(layer, DENSE, np.random.default_rng(2).normal(size=DENSE.shape))
    assert np.abs(of_input.sum(0)).max() < 1e-12 < np.abs(of_input).max()


# ------------------------------------------------------------ batch norm, averages and the modes


@INPUTS
@pytest.mark.parametrize("momentum", [0.0, 0.9, 0.99])
def test_moving_averages_after_five_steps(x: np.ndarray, momentum: float) -> None:
    """new = momentum * old + (1 - momentum) * batch, from 0 and 1, the variance with 1/m."""
    layer, axes = norm_of("batch", x, momentum), over_channels(x)
    mean, variance = np.zeros(x.shape[-1]), np.ones(x.shape[-1])
    for step in range(5):
        batch = x * (step + 1) + step
        layer(batch, training=True)
        mean = momentum * mean + (1 - momentum) * batch.mean(axes)
        variance = momentum * variance + (1 - momentum) * batch.var(axes)
        close(layer.moving_mean, mean)
        close(layer.moving_variance, variance)
    with_bessel = variance * x[..., 0].size / (x[..., 0].size - 1)
    assert (np.abs(with_bessel - layer.moving_variance.numpy()) > 1e-6).all()


@pytest.mark.parametrize("steps", [5, 20])
def test_the_share_of_the_initial_value_is_momentum_to_the_power_of_the_steps(steps: int) -> None:
    """On which `norm_momentum: auto` rests."""
    layer = norm_of("batch", DENSE, momentum=0.9)
    for _ in range(steps):
        layer(DENSE, training=True)
    left = 0.9**steps
    close(layer.moving_mean, (1 - left) * DENSE.mean(0))
    close(layer.moving_variance, left + (1 - left) * DENSE.var(0))


@INPUTS
def test_inference_takes_the_moving_averages_and_leaves_them(x: np.ndarray) -> None:
    layer, channels = norm_of("batch", x), x.shape[-1]
    mean, variance = np.linspace(-2, 2, channels), np.linspace(0.5, 9, channels)
    layer.moving_mean.assign(mean)
    layer.moving_variance.assign(variance)
    expected = layer.gamma.numpy() * (x - mean) / np.sqrt(variance + EPSILON) + layer.beta.numpy()
    close(layer(x, training=False), expected)
    close(layer(x), expected)
    assert (layer.moving_mean.numpy() == mean).all()
    assert (layer.moving_variance.numpy() == variance).all()
    layer(x, training=True)
    assert (layer.moving_mean.numpy() != mean).all()


def test_a_frozen_layer_is_in_inference_mode_even_in_training() -> None:
    layer = norm_of("batch", DENSE)
    layer.trainable = False
    close(layer(DENSE, training=True), layer(DENSE, training=False).numpy())
    assert not layer.moving_mean.numpy().any()


def test_examples_depend_on_their_batch_in_training_alone() -> None:
    layer = norm_of("batch", DENSE)
    inference = np.concatenate([layer(part).numpy() for part in (DENSE[:5], DENSE[5:])])
    close(layer(DENSE), inference)
    trained = [layer(part, training=True).numpy() for part in (DENSE[:5], DENSE[5:], DENSE)]
    assert np.abs(np.concatenate(trained[:2]) - trained[2]).max() > 0.1


def test_learning_gamma_and_beta_moves_the_mean_and_std_of_what_comes_out() -> None:
    """Batch norm does not fix what the next layer sees: it makes it two numbers a unit."""
    layer = norm_of("batch", DENSE)
    for gamma, beta in ((1.0, 0.0), (3.0, -7.0)):
        layer.gamma.assign(np.full(4, gamma))
        layer.beta.assign(np.full(4, beta))
        y = layer(DENSE, training=True).numpy()
        np.testing.assert_allclose(y.mean(0), beta, atol=1e-10)
        close(y.std(0), gamma * np.sqrt(DENSE.var(0) / (DENSE.var(0) + EPSILON)))


@pytest.mark.parametrize(
    ("shape", "channels"), [((5,), [4, 6]), ((8, 8, 1), [2, 3, 4, 6])], ids=["mlp", "cnn"]
)
@pytest.mark.parametrize(("norm", "each", "trained"), [("batch", 4, 2), ("layer", 2, 2)])
def test_parameters_are_per_unit_or_per_channel(
    shape: tuple[int, ...], channels: list[int], norm: str, each: int, trained: int
) -> None:
    """Batch norm has 4 a channel and learns 2 of them; layer norm has 2."""
    changes = {"model.family": "mlp" if len(shape) == 1 else "cnn", "model.filters": (2, 3),
               "model.widths": (4, 6), "model.norm": norm, "model.norm_momentum": 0.9}  # fmt: skip
    net = build(Config().replace(changes).model, shape, Task.MULTICLASS, np.full(3, 1 / 3))
    norms = [layer for layer in net.layers if layer.name.endswith("_norm")]
    assert [layer.gamma.shape for layer in norms] == [(count,) for count in channels]
    assert [layer.count_params() for layer in norms] == [each * count for count in channels]
    learnt = [sum(np.prod(w.shape) for w in layer.trainable_weights) for layer in norms]
    assert learnt == [trained * count for count in channels]


# ------------------------------------------------------------------------ layer and group norm


@INPUTS
@pytest.mark.parametrize("training", [True, False])
def test_layer_norm_is_over_the_channels_of_each_example_and_pixel(
    x: np.ndarray, training: bool
) -> None:
    """Not over the whole image, as Wu & He draw it; and the same in training and inference."""
    layer = norm_of("layer", x)
    expected = layer.gamma.numpy() * normalized(x, (-1,)) + layer.beta.numpy()
    close(layer(x, training=training), expected)
    close(layer(x[:1], training=training), expected[:1])
    if x.ndim == 4:
        over_image = layer.gamma.numpy() * normalized(x, (1, 2, 3)) + layer.beta.numpy()
        assert np.abs(over_image - expected).max() > 0.1


@pytest.mark.parametrize("shape", [(7, 1), (5, 4, 6, 1)], ids=["dense", "convolution"])
def test_layer_norm_of_a_single_channel_is_beta_whatever_comes_in(shape: tuple[int, ...]) -> None:
    """Why a config refuses it."""
    x = np.random.default_rng(3).normal(5, 20, shape)
    layer = keras.layers.LayerNormalization(dtype="float64", beta_initializer="ones")
    close(layer(x).numpy(), np.ones(shape))


@pytest.mark.parametrize(("dtype", "relative"), [("float64", 1e-10), ("float32", 1e-5)])
@pytest.mark.parametrize(
    "groups", [pytest.param(1, id="one group"), 2, 3, pytest.param(6, id="a group a channel")]
)
def test_group_norm_is_over_a_group_of_channels_of_each_image(
    groups: int, dtype: str, relative: float
) -> None:
    x = np.random.default_rng(4).normal(2, [0.5, 1, 2, 4, 8, 16], (3, 4, 5, 6))
    layer = keras.layers.GroupNormalization(groups, dtype=dtype)
    layer.build(x.shape)
    layer.gamma.assign(np.linspace(0.5, 2, 6))
    layer.beta.assign(np.linspace(-1, 3, 6))
    grouped = normalized(x.reshape(3, 4, 5, groups, 6 // groups), (1, 2, 4)).reshape(x.shape)
    expected = layer.gamma.numpy() * grouped + layer.beta.numpy()
    close(layer(x.astype(dtype)), expected, relative)
    close(layer(x[:1].astype(dtype)), expected[:1], relative)
