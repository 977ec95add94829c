"""Bodies by name: what is in them, how they are connected, and what they can't be."""

from typing import Any

import keras
import numpy as np
import pytest

from recipe.config import Config, RequestError, Task, grown
from recipe.models import build
from recipe.models.blocks import groups

PRIOR = np.full(3, 1 / 3)
IMAGE = (8, 8, 3)
RNG = np.random.default_rng(0)


def net(shape: tuple[int, ...] = (5,), **changes: Any) -> keras.Model:
    settings = {"norm_momentum": 0.9, "widths": (4, 4), "filters": (4, 6)} | changes
    config = Config().replace({f"model.{key}": value for key, value in settings.items()})
    return build(config.model, shape, Task.MULTICLASS, PRIOR)


def kinds(model: keras.Model, kind: type) -> list[keras.layers.Layer]:
    return [layer for layer in model.layers if isinstance(layer, kind)]


# ---- residual -----------------------------------------------------------------------------------


def test_a_residual_mlp_adds_the_input_of_each_block_before_its_activation() -> None:
    model = net(widths=(5, 5), residual=True, activation="tanh")
    x = RNG.normal(size=(7, 5)).astype(np.float32)
    h = x
    for name in ("dense_1", "dense_2"):
        layer = model.get_layer(name)
        h = np.tanh(h @ layer.kernel.numpy() + layer.bias.numpy() + h)
    head = model.get_layer("head")
    expected = h @ head.kernel.numpy() + head.bias.numpy()
    np.testing.assert_allclose(model(x), expected, rtol=1e-5, atol=1e-6)


def test_where_the_width_changes_the_shortcut_is_a_layer_of_its_own() -> None:
    model = net(shape=(5,), widths=(4, 4, 6), residual=True)
    names = [layer.name for layer in kinds(model, keras.layers.Dense)]
    shortcuts = [name for name in names if name.startswith("shortcut")]
    assert shortcuts == ["shortcut_dense_1", "shortcut_dense_3"]
    assert len(kinds(model, keras.layers.Add)) == 3


def test_without_it_there_is_no_shortcut() -> None:
    assert kinds(net(), keras.layers.Add) == []


def test_a_net_of_a_hundred_layers_counts_them() -> None:
    model = net(widths=(4,) * 100, residual=True)
    names = [layer.name for layer in kinds(model, keras.layers.Dense)]
    assert [name for name in names if name.startswith("dense_")] == [
        f"dense_{place}" for place in range(1, 101)
    ]
    assert np.isfinite(model(np.ones((2, 5), np.float32))).all()


# ---- resnet -------------------------------------------------------------------------------------


@pytest.mark.parametrize("norm", ["none", "batch", "layer", "group"])
def test_a_resnet_halves_the_image_at_each_pair_but_the_first(norm: str) -> None:
    model = net(IMAGE, family="resnet", filters=(4, 6, 8), norm=norm)
    sizes = {layer.name: layer.output.shape[1:] for layer in kinds(model, keras.layers.Conv2D)}
    for pair, (size, filters) in enumerate([(8, 4), (4, 6), (2, 8)], start=1):
        for part in ("conv_{}a", "conv_{}b", "shortcut_{}"):
            assert sizes[part.format(pair)] == (size, size, filters)
    assert len(kinds(model, keras.layers.Add)) == 3


def test_a_pair_that_changes_nothing_is_shortened_by_its_input_itself() -> None:
    model = net(IMAGE, family="resnet", filters=(3,))
    assert "shortcut_1" not in {layer.name for layer in model.layers}
    first, second = model.get_layer("conv_1b_add").input
    assert second is model.input
    assert first is model.get_layer("conv_1b").output


def test_the_smallest_image_is_not_halved_again() -> None:
    model = net((2, 2, 1), family="resnet", filters=(2, 2, 2, 2))
    assert model.get_layer("conv_4b").output.shape[1:3] == (1, 1)


@pytest.mark.parametrize("pooling", ["gap", "flatten"])
def test_what_stands_between_convolutions_and_dense_layers(pooling: str) -> None:
    model = net(IMAGE, family="resnet", pooling=pooling, widths=())
    assert model.get_layer("head").kernel.shape[0] == (6 if pooling == "gap" else 4 * 4 * 6)


def test_a_resnet_grows_like_a_cnn() -> None:
    config = Config().replace({"model.family": "resnet", "model.filters": (4, 6)})
    larger = grown(config, width=2, layers=1)
    assert larger.model.filters == (8, 12)
    assert larger.model.widths == (128, 128, 128)


# ---- layers -------------------------------------------------------------------------------------


