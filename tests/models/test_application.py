"""A net of keras.applications as a body: its pixels, its weights, and what can't be."""

import inspect
import warnings
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from recipe.config import Config, RequestError, Task, grown
from recipe.config.names import APPLICATIONS
from recipe.models import PREPARED, build, preprocessing, unfreeze
from recipe.models.application import BACKBONE, _module, weights_at_hand
from tests.training.pretrained import SIDE, settings, stand_in, weights

RNG = np.random.default_rng(0)
GRAY = (SIDE, SIDE, 1)
MODULES = {_module(name): name for name in APPLICATIONS}
"""Module -> one of its applications: they share its preprocessing."""


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return weights(tmp_path_factory.mktemp("pretrained") / "mobilenet.weights.h5")


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Weights of one convolution and a batch norm, which stand for MobileNet."""
    monkeypatch.setattr(keras.applications, "MobileNet", stand_in)
    path = tmp_path / "small.weights.h5"
    stand_in(input_shape=(SIDE, SIDE, 3), name="x").save_weights(path)
    return path


def stood_in(path: Path | None) -> dict[str, Any]:
    backbone = {**settings(path)["model.backbone"], "name": "MobileNet"}
    return {**settings(path), "model.backbone": backbone}


def net(changes: dict[str, Any], shape: tuple[int, ...] = GRAY, scaling: Any = None) -> keras.Model:
    config = Config().replace({"model.norm_momentum": 0.9, **settings(None), **changes})
    return build(config.model, shape, Task.MULTICLASS, np.full(3, 1 / 3), scaling=scaling)


def upto(model: keras.Model, name: str) -> keras.Model:
    return keras.Model(model.inputs[0], model.get_layer(name).output)


# ---- pixels -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", MODULES.values())
@pytest.mark.parametrize("channels", [1, 3], ids=["gray", "color"])
def test_what_enters_is_what_its_own_preprocessing_makes(
    name: str, channels: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A convolution stands for the application, which would take seconds to build."""
    monkeypatch.setattr(
        keras.applications,
        name,
        _stand_in(getattr(keras.applications, name)),
    )
    raw = RNG.integers(0, 21, (5, 8, 8, channels)).astype(np.float32)
    mean, std = np.arange(channels) + 7.0, np.arange(channels) + 2.0
    backbone = {"name": name, "white": 20.0}
    model = net({"model.backbone": backbone}, (8, 8, channels), (mean, std))
    entered = upto(model, PREPARED)(((raw - mean) / std).astype(np.float32))
    rgb = np.array(np.broadcast_to(raw * 255 / 20, (5, 8, 8, 3)))
    config = Config().replace({"model.backbone": backbone})
    expected = preprocessing(config.model)(rgb)
    np.testing.assert_allclose(entered, expected, atol=1e-3 * np.ptp(expected))


def _stand_in(application: Any) -> Any:
    def build_another(**given: Any) -> keras.Model:
        x = keras.Input(given["input_shape"])
        return keras.Model(x, keras.layers.Conv2D(2, 3)(x), name=given["name"])

    build_another.__module__ = application.__module__
    return build_another


@pytest.mark.parametrize("name", APPLICATIONS)
def test_every_application_takes_what_it_is_given(name: str) -> None:
    taken = inspect.signature(getattr(keras.applications, name)).parameters
    assert {"include_top", "weights", "input_shape", "name"} <= set(taken)


# ---- weights ------------------------------------------------------------------------------------


def test_weights_that_are_read_are_frozen_and_saved_with_the_net(
    file: Path, tmp_path: Path
) -> None:
    model = net(settings(file))
    assert [w.path.split("/")[0] for w in model.trainable_weights] == ["head", "head"]
    fresh = net({})
    for one, other in ((model, fresh), (fresh, model)):
        kernels = [m.get_layer(BACKBONE).get_layer("conv1").kernel.numpy() for m in (one, other)]
        assert (kernels[0] != kernels[1]).any()
    model.save(tmp_path / "net.keras")
    file_gone = keras.saving.load_model(tmp_path / "net.keras")
    x = RNG.normal(size=(4, *GRAY)).astype(np.float32)
    np.testing.assert_array_equal(file_gone(x), model(x))


def test_batch_norms_of_a_pretrained_backbone_stay_in_inference_mode(small: Path) -> None:
    model, x = net(stood_in(small)), RNG.normal(size=(8, *GRAY)).astype(np.float32)
    for step in ("frozen", "fine-tuned"):
        if step == "fine-tuned":
            unfreeze(model)
        before = [w.numpy() for w in model.non_trainable_weights if "moving" in w.path]
        np.testing.assert_array_equal(model(x, training=True), model(x, training=False))
        after = [w.numpy() for w in model.non_trainable_weights if "moving" in w.path]
        assert all((a == b).all() for a, b in zip(before, after, strict=True))
    learning = {w.path.rpartition("/")[2] for w in model.trainable_weights}
    assert learning == {"kernel", "bias"}


