"""The optimizer, loss and metric of a config."""

from typing import Any

import keras
import numpy as np
import pytest

from recipe.config import RequestError, Task
from recipe.config.names import OPTIMIZERS
from recipe.training import batch_size, new_model, steps_per_epoch
from recipe.training.compile import optimizer
from tests.training.tiny import config, dataset

SGD = {"class_name": "SGD", "config": {"momentum": 0.9, "nesterov": True}}


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("decay", [0.0, 0.5])
def test_every_optimizer_takes_the_rate_and_the_decay(name: str, decay: float) -> None:
    made = optimizer(config(train__optimizer=name, train__weight_decay=decay), 9)
    assert type(made) is type(keras.optimizers.get(name))
    assert float(made.learning_rate) == pytest.approx(0.01)
    assert (made.weight_decay or 0.0) == decay


def test_an_optimizer_with_arguments() -> None:
    made = optimizer(config(train__optimizer=SGD), 9)
    assert isinstance(made, keras.optimizers.SGD)
    assert (made.momentum, made.nesterov) == (0.9, True)
    assert float(made.learning_rate) == pytest.approx(0.01)


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        pytest.param({"class_name": "SGDD"}, "SGDD: Could not interpret optimizer",
                     id="no such optimizer"),
        pytest.param({"class_name": "SGD", "config": {"momentun": 0.9}}, "SGD: .*momentun",
                     id="no such argument"),
        pytest.param({"class_name": "SGD", "config": {"momentum": 9}}, "SGD: `momentum` must be",
                     id="a value out of range"),
        pytest.param({"class_name": "Adam", "config": {"clipnorm": 1.0, "clipvalue": 1.0}},
                     "Adam: Only one of", id="arguments that exclude each other"),
        pytest.param({"class_name": "LossScaleOptimizer"}, "LossScaleOptimizer: .*inner_optimizer",
                     id="an optimizer that wraps another"),
    ],
)  # fmt: skip
def test_what_keras_refuses_is_a_wrong_request(given: Any, problem: str) -> None:
    optimizer(config(train__optimizer=SGD), 9)
    with pytest.raises(RequestError, match=r"^train\.optimizer: " + problem) as caught:
        optimizer(config(train__optimizer=given), 9)
    assert "\n" not in str(caught.value)


def after_a_step_without_gradient(
    task: Task, changes: dict[str, Any]
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Weights of a convolutional net before and after, by name: decay is all that happens."""
    data = dataset(task, shape=(4, 4, 1))
    model = new_model(
        config(model__family="cnn", model__filters=(2,), model__norm="layer",
               model__norm_position="post", **changes), data, seed=0
    )  # fmt: skip
    rng = np.random.default_rng(0)
    for weight in model.trainable_variables:
        weight.assign(rng.normal(1, 0.1, weight.shape))
    before = [weight.numpy() for weight in model.trainable_variables]
    model.optimizer.apply(
        [np.zeros_like(weight) for weight in before], list(model.trainable_variables)
    )
    return {
        weight.path: (was, weight.numpy())
        for was, weight in zip(before, model.trainable_variables, strict=True)
    }


DECAYING = ("adam", "adamw", "lion", "muon", "rmsprop", "sgd")
"""ftrl is left out: it sets a weight that had no gradient yet to zero by itself."""


@pytest.mark.parametrize("name", DECAYING)
def test_weight_decay_pulls_at_kernels_alone(name: str) -> None:
    weights = after_a_step_without_gradient(
        Task.MULTICLASS, {"train__optimizer": name, "train__weight_decay": 0.5}
    )
    assert len(weights) == 3 * 2 + 2 * 2  # kernels and biases; gammas and betas
    for path, (before, after) in weights.items():
        factor = 1 - 0.01 * 0.5 if path.endswith("kernel") else 1.0
        np.testing.assert_allclose(after, before * factor, rtol=1e-6, err_msg=path)


@pytest.mark.parametrize(
    "given",
    [*DECAYING, "schedulefreeadamw", "nadam", {"class_name": "AdamW"}, {"class_name": "Muon"}],
    ids=str,
)
def test_without_weight_decay_nothing_decays(given: Any) -> None:
    for path, (before, after) in after_a_step_without_gradient(
        Task.BINARY, {"train__optimizer": given}
    ).items():
        np.testing.assert_allclose(after, before, rtol=1e-6, err_msg=path)


@pytest.mark.parametrize(
    ("examples", "batch", "given", "expected"),
    [
        pytest.param(10, 10, "auto", 0.01, id="one step: the batch itself"),
        pytest.param(100, 10, "auto", 0.01 ** (1 / 10), id="ten steps: 1 % is left"),
        pytest.param(101, 10, "auto", 0.01 ** (1 / 11), id="the partial batch is a step"),
        pytest.param(8000, 8, "auto", 0.99, id="many steps: Keras's default"),
        pytest.param(10, 10, 0.9, 0.9, id="as chosen"),
        pytest.param(10, 10, 0.0, 0.0, id="none, as chosen"),
    ],
)
def test_the_momentum_of_batch_norm(examples: int, batch: int, given: Any, expected: float) -> None:
    data = dataset(train=examples, val=2)
    settings = config(model__norm="batch", model__norm_momentum=given, train__batch_size=batch)
    (norm,) = [x for x in new_model(settings, data, 0).layers if hasattr(x, "momentum")]
    assert norm.momentum == pytest.approx(expected)
    if given == "auto":
        assert norm.momentum ** steps_per_epoch(settings, examples) <= 0.01 + 1e-9


@pytest.mark.parametrize(
    ("size", "examples", "batch", "steps"),
    [(8, 22, 8, 3), (8, 24, 8, 3), (8, 5, 5, 1), ("full", 22, 22, 1), (1, 22, 1, 22)],
)
def test_batches_of_an_epoch(size: Any, examples: int, batch: int, steps: int) -> None:
    settings = config(train__batch_size=size)
    assert batch_size(settings, examples) == batch
    assert steps_per_epoch(settings, examples) == steps


@pytest.mark.parametrize(
    ("task", "loss", "metric"),
    [
        (Task.MULTICLASS, keras.losses.SparseCategoricalCrossentropy, "accuracy"),
        (Task.BINARY, keras.losses.BinaryCrossentropy, "accuracy"),
        (Task.REGRESSION, keras.losses.MeanSquaredError, "r2"),
    ],
    ids=str,
)
def test_the_loss_of_a_task_takes_logits(task: Task, loss: type, metric: str) -> None:
    model = new_model(config(), dataset(task), 0)
    assert type(model.loss) is loss
    assert getattr(model.loss, "from_logits", True)
    assert [m.name for m in model._compile_metrics._user_metrics] == [metric]
    assert not model.jit_compile


def test_the_seed_decides_the_weights() -> None:
    first, again, other = (new_model(config(), dataset(), seed).get_weights() for seed in (0, 0, 1))
    assert all((a == b).all() for a, b in zip(first, again, strict=True))
    assert (first[0] != other[0]).all()
