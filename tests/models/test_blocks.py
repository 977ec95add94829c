"""Norm, dropout, initializer, noise and L2 stand where the policies say."""

from functools import partial
from typing import Any

import keras
import numpy as np
import pytest

from recipe.config import Config, Task
from recipe.models import build

PRIOR = np.full(3, 1 / 3)
LETTERS = {
    "Dense": "K",
    "Conv2D": "K",
    "BatchNormalization": "N",
    "LayerNormalization": "N",
    "Dropout": "D",
    "SpatialDropout2D": "D",
    "GaussianNoise": "G",
    "MaxPooling2D": "|",
}
"""K: kernel, N: norm, A: activation, D: dropout, G: noise; `|` parts convolution blocks."""


def net(shape: tuple[int, ...] = (5,), **changes: Any) -> keras.Model:
    settings = {"norm_momentum": 0.9, "widths": (4, 4)} | changes
    config = Config().replace({f"model.{key}": value for key, value in settings.items()})
    return build(config.model, shape, Task.MULTICLASS, PRIOR)


def order(model: keras.Model) -> str:
    """The layers between the input and the head."""
    return "".join(LETTERS.get(type(layer).__name__, "A") for layer in model.layers[1:-1])


@pytest.mark.parametrize("norm", ["batch", "layer"])
@pytest.mark.parametrize(
    ("norm_position", "dropout_position", "blocks"),
    [
        ("pre", "before_norm", "KDNA KDNA"),
        ("pre", "after_norm", "KNAD KNAD"),
        ("pre", "last", "KNA KNAD"),
        ("post", "before_norm", "KDAN KDAN"),
        ("post", "after_norm", "KAND KAND"),
        ("post", "last", "KAN KAND"),
    ],
)
def test_a_block_with_norm(
    norm: str, norm_position: str, dropout_position: str, blocks: str
) -> None:
    positions = {"norm_position": norm_position, "dropout_position": dropout_position}
    model = net(norm=norm, dropout=0.5, **positions)
    assert order(model) == blocks.replace(" ", "")
    kind = {"batch": keras.layers.BatchNormalization, "layer": keras.layers.LayerNormalization}
    norms = [x for x in model.layers if "Normalization" in type(x).__name__]
    assert all(isinstance(layer, kind[norm]) for layer in norms)
    assert order(net(norm=norm, dropout=0.0, **positions)) == blocks.translate(
        {ord("D"): None, ord(" "): None}
    )


@pytest.mark.parametrize("norm_position", ["auto", "pre", "post"])
@pytest.mark.parametrize(
    ("dropout_position", "blocks"),
    [("auto", "KAD KAD"), ("before_norm", "KDA KDA"), ("after_norm", "KAD KAD"), ("last", "KAKAD")],
)
def test_a_block_without_norm(norm_position: str, dropout_position: str, blocks: str) -> None:
    model = net(dropout=0.5, norm_position=norm_position, dropout_position=dropout_position)
    assert order(model) == blocks.replace(" ", "")


@pytest.mark.parametrize(
    ("norm", "activation", "blocks"),
    [
        pytest.param("batch", "relu", "KNA KNAD", id="batch norm: dropout once, after the last"),
        pytest.param("layer", "relu", "KNAD KNAD", id="layer norm: dropout in every block"),
        pytest.param("batch", "tanh", "KAN KAND", id="norm after tanh"),
        pytest.param("layer", "sigmoid", "KAND KAND", id="norm after sigmoid"),
        pytest.param("batch", "gelu", "KNA KNAD", id="norm before gelu"),
        pytest.param("batch", {"class_name": "LeakyReLU"}, "KNA KNAD", id="norm before LeakyReLU"),
    ],
)
def test_auto_positions(norm: str, activation: Any, blocks: str) -> None:
    model = net(norm=norm, activation=activation, dropout=0.5)
    assert order(model) == blocks.replace(" ", "")


@pytest.mark.parametrize("norm", ["none", "batch", "layer"])
@pytest.mark.parametrize("norm_position", ["pre", "post"])
@pytest.mark.parametrize("dropout_position", ["before_norm", "after_norm", "last"])
@pytest.mark.parametrize("dropout", [0.0, 0.5])
@pytest.mark.parametrize("shape", [(5,), (8, 8, 1)], ids=["dense", "convolution"])
def test_a_kernel_has_a_bias_unless_a_norm_follows_at_once(
    norm: str, norm_position: str, dropout_position: str, dropout: float, shape: tuple[int, ...]
) -> None:
    model = net(
        shape,
        family="mlp" if len(shape) == 1 else "cnn",
        filters=(2,),
        norm=norm,
        norm_position=norm_position,
        dropout_position=dropout_position,
        dropout=dropout,
    )
    layers = model.layers
    kernels = [k for k, layer in enumerate(layers) if hasattr(layer, "kernel")]
    assert len(kernels) == 4 - (len(shape) == 1)  # 2 hidden, the head, and a convolution
    for position in kernels[:-1]:
        norm_follows = "Normalization" in type(layers[position + 1]).__name__
        assert layers[position].use_bias is not norm_follows
    assert layers[-1].use_bias


