"""What a step does to a healthy net, by hand, and how sick ones show."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from recipe.training.undone import Measured, step_of

RNG = np.random.default_rng(0)
X = RNG.normal(size=(16, 3)).astype(np.float32)
Y = RNG.normal(size=(16, 2)).astype(np.float32)
LABELS = RNG.integers(0, 2, (16, 1))


def compiled(*layers: Any, optimizer: Any = "sgd", x: np.ndarray = X, y: Any = Y) -> keras.Model:
    """A built net, as it is when Keras begins to train it."""
    model = keras.Sequential([keras.Input(x.shape[1:], name="input"), *layers])
    sparse = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer, sparse if y is LABELS else "mse", jit_compile=False)
    model.optimizer.build(model.trainable_variables)
    model.test_step((tf.constant(x), tf.constant(y)))
    return model


def measure(
    model: keras.Model, x: np.ndarray = X, y: np.ndarray = Y, histograms: bool = False
) -> Measured:
    batch = (tf.constant(x), tf.constant(y))
    return step_of(model, batch)[0](batch, histograms)


def dense(units: int, name: str, activation: str | None = None, scale: float = 1.0) -> Any:
    kernel = keras.initializers.RandomNormal(stddev=scale, seed=len(name))
    return keras.layers.Dense(units, activation, kernel_initializer=kernel, name=name)


def norm(*parts: Any) -> float:
    return float(np.sqrt(sum((np.asarray(part, np.float64) ** 2).sum() for part in parts)))


def test_a_step_of_gradient_descent_by_hand() -> None:
    model = compiled(dense(5, "hidden", "relu"), dense(2, "head"),
                     optimizer=keras.optimizers.SGD(0.1))  # fmt: skip
    w1, b1, w2, b2 = (weight.astype(np.float64) for weight in model.get_weights())
    before = X @ w1 + b1
    hidden = np.maximum(before, 0)
    output = hidden @ w2 + b2
    d_output = 2 * (output - Y) / Y.size
    d_before = (d_output @ w2.T) * (before > 0)
    of_head = (hidden.T @ d_output, d_output.sum(axis=0))
    of_hidden = (X.T @ d_before, d_before.sum(axis=0))
    expected = {
        "gradient_norm/hidden": norm(*of_hidden),
        "gradient_norm/head": norm(*of_head),
        "monitor/global_gradient_norm": norm(*of_hidden, *of_head),
        "weight_norm/hidden": norm(w1, b1),
        "weight_norm/head": norm(w2, b2),
        "update_ratio/hidden": 0.1 * norm(*of_hidden) / norm(w1, b1),
        "update_ratio/head": 0.1 * norm(*of_head) / norm(w2, b2),
        "activation_mean/hidden": hidden.mean(),
        "activation_std/hidden": hidden.std(),
        "activation_mean/head": output.mean(),
        "activation_std/head": output.std(),
        "dead_units/hidden": (hidden == 0).all(axis=0).mean(),
    }
    assert measure(model).scalars == pytest.approx(expected, rel=1e-5)


OPTIMIZERS: dict[str, Callable[[], Any]] = {
    "Adam, decay, clipping": lambda: keras.optimizers.AdamW(0.01, weight_decay=0.1, clipnorm=0.1),
    "averaged weights": lambda: keras.optimizers.SGD(
        0.1, use_ema=True, ema_overwrite_frequency=1, ema_momentum=0.5
    ),
    "a schedule": lambda: keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(0.1, 9)),
}


@pytest.mark.parametrize("make", OPTIMIZERS.values(), ids=OPTIMIZERS.keys())
def test_the_update_is_the_one_that_the_optimizer_makes(make: Callable[[], Any]) -> None:
    model = compiled(dense(4, "hidden", "tanh"), optimizer=make(), y=Y @ np.ones((2, 4), "f4"))
    y = (Y @ np.ones((2, 4))).astype(np.float32)
    for _ in range(2):  # slots are no longer zero
        model.train_on_batch(X, y)
    said = measure(model, y=y).scalars["update_ratio/hidden"]
    before = model.get_weights()
    model.train_on_batch(X, y)
    moved = [now - then for now, then in zip(model.get_weights(), before, strict=True)]
    assert said == pytest.approx(norm(*moved) / norm(*before), rel=1e-4)


def test_an_accumulating_optimizer_is_measured_as_if_all_batches_were_the_probe() -> None:
    plain, accumulating = (
        compiled(dense(2, "head"), optimizer=keras.optimizers.Adam(0.01, **settings))
        for settings in ({}, {"gradient_accumulation_steps": 4})
    )
    expected = measure(plain).scalars
    for _ in range(4):  # at any place between two updates
        assert measure(accumulating).scalars == pytest.approx(expected, rel=1e-4)
        accumulating.optimizer.apply(
            [tf.ones_like(v) for v in accumulating.trainable_variables],
            accumulating.trainable_variables,
        )
    assert measure(accumulating).scalars != pytest.approx(expected, rel=1e-4)


def test_what_float16_is_scaled_by_is_taken_out() -> None:
    optimizer = keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.1), initial_scale=1024)
    plain, scaled = (
        measure(compiled(dense(2, "head"), optimizer=o)).scalars
        for o in (keras.optimizers.SGD(0.1), optimizer)
    )
    assert scaled == pytest.approx(plain, rel=1e-5)


def test_half_precision_is_measured_in_single() -> None:
    head = dense(2, "head")
    half = keras.layers.Dense.from_config(head.get_config() | {"dtype": "mixed_bfloat16"})
    said, expected = (measure(compiled(layer)).scalars for layer in (half, head))
    assert said == pytest.approx(expected, rel=0.02, abs=0.01)
    assert said != pytest.approx(expected, rel=1e-4)


@pytest.fixture(scope="module")
def deep() -> keras.Model:
    layers = [dense(32, f"layer_{n}") for n in range(4)]
    return compiled(*layers, dense(2, "head"))


@pytest.mark.parametrize(
    ("scale", "low", "high"),
    [
        pytest.param(1.0, 0.1, 10, id="healthy"),
        pytest.param(0.1, 0, 1e-2, id="vanishing"),
        pytest.param(10.0, 1e3, np.inf, id="exploding"),
    ],
)
def test_what_a_depth_does_to_gradients(
    deep: keras.Model, scale: float, low: float, high: float
) -> None:
    for layer in deep.layers:  # each passes on `scale` times what it gets
        shape = layer.kernel.shape
        layer.kernel.assign(np.random.default_rng(1).normal(0, scale / shape[0] ** 0.5, shape))
    said = measure(deep).scalars
    assert low < said["gradient_norm/layer_0"] < high
    assert low < said["activation_std/layer_3"] < high


def test_an_overflow_is_shown_as_infinite_or_nan_and_nothing_raises(deep: keras.Model) -> None:
    for layer in deep.layers:
        layer.kernel.assign(np.full(layer.kernel.shape, 1e10))
    said = measure(deep, histograms=True).scalars
    assert not np.isfinite(said["monitor/global_gradient_norm"])
    assert not np.isfinite(said["update_ratio/layer_0"])


def branches(*ways: list[Any], optimizer: str = "sgd") -> keras.Model:
    """A net in which several chains of layers stand side by side."""
    x = keras.Input((3,), name="input")
    ends = []
    for way in ways:
        end = x
        for layer in way:
            end = layer(end)
        ends.append(end)
    model = keras.Model(x, dense(2, "head")(keras.layers.Concatenate()(ends)))
    model.compile(optimizer, "mse", jit_compile=False)
    model.optimizer.build(model.trainable_variables)
    model.test_step((tf.constant(X), tf.constant(Y)))
    return model


def test_dead_units() -> None:
    model = branches(
        [dense(8, "inside", "relu")],
        [dense(8, "before_1"), keras.layers.Activation("relu", name="a_layer_of_its_own")],
        [dense(8, "before_2"), keras.layers.ReLU(name="a_layer_of_that_name")],
        [dense(8, "a_function", tf.nn.relu6)],
    )
    seen = ("inside", "a_layer_of_its_own", "a_layer_of_that_name", "a_function")
    for bias, dead in ((0.0, 0.0), (-100.0, 1.0)):
        for name in ("inside", "before_1", "before_2", "a_function"):
            model.get_layer(name).bias.assign(np.full(8, bias))
        said = measure(model).scalars
        assert [said[f"dead_units/{name}"] for name in seen] == [dead] * 4
        # what is dead can't learn
        assert (said["gradient_norm/inside"] == 0) == bool(dead)


def test_a_dead_channel_is_0_everywhere() -> None:
    x = RNG.normal(size=(8, 4, 4, 1)).astype(np.float32)
    conv = keras.layers.Conv2D(4, 2, activation="relu", name="conv")
    model = compiled(conv, keras.layers.Flatten(), dense(2, "head"), x=x, y=Y[:8])
    conv.bias.assign([-100, 0, 0, 0])
    assert measure(model, x, Y[:8]).scalars["dead_units/conv"] == 0.25


def test_saturated_units() -> None:
    names = ("tanh", "sigmoid", "softsign", "hard_sigmoid")
    model = branches(*([dense(8, name, name)] for name in names))
    for scale, low, high in ((0.1, 0.0, 0.0), (1e4, 0.95, 1.0)):
        for name in names:
            model.get_layer(name).kernel.assign(RNG.normal(0, scale, (3, 8)))
        said = measure(model).scalars
        assert all(low <= said[f"saturated/{name}"] <= high for name in names)


def test_where_it_means_nothing_nobody_is_called_dead_or_saturated() -> None:
    chain = [
        keras.layers.LeakyReLU(name="leaky"),
        keras.layers.ReLU(negative_slope=0.1, name="leaky_relu"),
        dense(4, "gelu", "gelu"),
        keras.layers.Dropout(0.5, name="dropout"),
    ]
    said = measure(branches(chain)).scalars
    assert not [tag for tag in said if tag.startswith(("dead", "saturated"))]
    seen = {tag.partition("/")[2] for tag in said if tag.startswith("activation_mean")}
    assert seen == {"leaky", "leaky_relu", "gelu", "head"}  # dropout only drops


def test_gates_come_after_the_activation_of_an_lstm() -> None:
    x = RNG.normal(size=(8, 2, 2)).astype(np.float32)
    simple = keras.layers.SimpleRNN(2, return_sequences=True, name="simple")
    model = compiled(simple, keras.layers.LSTM(2, name="lstm"), x=x, y=Y[:8])
    said = measure(model, x, Y[:8]).scalars
    assert "saturated/simple" in said
    assert "saturated/lstm" not in said


def test_a_net_of_nan_is_measured_too() -> None:
    model = compiled(dense(4, "hidden", "relu"), dense(2, "head"))
    healthy = measure(model, histograms=True)
    assert not [tag for tag in healthy.scalars if "not_finite" in tag]
    kernel = np.ones((4, 2))
    kernel[0] = np.nan
    model.layers[1].kernel.assign(kernel)
    sick = measure(model, histograms=True)
    said = sick.scalars
    assert said["not_finite/weights/head/kernel"] == 0.25
    assert said["not_finite/activations/head"] == 1.0
    assert said["not_finite/gradients/hidden/kernel"] > 0
    assert "not_finite/weights/hidden/kernel" not in said
    assert np.isnan(said["weight_norm/head"])
    assert np.isnan(said["monitor/global_gradient_norm"])
    assert sick.histograms["weights/head/kernel"][:, 2].sum() == 6
    assert sick.histograms["activations/head"][:, 2].sum() == 0


def test_histograms_are_of_all_weights_their_gradients_and_what_layers_put_out() -> None:
    model = compiled(dense(2, "hidden"), keras.layers.BatchNormalization(name="norm"))
    histograms = measure(model, histograms=True).histograms
    assert [*histograms] == [
        "weights/hidden/kernel", "weights/hidden/bias",
        "gradients/hidden/kernel", "gradients/hidden/bias",
        "weights/norm/gamma", "weights/norm/beta",
        "weights/norm/moving_mean", "weights/norm/moving_variance",
        "gradients/norm/gamma", "gradients/norm/beta",
        "activations/hidden", "activations/norm",
    ]  # fmt: skip
    left, right, count = histograms["weights/hidden/kernel"].T
    kernel = model.layers[0].kernel.numpy()
    assert (left[0], right[-1]) == (kernel.min(), kernel.max())
    np.testing.assert_array_equal(left[1:], right[:-1])
    assert count.tolist() == np.histogram(kernel, 30)[0].tolist()


def test_frozen_layers_learn_nothing_and_unused_ones_have_no_gradient() -> None:
    frozen = dense(4, "frozen")
    frozen.trainable = False
    stopped = keras.layers.Lambda(lambda z: tf.stop_gradient(z))
    model = branches([frozen], [dense(2, "unused"), stopped])
    with pytest.warns(UserWarning, match="Gradients do not exist"):  # Keras's own
        said = measure(model, histograms=True)
    assert "weight_norm/frozen" not in said.scalars
    assert "weights/frozen/kernel" in said.histograms
    assert said.scalars["gradient_norm/unused"] == said.scalars["update_ratio/unused"] == 0
    assert said.scalars["gradient_norm/head"] > 0


class Looping(keras.layers.Layer):
    """Calls its layer once for each example."""

    def __init__(self) -> None:
        super().__init__(name="looping")
        self.inner = keras.layers.Dense(2, name="inner")
        self.scale = self.add_weight(shape=(), initializer="ones", name="scale")

    def build(self, shape: Any) -> None:
        self.inner.build(shape)

    def call(self, x: Any) -> Any:
        each = tf.map_fn(lambda one: self.inner(one[tf.newaxis])[0], x)
        return tf.ensure_shape(each, (None, 2)) * self.scale


def test_what_can_not_be_seen_is_named_and_its_weights_are_measured() -> None:
    model = compiled(dense(3, "first"), Looping())
    step, _ = step_of(model, (tf.constant(X), tf.constant(Y)))
    assert step.unseen == ("looping/inner",)
    said = measure(model, histograms=True)
    assert said.scalars["gradient_norm/looping/inner"] > 0
    assert "weights/sequential" not in str([*said.histograms])
    assert [tag for tag in said.histograms if tag.endswith("looping/scale")]


class OwnStep(keras.Sequential):
    """Takes its steps with an optimizer that the model does not know by that name."""

    def train_step(self, data: Any) -> Any:
        x, y = data
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((self(x) - y) ** 2)
        gradients = tape.gradient(loss, self.trainable_variables)
        for weight, gradient in zip(self.trainable_variables, gradients, strict=True):
            weight.assign_sub(0.1 * gradient)
        return {"loss": loss}


def test_a_step_of_ones_own_is_measured_by_what_it_does() -> None:
    model = OwnStep([keras.Input((3,)), dense(2, "head")])
    model.compile("sgd")
    model.optimizer.build(model.trainable_variables)
    said = measure(model).scalars
    w, b = (weight.astype(np.float64) for weight in model.get_weights())
    error = 2 * (X @ w + b - Y) / Y.size
    expected = 0.1 * norm(X.T @ error, error.sum(axis=0)) / norm(w, b)
    assert said["update_ratio/head"] == pytest.approx(expected, rel=1e-5)
    assert not [tag for tag in said if "gradient" in tag]
