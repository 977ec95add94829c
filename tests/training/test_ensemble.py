"""Several nets as one, and the model that goes from raw inputs to answers."""

from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from scipy.special import expit, logit, softmax

from recipe.config import Task
from recipe.data import Dataset
from recipe.data.columns import infer
from recipe.data.features import ImageFeatures, Scaling
from recipe.data.preprocess import learn_table
from recipe.training import average, export, new_model, predict, probabilities
from tests.training.tiny import config, dataset

RNG = np.random.default_rng(0)


def test_classes_are_averaged_as_probabilities() -> None:
    logits = RNG.normal(0, 3, (3, 50, 4))
    together = average(list(logits), Task.MULTICLASS)
    assert together.shape == (50, 4)
    np.testing.assert_allclose(
        probabilities(together, Task.MULTICLASS), softmax(logits, axis=2).mean(axis=0)
    )


def test_two_classes_are_averaged_as_probabilities() -> None:
    logits = RNG.normal(0, 3, (3, 50, 1))
    together = average(list(logits), Task.BINARY)
    np.testing.assert_allclose(together, logit(expit(logits).mean(axis=0)), rtol=1e-6)


def test_quantities_are_averaged_as_they_are() -> None:
    answers = RNG.normal(size=(3, 50, 2))
    np.testing.assert_allclose(average(list(answers), Task.REGRESSION), answers.mean(axis=0))


@pytest.mark.parametrize("size", [1.0, 40.0, 1000.0], ids=["unsure", "sure", "very sure"])
@pytest.mark.parametrize(("task", "outputs"), [(Task.MULTICLASS, 3), (Task.BINARY, 1)], ids=str)
def test_the_average_of_one_is_that_one(task: Task, outputs: int, size: float) -> None:
    z = RNG.normal(0, 1, (50, outputs)) * size
    together = average([z], task)
    if task is Task.MULTICLASS:  # what all classes share cancels in the softmax
        z, together = z - z[:, :1], together - together[:, :1]
    np.testing.assert_allclose(together, z, rtol=1e-9, atol=1e-9)


def members(data: Dataset, count: int) -> list[keras.Model]:
    settings = config(model__widths=(4,), model__norm="batch", model__dropout=0.5)
    nets = [new_model(settings, data, seed) for seed in range(count)]
    for net in nets:
        head = net.get_layer("head")
        head.kernel.assign(head.kernel * 100)  # as if it were trained: answers that differ
    return nets


def raw(data: Dataset) -> np.ndarray:
    assert isinstance(data.features, ImageFeatures)
    return data.features.scaling.undo(data.val.x).astype(np.float32)


def answers_of(nets: list[keras.Model], x: np.ndarray, data: Dataset) -> np.ndarray:
    """What the nets say together of scaled inputs, in the target's unit."""
    logits = average([predict(net, x) for net in nets], data.task)
    if data.target_scaling is not None:
        return data.target_scaling.undo(logits)
    return probabilities(logits, data.task)[:, -len(data.prior) :]


@pytest.mark.parametrize(
    ("data", "count"),
    [
        pytest.param(dataset(Task.MULTICLASS), 3, id="multiclass, three nets"),
        pytest.param(dataset(Task.BINARY), 2, id="binary, two nets"),
        pytest.param(dataset(Task.MULTILABEL), 2, id="several labels, two nets"),
        pytest.param(dataset(Task.REGRESSION), 2, id="a quantity, two nets"),
        pytest.param(dataset(Task.REGRESSION, targets=2), 1, id="two quantities, one net"),
        pytest.param(dataset(Task.BINARY), 1, id="binary, one net"),
        pytest.param(dataset(Task.MULTICLASS, shape=(4, 4, 1)), 2, id="images"),
    ],
)
def test_the_exported_model_answers_raw_inputs_as_the_nets_do(
    data: Dataset, count: int, tmp_path: Path
) -> None:
    nets = members(data, count)
    expected = answers_of(nets, data.val.x, data)
    assert expected.std(axis=0).min() > 0.01

    model = export(nets, data)
    given = data.features.inputs(raw(data))
    assert {name: tensor.shape[1:] for name, tensor in model.input.items()} == {"image": data.shape}
    assert model.output_shape == (None, len(data.prior))
    np.testing.assert_allclose(model(given), expected, rtol=1e-4, atol=1e-5)

    path = tmp_path / "model.keras"
    model.save(path)
    del model, nets
    keras.backend.clear_session()
    loaded = keras.saving.load_model(path)
    np.testing.assert_allclose(loaded.predict(given, verbose=0), expected, rtol=1e-4, atol=1e-5)


def test_the_exported_model_takes_a_tables_columns_as_they_were_read(tmp_path: Path) -> None:
    table = pd.DataFrame(
        {
            "size": RNG.normal(80, 20, 60).round(1),
            "town": RNG.choice(["Basel", "Bern"], 60),
            "rooms": np.where(np.arange(60) % 9 == 0, np.nan, 3 + np.arange(60) % 4),
        }
    )
    features = learn_table(table, infer(table, {}), "standardize", impute=True)
    data = dataset(Task.REGRESSION, shape=(len(features.names),))
    data = replace(data, features=features)
    (net,) = members(data, 1)
    expected = answers_of([net], features.apply(table), data)
    export([net], data).save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    given = {name: tf.convert_to_tensor(v) for name, v in features.inputs(table).items()}
    np.testing.assert_allclose(loaded(given), expected, rtol=1e-4)


def test_exporting_leaves_the_nets_as_they_were() -> None:
    data = dataset()
    (net,) = members(data, 1)
    before, answers = net.get_weights(), predict(net, data.val.x)
    export([net], data)
    assert net.name == "model"
    assert all((a == b).all() for a, b in zip(net.get_weights(), before, strict=True))
    np.testing.assert_array_equal(predict(net, data.val.x), answers)


@pytest.mark.parametrize(
    ("mean", "std"),
    [
        pytest.param(0.0, 1.0, id="as it is"),
        pytest.param(1e6, 1.0, id="far from 0: float32 has 7 digits"),
        pytest.param(1.7e9, 86400.0, id="seconds since 1970"),
        pytest.param(1e-9, 1e-9, id="a small unit"),
        pytest.param(1e20, 1e19, id="a large unit"),
    ],
)
def test_the_exported_scaling_is_the_one_of_training(
    mean: float, std: float, tmp_path: Path
) -> None:
    scaling = Scaling(np.full(3, mean + std / 3), np.full(3, std))
    x = (mean + std * RNG.normal(size=(50, 3))).astype(np.float32)
    data = replace(dataset(Task.REGRESSION), features=ImageFeatures(scaling, (3,)))
    (net,) = members(data, 1)
    expected = answers_of([net], scaling.apply(x), data)
    export([net], data).save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(loaded({"image": x}), expected, rtol=1e-4)