def test_a_list_of_layers_is_made_by_their_constructors() -> None:
    layers = [
        {"class_name": "Conv2D", "config": {"filters": 2, "kernel_size": 3, "activation": "relu"}},
        "BatchNormalization",
        {"class_name": "Dense", "config": {"units": 7, "name": "mine"}},
    ]
    model = net(IMAGE, family="layers", layers=layers)
    assert [type(layer).__name__ for layer in model.layers[1:]] == [
        "Conv2D", "BatchNormalization", "Dense", "Flatten", "Dense",
    ]  # fmt: skip
    assert model.get_layer("mine").units == 7
    assert model.get_layer("layer_1").filters == 2
    assert model.output_shape == (None, 3)


@pytest.mark.parametrize(
    ("layers", "problem"),
    [
        pytest.param([], "family layers needs at least one layer", id="none"),
        pytest.param(["Dens"], "Keras has no layer 'Dens'; did you mean 'Dense'?", id="a typo"),
        pytest.param(["deserialize"], "Keras has no layer 'deserialize'", id="no class"),
        pytest.param(["Flatten", {"class_name": "Dense", "config": {"unit": 3}}],
                     "Dense, number 2: ", id="no such argument"),
        pytest.param(["Flatten", {"class_name": "Conv2D", "config":
                      {"filters": 2, "kernel_size": 3}}], "Conv2D, number 2: ",
                     id="a shape that does not fit"),
    ],
)  # fmt: skip
def test_layers_that_are_none_are_refused(layers: list[Any], problem: str) -> None:
    with pytest.raises(RequestError) as caught:
        net(IMAGE, family="layers", layers=layers)
    assert str(caught.value).startswith("model.layers: ")
    assert problem in str(caught.value)


# ---- policies that came later -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("channels", "count"),
    [(64, 4), (16, 1), (8, 1), (1, 1), (48, 3), (100, 5), (97, 1), (34, 2)],
)
def test_groups_of_about_16_that_divide_the_channels(channels: int, count: int) -> None:
    assert groups(channels) == count


def test_group_norm_evens_out_each_group_of_each_example() -> None:
    model = net(shape=(5,), widths=(64,), norm="group", activation="linear", norm_epsilon=1e-7)
    norm = keras.Model(model.input, model.get_layer("dense_1_norm").output)
    y = norm(RNG.normal(size=(6, 5)).astype(np.float32)).numpy().reshape(6, 4, 16)
    np.testing.assert_allclose(y.mean(axis=2), 0, atol=1e-5)
    np.testing.assert_allclose(y.std(axis=2), 1, rtol=1e-4)


@pytest.mark.parametrize(("l1", "l2"), [(0.0, 0.0), (0.1, 0.0), (0.0, 0.2), (0.1, 0.2)])
def test_penalties_are_of_kernels_alone(l1: float, l2: float) -> None:
    model = net(l1=l1, l2=l2, norm="batch")
    kernels = [w.numpy() for w in model.trainable_weights if w.name == "kernel"]
    assert len(kernels) == 3
    expected = sum(l1 * np.abs(k).sum() + l2 * (k**2).sum() for k in kernels)
    assert float(sum(model.losses)) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(("shape", "family"), [((5,), "mlp"), (IMAGE, "cnn")])
def test_no_unit_has_weights_longer_than_max_norm(shape: tuple[int, ...], family: str) -> None:
    model = net(shape, family=family, max_norm=0.3)
    layer = model.get_layer("conv_1" if family == "cnn" else "dense_1")
    cut = np.asarray(layer.kernel_constraint(layer.kernel * 100))
    lengths = np.linalg.norm(cut.reshape(-1, cut.shape[-1]), axis=0)
    np.testing.assert_allclose(lengths, 0.3, rtol=1e-3)
    assert getattr(model.get_layer("head"), "kernel_constraint", None) is None


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        pytest.param({"activation": "selu"}, keras.layers.AlphaDropout, id="after selu"),
        pytest.param({"activation": "relu"}, keras.layers.Dropout, id="after relu"),
    ],
)
def test_dropout_of_selu_keeps_mean_and_variance(changes: dict[str, Any], kind: type) -> None:
    model = net(dropout=0.5, **changes)
    assert [type(layer) for layer in kinds(model, kind)] == [kind] * 2


def test_the_small_uniform_initializer_reaches_1_over_the_root_of_its_inputs() -> None:
    model = net(shape=(100,), widths=(500,), kernel_initializer="uniform_fan_in")
    kernel = model.get_layer("dense_1").kernel.numpy()
    assert 0.099 < np.abs(kernel).max() <= 0.1
    assert kernel.var() == pytest.approx(1 / 300, rel=0.03)  # 50,000 draws: 6 standard errors
