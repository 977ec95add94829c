"""Ranges become KerasTuner's hyperparameters, and its values config changes."""

import math
from typing import Any

import keras_tuner as kt
import numpy as np
import pytest

from recipe.config import Config
from recipe.config.types import Range
from recipe.search import space_of
from recipe.search.space import changes, declare

SPACE = {
    "train.learning_rate": Range(log=(1e-4, 1e-1)),
    "model.dropout": Range(linear=(0.0, 0.5)),
    "train.epochs": Range(int=(3, 9)),
    "model.widths": Range(choice=([8], [8, 4], [])),
    "train.batch_size": Range(choice=(16, "full", 64)),
    "model.activation": Range(choice=("relu", {"class_name": "LeakyReLU", "config": {}})),
    "train.early_stopping": Range(choice=(None, 5)),
}


def drawn(count: int, seed: int = 1) -> list[dict[str, Any]]:
    """Changes that KerasTuner proposes."""
    oracle = kt.oracles.RandomSearchOracle(
        objective=kt.Objective("score", "max"),
        max_trials=count,
        seed=seed,
        hyperparameters=declare(SPACE),
    )
    return [changes(SPACE, oracle.populate_space(str(k))["values"]) for k in range(count)]


def test_every_proposal_is_a_config_with_values_of_the_space() -> None:
    proposals = drawn(200)
    for proposal in proposals:
        assert list(proposal) == list(SPACE)
        config = Config().replace(proposal)
        assert 1e-4 <= config.train.learning_rate <= 1e-1
        assert 0 <= config.model.dropout <= 0.5
        assert type(proposal["train.epochs"]) is int
        assert type(proposal["train.learning_rate"]) is float
        for key, values in SPACE.items():
            if values.choice is not None:
                assert proposal[key] in values.choice
    for key, values in SPACE.items():
        seen = [proposal[key] for proposal in proposals]
        if values.choice is not None:
            assert all(value in seen for value in values.choice), key
    assert {proposal["train.epochs"] for proposal in proposals} == set(range(3, 10))


def test_a_log_range_is_uniform_in_the_logarithm() -> None:
    decades = [math.floor(math.log10(p["train.learning_rate"])) for p in drawn(300)]
    assert all(60 < decades.count(decade) < 140 for decade in (-4, -3, -2))


@pytest.mark.parametrize(
    ("values", "kind", "ends"),
    [
        pytest.param(Range(log=(1e-4, 1e-1)), kt.engine.hyperparameters.Float, (1e-4, 1e-1),
                     id="log"),
        pytest.param(Range(linear=(0.0, 0.5)), kt.engine.hyperparameters.Float, (0.0, 0.5),
                     id="linear"),
        pytest.param(Range(int=(3, 9)), kt.engine.hyperparameters.Int, (3, 9), id="int"),
    ],
)  # fmt: skip
def test_the_ends_of_a_range(values: Range, kind: type, ends: tuple[float, float]) -> None:
    (declared,) = declare({"a": values}).space
    assert isinstance(declared, kind)
    assert (declared.min_value, declared.max_value) == ends
    assert values.endpoints == ends
    assert declared.sampling == ("log" if values.log else "linear")


def test_values_of_any_type_survive() -> None:
    values = {key: hp.default for key, hp in zip(SPACE, declare(SPACE).space, strict=True)}
    back = changes(SPACE, values)
    assert back["model.widths"] == [8]
    assert back["train.batch_size"] == 16
    assert back["train.early_stopping"] is None
    assert type(back["train.epochs"]) is int


def test_values_of_numpy_become_pythons() -> None:
    """The Bayesian oracle proposes such; a config and JSON take none."""
    space = {"train.epochs": SPACE["train.epochs"], "model.dropout": SPACE["model.dropout"]}
    back = changes(space, {"train.epochs": np.int64(3), "model.dropout": np.float32(0.25)})
    assert back == {"train.epochs": 3, "model.dropout": 0.25}
    assert [type(value) for value in back.values()] == [int, float]


@pytest.mark.parametrize("family", ["mlp", "cnn", "my_nets:net"])
def test_every_family_has_a_space_of_valid_configs(family: str) -> None:
    config = Config().replace({"model.family": family})
    space = space_of(config)
    assert {"train.learning_rate", "train.weight_decay"} <= set(space)
    plain = {
        key: values.model_dump(mode="json", exclude_none=True) for key, values in space.items()
    }
    assert config.replace({"search.space": plain}).search.space == space


def test_a_space_of_ones_own_replaces_the_default() -> None:
    config = Config().replace({"search.space": {"model.dropout": {"linear": [0.1, 0.2]}}})
    assert list(space_of(config)) == ["model.dropout"]
