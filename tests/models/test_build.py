"""Heads that start at the prior, bodies by name, and what can't be built."""

import sys
from types import ModuleType
from typing import Any

import keras
import numpy as np
import pytest

from recipe.config import Config, RequestError, Task
from recipe.models import HEAD, build, prior_bias

SHARES = np.array([0.7, 0.2, 0.1])
X = np.random.default_rng(0).normal(size=(500, 5)).astype(np.float32)


def make(
    changes: dict[str, Any] | None = None,
    shape: tuple[int, ...] = (5,),
    task: Task = Task.MULTICLASS,
    prior: np.ndarray = SHARES,
) -> keras.Model:
    keras.utils.set_random_seed(0)
    config = Config().replace({"model.widths": (6,), "model.norm_momentum": 0.9} | (changes or {}))
    return build(config.model, shape, task, prior)


@pytest.mark.parametrize(
    ("task", "prior", "bias"),
    [
        pytest.param(Task.MULTICLASS, SHARES, np.log(SHARES), id="log shares"),
        pytest.param(Task.BINARY, np.array([1 / 11]), [np.log(0.1)], id="log odds: 1 to 10"),
        pytest.param(Task.REGRESSION, np.array([0.5, -2.0]), [0.5, -2.0], id="means"),
    ],
)
def test_the_head_starts_at_the_prior(task: Task, prior: np.ndarray, bias: list[float]) -> None:
    head = make(task=task, prior=prior).get_layer(HEAD)
    np.testing.assert_allclose(prior_bias(task, prior), bias, rtol=1e-6)
    np.testing.assert_allclose(head.bias.numpy(), bias, rtol=1e-6)
    assert head.units == len(prior)
    assert head.activation is keras.activations.linear
    zeros = make({"model.head_bias": "zeros"}, task=task, prior=prior).get_layer(HEAD)
    assert zeros.bias.numpy().tolist() == [0] * len(prior)


def test_the_prior_bias_is_the_constant_of_lowest_loss() -> None:
    y = np.repeat(np.arange(3), (70, 20, 10))

    def loss(logits: np.ndarray) -> float:
        return float(np.mean(np.log(np.exp(logits).sum()) - logits[y]))

    best = loss(prior_bias(Task.MULTICLASS, SHARES))
    assert best == pytest.approx(-(SHARES * np.log(SHARES)).sum())
    for other in np.random.default_rng(0).normal(size=(20, 3)):
        assert best < loss(prior_bias(Task.MULTICLASS, SHARES) + other)


def test_the_head_is_small() -> None:
    model = make({"model.widths": (64, 64)})
    kernel = model.get_layer(HEAD).kernel.numpy()
    assert kernel.std() == pytest.approx(0.01, rel=0.25)
    logits = model(X, training=False).numpy() - np.log(SHARES)
    assert 0 < logits.std() < 0.3


@pytest.mark.parametrize("norm", ["none", "batch", "layer"])
@pytest.mark.parametrize("widths", [(), (4,), (4, 3, 2)], ids=["no hidden layer", "one", "three"])
def test_a_model_goes_from_examples_to_logits(norm: str, widths: tuple[int, ...]) -> None:
    model = make({"model.norm": norm, "model.widths": widths, "model.dropout": 0.5})
    assert model.name == "model"
    assert model.input_shape == (None, 5)
    assert model.output_shape == (None, 3)
    assert not model.compiled
    dense = [layer for layer in model.layers if isinstance(layer, keras.layers.Dense)]
    assert [layer.units for layer in dense] == [*widths, 3]


def test_an_mlp_flattens_images() -> None:
    model = make(shape=(4, 3, 2))
    assert model.layers[1].output.shape == (None, 24)


@pytest.mark.parametrize(
    ("changes", "shape", "images", "features"),
    [
        pytest.param({"model.filters": (2, 3)}, (8, 8, 1), [4, 2], 12, id="flatten"),
        pytest.param({"model.filters": (2, 3), "model.pooling": "gap"}, (8, 8, 1), [4, 2], 3,
                     id="global average"),
        pytest.param({"model.filters": (2,)}, (7, 9, 3), [3], 24, id="odd sizes are rounded down"),
        pytest.param({"model.filters": (2, 3, 4)}, (2, 2, 1), [1], 4,
                     id="an image of one pixel is not halved"),
        pytest.param({"model.filters": (2,)}, (1, 6, 1), [], 12, id="nor one of one row"),
        pytest.param({"model.filters": ()}, (4, 4, 1), [], 16, id="no filters"),
    ],
)  # fmt: skip
def test_a_cnn_halves_its_images(
    changes: dict[str, Any], shape: tuple[int, ...], images: list[int], features: int
) -> None:
    model = make({"model.family": "cnn", **changes}, shape)
    pooled = [x.output.shape[1] for x in model.layers if isinstance(x, keras.layers.MaxPooling2D)]
    assert pooled == images
    dense = [layer for layer in model.layers if isinstance(layer, keras.layers.Dense)]
    assert dense[0].kernel.shape == (features, 6)
    filters = [x.filters for x in model.layers if isinstance(x, keras.layers.Conv2D)]
    assert filters == list(changes["model.filters"])


