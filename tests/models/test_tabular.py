"""Before a table's first layer: the embedding against its formula, and a scale for each feature."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from recipe.config import Config, RequestError, Task
from recipe.data import load
from recipe.models import build
from recipe.training import export, new_model, predict, train
from recipe.training.fast_path import why_not_fast
from recipe.training.trace import structure
from tests.stages.running import table
from tests.training.tiny import config, dataset

RNG = np.random.default_rng(0)
X = RNG.normal(size=(7, 5)).astype(np.float32)
PERIODIC = {"model.embedding": "periodic"}
BOTH = {**PERIODIC, "model.feature_scale": True}


def net(changes: dict[str, Any], numbers: int = 3, shape: tuple[int, ...] = (5,)) -> keras.Model:
    settings = Config().replace({"model.widths": (4,)} | changes)
    return build(settings.model, shape, Task.BINARY, np.array([0.3]), numbers=numbers)


def weights(model: keras.Model, name: str) -> tuple[np.ndarray, np.ndarray]:
    layer = model.get_layer(name)
    return layer.kernel.numpy(), layer.bias.numpy()


@pytest.mark.parametrize("numbers", [3, 5], ids=["with indicators beside them", "all of them"])
def test_numbers_become_mixed_cosines_and_the_rest_stays_as_it_is(numbers: int) -> None:
    model = net({**PERIODIC, "model.periodic": {"frequencies": 6, "size": 2}}, numbers)
    frequencies, phases = weights(model, "periodic_angles")
    mix, bias = weights(model, "periodic_mixed")
    assert frequencies.shape == (numbers, 1, 6)
    assert mix.shape == (numbers, 6, 2)
    embedded = [
        np.cos(X[:, [k]] * frequencies[k] + phases[k]) @ mix[k] + bias[k] for k in range(numbers)
    ]
    expected = np.concatenate([X[:, :numbers], *embedded, X[:, numbers:]], axis=1)
    got = keras.Model(model.input, model.get_layer("periodic").output)(X)
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-5)


def test_frequencies_start_at_their_std_and_phases_all_around() -> None:
    drawn = {"frequencies": 2000, "std": 0.5, "size": 1}
    frequencies, phases = weights(net({**PERIODIC, "model.periodic": drawn}), "periodic_angles")
    # 6000 draws: a standard error of 0.9 %
    assert frequencies.std() == pytest.approx(2 * np.pi * 0.5, rel=0.05)
    assert phases.std() == pytest.approx(np.pi / np.sqrt(3), rel=0.05)
    assert np.abs(phases).max() <= np.pi


def test_the_scale_starts_at_1_and_multiplies_what_the_first_layer_reads() -> None:
    model = net(BOTH)
    scale = model.get_layer("feature_scale")
    assert [w.shape for w in scale.weights] == [(3 + 3 * 3 + 2,)]
    inside = keras.Model(model.input, [scale.input, scale.output])
    before, after = inside(X)
    np.testing.assert_array_equal(before, after)
    scale.kernel.assign(np.arange(14))
    before, after = inside(X)
    np.testing.assert_allclose(after, before * np.arange(14), rtol=1e-6)


@pytest.mark.parametrize(
    ("changes", "shape", "said"),
    [
        pytest.param(PERIODIC, (6, 6, 1), "model.embedding: is for tables", id="images"),
        pytest.param({"model.feature_scale": True}, (6, 6, 1), "model.feature_scale: is for tab",
                     id="a scale for images"),
        pytest.param(PERIODIC, (5,), "model.embedding: the table has no column of numbers",
                     id="no number"),
    ],
)  # fmt: skip
def test_what_they_are_not_for(changes: dict[str, Any], shape: tuple[int, ...], said: str) -> None:
    with pytest.raises(RequestError) as caught:
        net(changes, numbers=0, shape=shape)
    assert str(caught.value).startswith(said)


def test_nets_with_them_share_a_graph_and_learn_in_it() -> None:
    data = dataset()
    settings = config(**{"model.l2": 0.01}).replace(BOTH)
    one = new_model(settings, data, 0)
    other = new_model(settings.replace({"model.l2": 0.02, "train.learning_rate": 0.1}), data, 1)
    assert why_not_fast(one) is None
    assert structure(one)[0] == structure(other)[0]  # type: ignore[index]
    fitted = train(settings, data, 0)
    assert fitted.fallback is None
    for name in ("feature_scale", "periodic_angles", "periodic_mixed"):
        begun, ended = (m.get_layer(name).get_weights() for m in (one, fitted.model))
        assert all((a != b).any() for a, b in zip(begun, ended, strict=True)), name


def test_of_a_table_the_columns_of_numbers_are_embedded(tmp_path: Path) -> None:
    table().to_csv(tmp_path / "my.csv", index=False)
    settings = config().replace({"data.source": f"csv:{tmp_path / 'my.csv'}", **BOTH})
    data = load(settings.data)
    count = data.features.numbers
    assert set(data.features.names[:count]) == {"size", "rooms", "built"}
    assert not set(data.features.names[count:]) & {"size", "rooms", "built"}
    model = new_model(settings, data, 0)
    assert model.get_layer("periodic_angles").kernel.shape[0] == count
    exported = export([model], data)
    assert "recipe>" not in exported.to_json()
    exported.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    raw = data.features.inputs(table().iloc[:20])
    said = exported(raw).numpy()
    np.testing.assert_array_equal(loaded(raw).numpy(), said)
    logits = predict(model, data.features.apply(table().iloc[:20]))
    np.testing.assert_allclose(said, 1 / (1 + np.exp(-logits)), rtol=1e-4)