def test_weights_that_are_drawn_learn_with_the_rest_and_so_do_batch_norms(small: Path) -> None:
    model, x = net(stood_in(None)), RNG.normal(size=(8, *GRAY)).astype(np.float32)
    norms = [
        layer
        for layer in model.get_layer(BACKBONE).layers
        if isinstance(layer, keras.layers.BatchNormalization)
    ]
    assert norms
    assert {layer.momentum for layer in norms} == {0.9}
    assert len(model.trainable_weights) == 6
    before = norms[0].moving_variance.numpy()
    model(x, training=True)
    assert (norms[0].moving_variance.numpy() != before).any()


# ---- the rest of the net ------------------------------------------------------------------------


def test_pooling_widths_and_dropout_follow(small: Path) -> None:
    changes = {**stood_in(small), "model.dropout": 0.5}
    bare = [layer.name for layer in net(changes).layers]
    assert bare[-2:] == ["pooled_dropout", "head"]
    dense = net({**changes, "model.widths": (4,), "model.pooling": "flatten"})
    names = [layer.name for layer in dense.layers]
    assert names[-4:] == ["dense_1", "dense_1_activation", "dense_1_dropout", "head"]


def test_its_dense_layers_grow() -> None:
    larger = grown(Config().replace({**settings(None), "model.widths": (8,)}), 2, layers=1)
    assert larger.model.widths == (16, 16)
    assert larger.model.filters == Config().model.filters


# ---- what can't be ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("backbone", "shape", "said"),
    [
        pytest.param({}, (5,), "model.family: application needs images", id="a table"),
        pytest.param({}, (32, 32, 2), "gray or in color, got examples of shape (32, 32, 2)",
                     id="two channels"),
        pytest.param({"name": "ResNet50"}, (8, 8, 3),
                     "ResNet50 can't be built for images of (8, 8, 3): Input size must be at "
                     "least 32x32", id="images that are too small"),
        pytest.param({"name": {"class_name": "MobileNetV2", "config": {"alfa": 1}}}, (32, 32, 3),
                     "MobileNetV2 has no argument 'alfa'", id="no such argument"),
        pytest.param({"weights": "no.weights.h5"}, (32, 32, 3), "there is no file no.weights.h5",
                     id="no file"),
    ],
)  # fmt: skip
def test_what_can_not_be_built(backbone: dict[str, Any], shape: tuple[int, ...], said: str) -> None:
    with pytest.raises(RequestError) as caught:
        net({"model.backbone": backbone}, shape)
    assert said in str(caught.value)
    assert str(caught.value).startswith("model.")


@pytest.mark.parametrize("kind", ["another net", "no weights", "another size of it"])
def test_a_file_that_does_not_fit_is_refused(kind: str, file: Path, tmp_path: Path) -> None:
    path = tmp_path / "some.weights.h5"
    if kind == "another net":
        keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)]).save_weights(path)
    elif kind == "no weights":
        path.write_text("nothing of the kind")
    else:
        path = file
    backbone = {**settings(path)["model.backbone"]}
    if kind == "another size of it":
        backbone["name"] = {"class_name": "MobileNet", "config": {"alpha": 0.5}}
    with pytest.raises(RequestError, match="does not hold the weights of MobileNet"):
        net({"model.backbone": backbone})


def test_imagenet_without_a_network_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(**given: Any) -> None:
        assert given["weights"] == "imagenet"
        warnings.warn("`input_shape` is undefined or non-square, or", stacklevel=2)
        raise Exception("URL fetch failure on https://here/mobilenet_no_top.h5: None")

    unreachable.__module__ = keras.applications.MobileNet.__module__
    monkeypatch.setattr(keras.applications, "MobileNet", unreachable)
    with pytest.raises(RequestError) as caught:
        net({"model.backbone": {"name": "MobileNet", "weights": "imagenet"}}, (32, 32, 3))
    said = str(caught.value)
    assert said.startswith("model.backbone.weights: imagenet is not in Keras's cache")
    assert "mobilenet_no_top.h5" in said
    assert "~/.keras/models" in said


@pytest.mark.parametrize(
    ("name", "file", "found"),
    [
        ("MobileNetV2", "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224_no_top.h5", True),
        ("MobileNet", "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224_no_top.h5", False),
        ("MobileNet", "mobilenet_1_0_224_tf_no_top.h5", True),
        ("MobileNetV3Large", "weights_mobilenet_v3_large_224_1.0_float_no_top_v2.h5", True),
        ("EfficientNetB0", "efficientnetb0_notop.h5", True),
        ("EfficientNetB0", "efficientnetv2-b0_notop.h5", False),
        ("ResNet50", "resnet50v2_weights_tf_dim_ordering_tf_kernels_notop.h5", False),
        ("VGG16", "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5", True),
        ("VGG16", "vgg16_weights_tf_dim_ordering_tf_kernels.h5", False),
    ],
)
def test_weights_in_the_cache_are_known_by_their_name(
    name: str, file: str, found: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    cached = tmp_path / "models" / file
    cached.parent.mkdir()
    cached.touch()
    config = Config().replace({"model.family": "application", "model.backbone.name": name})
    assert weights_at_hand(config.model) == (cached if found else None)
