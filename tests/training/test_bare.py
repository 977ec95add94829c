"""What holds a net back, found in the net itself."""

from typing import Any

import keras
import pytest

from recipe.config import Config, without_regularization
from recipe.training import new_model
from recipe.training.bare import held_back_by
from tests.training.tiny import config, dataset

LAYERS = ("Flatten", {"class_name": "Dropout", "config": {"rate": 0.3}},
          {"class_name": "Dense", "config": {"units": 4, "kernel_regularizer": "l2"}})  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        pytest.param({}, [], id="nothing"),
        pytest.param({"model__norm": "batch"}, [], id="batch norm is part of how it trains"),
        pytest.param({"model__dropout": 0.2}, ["(Dropout)"], id="dropout"),
        pytest.param({"model__l2": 0.1}, ["regularizer"] * 2, id="L2 of the layer and the head"),
        pytest.param({"model__max_norm": 2.0}, ["constraint"], id="max-norm"),
        pytest.param({"model__noise": {"input": 0.1}}, ["(GaussianNoise)"], id="noise"),
        pytest.param({"train__weight_decay": 0.01}, ["weight decay of 0.01"], id="weight decay"),
        pytest.param({"train__ema": 0.9}, ["average"], id="averaged weights"),
        pytest.param({"train__schedule": "cosine"}, ["schedule"], id="schedule"),
        pytest.param({"train__label_smoothing": 0.1}, ["smoothing of 0.1"], id="smoothing"),
        pytest.param({"train__augment": {"flip": "horizontal"}}, ["at random"], id="augmentation"),
        pytest.param({"model__family": "layers", "model__layers": LAYERS},
                     ["(Dropout)", "regularizer"], id="a list of layers"),
    ],
)  # fmt: skip
def test_what_holds_a_net_back_is_found_and_without_it_is_not(
    changes: dict[str, Any], words: list[str]
) -> None:
    data = dataset(shape=(6, 6, 1))
    asked = config(**changes)
    found = held_back_by(new_model(asked, data, 0))
    assert len(found) == len(words), found
    assert all(word in said for word, said in zip(words, found, strict=True)), found
    assert held_back_by(new_model(without_regularization(asked), data, 0)) == []


def test_a_body_of_somebodys_own_is_looked_into() -> None:
    inputs = keras.Input((8, 3))
    x = keras.layers.GRU(4, recurrent_dropout=0.2)(inputs)
    x = keras.layers.Dense(2, activity_regularizer="l2", name="code")(x)
    model = keras.Model(inputs, keras.layers.Dropout(0.0)(x))
    model.compile("sgd", "mse")
    found = held_back_by(model)
    assert len(found) == 2
    assert "(GRU)" in found[0]
    assert "puts out" in found[1]


def test_a_list_of_layers_keeps_all_else() -> None:
    bare = without_regularization(
        Config().replace({"model.family": "layers", "model.layers": LAYERS})
    )
    first, second = bare.model.layers
    assert first == "Flatten"
    assert not isinstance(second, str)
    assert second.config == {"units": 4}