def test_the_last_block_of_a_cnn_without_dense_layers_is_its_last_convolution() -> None:
    changes = {"model.family": "cnn", "model.filters": (2, 3), "model.widths": (),
               "model.dropout": 0.5, "model.norm": "batch"}  # fmt: skip
    names = [type(layer).__name__ for layer in make(changes, (8, 8, 1)).layers]
    assert names.count("SpatialDropout2D") == 1
    assert names.index("SpatialDropout2D") > max(
        k for k, name in enumerate(names) if name == "BatchNormalization"
    )


@pytest.fixture
def body(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The user's own module."""
    module = ModuleType("my_nets")
    monkeypatch.setitem(sys.modules, "my_nets", module)
    return module


def test_a_body_of_ones_own(body: ModuleType) -> None:
    body.net = lambda x, config: keras.layers.Dense(config.widths[0], name="mine")(x)
    model = make({"model.family": "my_nets:net", "model.widths": (7,)})
    assert [layer.name for layer in model.layers] == ["input", "mine", HEAD]
    assert model.get_layer("mine").units == 7


def raises(x: Any, config: Any) -> None:
    raise KeyError("size")


@pytest.mark.parametrize(
    ("net", "problem"),
    [
        pytest.param(lambda x, config: None, "model.family: my_nets:net() must return what the "
                     "head reads, a Keras tensor of (batch, features), got NoneType", id="None"),
        pytest.param(lambda x, config: keras.layers.Reshape((5, 1))(x), "got shape (None, 5, 1)",
                     id="not flattened"),
        pytest.param(lambda x: x, "model.family: my_nets:net() raised TypeError",
                     id="no argument for the config"),
        pytest.param(raises, "model.family: my_nets:net() raised KeyError: 'size'", id="it raises"),
        pytest.param(lambda x, config: keras.layers.Dense(-1)(x), "positive integer",
                     id="Keras refuses its layer"),
    ],
)  # fmt: skip
def test_a_broken_body_of_ones_own(body: ModuleType, net: Any, problem: str) -> None:
    body.net = net
    with pytest.raises(RequestError) as caught:
        make({"model.family": "my_nets:net"})
    assert str(caught.value).startswith("model")
    assert problem in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "shape", "problem"),
    [
        pytest.param({"model.family": "cnn"}, (5,),
                     r"^model\.family: cnn needs images, got examples of shape \(5,\)$",
                     id="cnn on a table"),
        pytest.param({"model.family": "mpl"}, (5,),
                     r"^model\.family: one of mlp, cnn, resnet, application, layers or "
                     r"module:function, "
                     r"got 'mpl'; did you mean 'mlp'\?$", id="a typo"),
        pytest.param({"model.family": "transformer"}, (5,), r"got 'transformer'$",
                     id="no such family"),
        pytest.param({"model.family": "my_nets:nope"}, (5,), "has no function 'nope'",
                     id="no such function"),
        pytest.param({"model.activation": {"class_name": "Rellu"}}, (5,),
                     r"^model: Keras can't build this net: .*Rellu", id="no such activation layer"),
        pytest.param({"model.activation": {"class_name": "LeakyReLU", "config": {"slop": 1}}},
                     (5,), r"^model: Keras can't build this net: .*slop",
                     id="no such argument of an activation"),
        pytest.param({"model.activation": {"class_name": "LeakyReLU",
                                           "config": {"negative_slope": -1}}}, (5,),
                     r"^model: Keras can't build this net: .*-1", id="an argument out of range"),
        pytest.param({"model.kernel_initializer": {"class_name": "Orthogonl"}}, (5,),
                     r"^model: Keras can't build this net: .*Orthogonl", id="no such initializer"),
        pytest.param({"model.kernel_initializer": {"class_name": "Orthogonal",
                                                   "config": {"gian": 2}}}, (5,),
                     r"^model: Keras can't build this net: .*gian",
                     id="no such argument of an initializer"),
        pytest.param({"model.kernel_initializer": {"class_name": "Identity"},
                      "model.family": "cnn"}, (8, 8, 1),
                     r"^model: Keras can't build this net: .*2D", id="an initializer that can't"),
    ],
)  # fmt: skip
def test_a_net_that_cannot_be_built(
    body: ModuleType, changes: dict[str, Any], shape: tuple[int, ...], problem: str
) -> None:
    make(shape=shape)
    with pytest.raises(RequestError, match=problem) as caught:
        make(changes, shape)
    assert "\n" not in str(caught.value)
    assert "\x1b" not in str(caught.value)
