"""Changes that turn one config into another."""

from typing import Any

import pytest

from recipe.config import Config, grown, without_regularization

REGULARIZED = {
    "model.dropout": 0.5,
    "model.l2": 1e-3,
    "model.noise.input": 0.1,
    "model.noise.activation": 0.1,
    "model.noise.weight": 0.1,
    "model.noise.gradient": 0.1,
    "train.weight_decay": 0.01,
    "train.mixup": 0.2,
    "train.ema": 0.99,
    "train.early_stopping": 3,
}


@pytest.mark.parametrize("key", REGULARIZED)
def test_the_bare_net_is_held_back_by_nothing(key: str) -> None:
    bare = without_regularization(Config().replace({key: REGULARIZED[key]}))
    assert bare.get(key) == Config().get(key)


def test_the_bare_net_is_otherwise_the_same() -> None:
    rest = {"model.norm": "batch", "model.widths": (8,), "train.epochs": 3, "seed": 7}
    config = Config().replace(rest)
    assert without_regularization(config.replace(REGULARIZED)) == config
    assert without_regularization(config) == config


@pytest.mark.parametrize(
    ("changes", "width", "layers", "widths", "filters"),
    [
        pytest.param({"model.widths": (8, 4)}, 2, 0, (16, 8), (16, 32), id="an mlp grows wide"),
        pytest.param({"model.widths": (8, 4)}, 1, 2, (8, 4, 4, 4), (16, 32), id="and deep"),
        pytest.param({"model.widths": (8, 4)}, 2, 1, (16, 8, 8), (16, 32), id="and both"),
        pytest.param({"model.widths": (3,)}, 0.1, 0, (1,), (16, 32), id="never below one unit"),
        pytest.param({"model.widths": ()}, 2, 1, (64,), (16, 32), id="a first layer has 64"),
        pytest.param({"model.widths": (8,)}, 1.5, 0, (12,), (16, 32), id="by a fraction"),
        pytest.param(
            {"model.family": "cnn", "model.widths": (8,)}, 2, 1, (16, 16), (32, 64), id="a cnn"
        ),
        pytest.param(
            {"model.family": "my:net"}, 2, 1, (64, 64), (16, 32), id="a net of your own stays"
        ),
        pytest.param({}, 1, 0, (64, 64), (16, 32), id="by nothing"),
    ],
)
def test_a_grown_net(
    changes: dict[str, Any],
    width: float,
    layers: int,
    widths: tuple[int, ...],
    filters: tuple[int, ...],
) -> None:
    config = Config().replace(changes)
    larger = grown(config, width, layers)
    assert (larger.model.widths, larger.model.filters) == (widths, filters)
    sizes = {"model.widths": config.model.widths, "model.filters": config.model.filters}
    assert larger.replace(sizes) == config