@pytest.mark.parametrize(
    ("activation", "initializer"),
    [
        pytest.param("relu", "HeNormal", id="relu: He"),
        pytest.param("gelu", "HeNormal", id="gelu: He"),
        pytest.param({"class_name": "LeakyReLU"}, "HeNormal", id="LeakyReLU: He"),
        pytest.param({"class_name": "PReLU"}, "HeNormal", id="PReLU: He"),
        pytest.param({"class_name": "ReLU", "config": {"max_value": 6}}, "HeNormal", id="ReLU: He"),
        pytest.param("selu", "LecunNormal", id="selu: LeCun"),
        pytest.param("tanh", "GlorotUniform", id="tanh: Glorot"),
        pytest.param("sigmoid", "GlorotUniform", id="sigmoid: Glorot"),
        pytest.param("linear", "GlorotUniform", id="linear: Glorot"),
    ],
)
def test_the_initializer_follows_the_activation(activation: Any, initializer: str) -> None:
    hidden = [x for x in net(activation=activation).layers[1:-1] if hasattr(x, "kernel")]
    assert [type(layer.kernel_initializer).__name__ for layer in hidden] == [initializer] * 2


@pytest.mark.parametrize(
    ("given", "config"),
    [
        pytest.param("orthogonal", {"gain": 1.0}, id="a name"),
        pytest.param({"class_name": "Orthogonal", "config": {"gain": 2.0}}, {"gain": 2.0},
                     id="an object"),
        pytest.param({"class_name": "orthogonal", "config": {"gain": 2.0}}, {"gain": 2.0},
                     id="an object by its short name"),
    ],
)  # fmt: skip
def test_an_initializer_that_was_chosen(given: Any, config: dict[str, float]) -> None:
    layers = [x for x in net(kernel_initializer=given).layers[1:-1] if hasattr(x, "kernel")]
    for layer in layers:
        assert isinstance(layer.kernel_initializer, keras.initializers.Orthogonal)
        assert layer.kernel_initializer.get_config()["gain"] == config["gain"]


@pytest.mark.parametrize("given", ["auto", "he_normal", {"class_name": "HeNormal"}], ids=str)
def test_no_two_layers_share_their_first_weights(given: Any) -> None:
    model = net(shape=(4,), widths=(4, 4, 4), kernel_initializer=given)
    kernels = [layer.kernel.numpy() for layer in model.layers if hasattr(layer, "kernel")][:-1]
    assert len(kernels) == 3
    for first, second in ((0, 1), (1, 2), (0, 2)):
        assert not np.isclose(kernels[first], kernels[second]).any()


def test_an_activation_with_arguments() -> None:
    activation = {"class_name": "LeakyReLU", "config": {"negative_slope": 0.25}}
    layers = [x for x in net(activation=activation).layers if isinstance(x, keras.layers.LeakyReLU)]
    assert [layer.negative_slope for layer in layers] == [0.25, 0.25]


def test_noise_stands_on_the_input_and_behind_each_activation() -> None:
    model = net(noise={"input": 0.3, "activation": 0.1}, norm="layer", dropout=0.5)
    assert order(model) == "GKNAGDKNAGD"
    noises = [x.stddev for x in model.layers if isinstance(x, keras.layers.GaussianNoise)]
    assert noises == [0.3, 0.1, 0.1]
    post = net(noise={"activation": 0.1}, norm="layer", norm_position="post")
    assert order(post) == "KANGKANG"


@pytest.mark.parametrize("shape", [(5,), (8, 8, 1)], ids=["mlp", "cnn"])
def test_l2_is_on_kernels_alone(shape: tuple[int, ...]) -> None:
    make = partial(net, shape, family="mlp" if len(shape) == 1 else "cnn", norm="batch")
    for layer in make(l2=0.25).layers:
        if hasattr(layer, "kernel"):
            assert float(layer.kernel_regularizer.l2) == 0.25
            assert layer.bias_regularizer is None
        elif "Normalization" in type(layer).__name__:
            assert layer.gamma_regularizer is layer.beta_regularizer is None
    model = make(l2=0.25)
    kernels = [layer.kernel for layer in model.layers if hasattr(layer, "kernel")]
    penalty = 0.25 * sum(float((kernel.numpy() ** 2).sum()) for kernel in kernels)
    assert float(sum(model.losses)) == pytest.approx(penalty, rel=1e-5)
    assert make(l2=0.0).losses == []


def test_convolutions_drop_whole_channels() -> None:
    model = net((8, 8, 1), family="cnn", filters=(2, 3), widths=(4,), dropout=0.5)
    dropped = [type(x).__name__ for x in model.layers if "Dropout" in type(x).__name__]
    assert dropped == ["SpatialDropout2D", "SpatialDropout2D", "Dropout"]
    assert [x.rate for x in model.layers if "Dropout" in type(x).__name__] == [0.5] * 3


def test_the_momentum_of_batch_norm() -> None:
    norms = [x for x in net(norm="batch", norm_momentum=0.7).layers if hasattr(x, "momentum")]
    assert [layer.momentum for layer in norms] == [0.7, 0.7]


@pytest.mark.parametrize(
    ("shape", "changes", "names"),
    [
        pytest.param((5,), {}, ["dense_1", "dense_2", "head"], id="mlp"),
        pytest.param((5,), {"norm": "layer"},
                     ["dense_1", "dense_1_norm", "dense_2", "dense_2_norm", "head"], id="norms"),
        pytest.param((8, 8, 1), {"family": "cnn", "filters": (2, 3), "widths": (4,)},
                     ["conv_1", "conv_2", "dense_1", "head"], id="cnn"),
    ],
)  # fmt: skip
def test_layers_with_weights_have_the_same_names_in_every_net(
    shape: tuple[int, ...], changes: dict[str, Any], names: list[str]
) -> None:
    for _ in range(2):
        assert [layer.name for layer in net(shape, **changes).layers if layer.weights] == names
