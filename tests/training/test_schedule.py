"""The learning rate from step to step, against its formula, and in a training."""

import keras
import numpy as np
import pytest

from recipe.training import fit, new_model
from recipe.training.schedule import Schedule
from recipe.training.trace import structure
from tests.training.tiny import config, dataset

STEPS = np.arange(100)


def rates(schedule: Schedule) -> np.ndarray:
    return np.array([float(schedule(step)) for step in STEPS])


@pytest.mark.parametrize(
    ("shape", "formula"),
    [
        pytest.param("constant", lambda t: np.ones_like(t), id="constant"),
        pytest.param("linear", lambda t: 1 - t, id="in a line to 0"),
        pytest.param("cosine", lambda t: (1 + np.cos(np.pi * t)) / 2, id="half a cosine to 0"),
    ],
)
@pytest.mark.parametrize("warmup", [0, 10])
def test_the_rate_of_every_step(shape: str, formula, warmup: int) -> None:
    expected = 0.3 * formula((STEPS - warmup) / (100 - warmup))
    expected[:warmup] = 0.3 * (STEPS[:warmup] + 1) / max(warmup, 1)
    got = rates(Schedule(shape, 0.3, 100, warmup))
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-9)


def test_it_keras_cosine_decay_without_warmup() -> None:
    theirs = keras.optimizers.schedules.CosineDecay(0.3, 100)
    np.testing.assert_allclose(
        rates(Schedule("cosine", 0.3, 100)), [float(theirs(step)) for step in STEPS], atol=1e-7
    )


def test_the_first_step_moves_and_beyond_the_last_it_stays_at_0() -> None:
    schedule = Schedule("linear", 1.0, 10, 5)
    assert float(schedule(0)) == pytest.approx(0.2)
    assert [float(schedule(step)) for step in (10, 99)] == [0.0, 0.0]


def test_it_is_written_and_read_back() -> None:
    schedule = Schedule("cosine", 0.1, 50, 5)
    written = keras.saving.serialize_keras_object(schedule)
    read = keras.saving.deserialize_keras_object(written)
    np.testing.assert_array_equal(rates(read), rates(schedule))


@pytest.mark.parametrize(
    ("changes", "shape"),
    [
        pytest.param({}, None, id="constant: a number"),
        pytest.param({"train__schedule": "cosine"}, "cosine", id="a fall"),
        pytest.param({"train__warmup": 0.5}, "constant", id="a warm-up alone"),
    ],
)
def test_the_config_decides(changes: dict, shape: str | None) -> None:
    data = dataset()
    settings = config(**changes)
    schedule = new_model(settings, data, 0).optimizer._learning_rate
    assert isinstance(schedule, Schedule) == (shape is not None)
    if shape is not None:
        assert schedule.shape == shape
        steps = 3 * settings.train.epochs  # 22 examples in batches of 8
        assert (schedule.peak, schedule.steps) == (0.01, steps)
        assert schedule.warmup == settings.train.warmup * steps


def test_nets_with_other_rates_lengths_and_warmups_share_a_graph() -> None:
    data = dataset()
    written = []
    for changes in (
        {"train__learning_rate": 0.1, "train__epochs": 2, "train__weight_decay": 0.1},
        {"train__learning_rate": 0.3, "train__epochs": 5, "train__weight_decay": 0.2},
    ):
        settings = config(train__optimizer="adamw", train__schedule="linear", train__warmup=0.2,
                          **changes)  # fmt: skip
        found = structure(new_model(settings, data, 0))
        assert found is not None
        written.append(found)
    assert written[0][0] == written[1][0]
    assert written[0][1] != written[1][1]


@pytest.mark.parametrize("clipnorm", [None, 1e-3])
def test_gradients_are_clipped_together(clipnorm: float | None) -> None:
    data = dataset()
    settings = config(train__optimizer="sgd", train__clipnorm=clipnorm, train__epochs=1)
    model = new_model(settings, data, 0)
    before = [weight.numpy() for weight in model.trainable_variables]
    fit(model, data.train, batch_size=22, epochs=1, seed=0)
    moved = [w.numpy() - b for w, b in zip(model.trainable_variables, before, strict=True)]
    norm = np.sqrt(sum((step**2).sum() for step in moved)) / settings.train.learning_rate
    assert (norm <= 1e-3 * 1.001) == (clipnorm is not None)
