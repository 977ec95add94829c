"""From a config to a trained net: which weights it ends with, who weighs what, on which devices."""

import gc
import json
import logging
import os
import subprocess
import sys
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from recipe.config import RequestError, Task
from recipe.runs import console
from recipe.training import Checkpoint, evaluate, fit, new_model, train
from recipe.training.fast_path import XLA_STEPS
from recipe.training.objective import example_weights
from tests.training.random_configs import Rows, keras_fit, unequal
from tests.training.tiny import config, dataset

TRAIN = import_module("recipe.training.train")


class Weights(keras.callbacks.Callback):
    """The weights after each epoch."""

    def __init__(self) -> None:
        super().__init__()
        self.after: list[list[np.ndarray]] = []

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.after.append([np.array(weight.numpy()) for weight in self.model.weights])


@pytest.mark.parametrize(
    ("task", "changes", "monitor", "best_of"),
    [
        pytest.param(Task.MULTICLASS, {}, None, ("val_accuracy", np.argmax), id="accuracy"),
        pytest.param(Task.REGRESSION, {}, None, ("val_r2", np.argmax), id="r2"),
        pytest.param(Task.BINARY, {"train__metric": "loss"}, None, ("val_loss", np.argmin),
                     id="loss, by the config"),
        pytest.param(Task.MULTICLASS, {}, "loss", ("loss", np.argmin), id="as asked"),
    ],
)  # fmt: skip
def test_it_ends_with_the_weights_of_its_best_epoch(
    task: Task, changes: dict[str, Any], monitor: str | None, best_of: Any
) -> None:
    weights = Weights()
    settings = config(train__learning_rate=0.5, train__epochs=6, **changes)
    fitted = train(settings, dataset(task), 3, [weights], monitor=monitor)
    name, choose = best_of
    best = int(choose(fitted.history[name]))
    assert unequal("weight", weights.after[best], fitted.model.weights) == []


def test_without_a_better_epoch_it_stops_when_the_config_says() -> None:
    settings = config(train__early_stopping=1, train__epochs=30, train__learning_rate=5.0)
    scores = train(settings, dataset(), seed=0).history["val_accuracy"]
    assert len(scores) < 30
    assert len(scores) - 1 - int(np.argmax(scores)) == 1


def test_training_examples_are_measured_like_unseen_ones() -> None:
    """In inference mode, all of them: `train_loss` has no dropout in it, as `loss` has."""
    data = dataset()
    settings = config(model__dropout=0.5, train__epochs=1, model__norm="batch")
    fitted = train(settings, data, seed=0, sample=data.train)
    now = evaluate(fitted.model, data.train, data)
    assert fitted.history["train_loss"] == [pytest.approx(now["loss"], rel=1e-5)]
    assert fitted.history["train_accuracy"] == [pytest.approx(now["accuracy"])]
    assert fitted.history["loss"] != fitted.history["train_loss"]


@pytest.mark.parametrize(
    ("task", "labels", "weights"),
    [
        pytest.param(Task.BINARY, [0] * 15 + [1] * 5, [2 / 3] * 15 + [2.0] * 5, id="3 to 1"),
        pytest.param(Task.MULTICLASS, [0, 1, 2] * 4, [1.0] * 12, id="balanced already"),
        pytest.param(Task.MULTICLASS, [0] * 6 + [2] * 2, [2 / 3] * 6 + [2.0] * 2,
                     id="a class that train lacks"),
    ],
)  # fmt: skip
def test_every_class_weighs_the_same(task: Task, labels: list[int], weights: list[float]) -> None:
    data = dataset(task, train=len(labels), y=np.array(labels))
    given = example_weights(config(train__class_weight="balanced"), data)
    assert given is not None
    np.testing.assert_allclose(given, weights, rtol=1e-6)
    assert given.mean() == pytest.approx(1)
    assert example_weights(config(), data) is None


@pytest.mark.parametrize("task", [Task.REGRESSION, Task.MULTILABEL], ids=str)
def test_without_one_class_an_example_there_is_none_to_weigh(task: Task) -> None:
    with pytest.raises(RequestError) as caught:
        train(config(train__class_weight="balanced"), dataset(task), seed=0)
    assert str(caught.value) == (
        f"train.class_weight: {task} has not one class an example; write none"
    )


def test_weights_are_those_of_keras() -> None:
    """`class_weight` of Keras's `fit`, given to each example."""
    data = dataset(Task.BINARY, train=20, y=np.array([0] * 15 + [1] * 5))
    settings = config(train__class_weight="balanced", train__epochs=2)
    weights = example_weights(settings, data)
    ours, theirs = (new_model(settings, data, 0) for _ in range(2))
    fit(ours, data.train, weights=weights, batch_size=8, epochs=2, seed=0)
    split = replace(data, train=data.train)
    keras_fit(theirs, split, size=8, epochs=2, seed=0, weights=weights, validates=False)
    assert unequal("variable", ours.variables, theirs.variables) == []
    plain = new_model(settings, data, 0)
    fit(plain, data.train, batch_size=8, epochs=2, seed=0)
    assert unequal("variable", ours.variables, plain.variables) != []


@pytest.mark.parametrize(
    ("jit", "trainings", "changes", "used"),
    [
        pytest.param("auto", 1, {}, False, id="auto, few steps"),
        pytest.param("auto", XLA_STEPS // 6, {}, False, id="auto, almost enough"),
        pytest.param("auto", XLA_STEPS // 6 + 1, {}, True, id="auto, many trainings"),
        pytest.param("auto", XLA_STEPS, {"model__dropout": 0.1}, False, id="auto, dropout"),
        pytest.param(True, 1, {"model__dropout": 0.1}, True, id="on"),
        pytest.param(False, XLA_STEPS, {}, False, id="off"),
    ],
)
def test_xla_where_it_pays_or_is_asked_for(
    jit: Any, trainings: int, changes: dict[str, Any], used: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def noted(*given: Any, jit: bool, **settings: Any) -> Any:
        asked.append(jit)

    monkeypatch.setattr(TRAIN, "fit", noted)
    settings = config(train__jit=jit, **changes)  # 2 epochs of 3 steps
    train(settings, dataset(), seed=0, trainings=trainings)
    assert asked == [used]


def test_where_kernels_are_cleared_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = config(model__dropout=0.5, model__norm="batch")
    runs = []
    for nets in (1, 10**9):
        monkeypatch.setattr("recipe.training.compile.NETS_OF_KERNELS", nets)
        runs.append(train(settings, dataset(), seed=4))
    assert unequal("variable", runs[0].model.variables, runs[1].model.variables) == []
    assert runs[0].history == runs[1].history


@pytest.mark.slow
def test_a_process_does_not_grow_with_its_trainings() -> None:
    """100 of one architecture, that differ in what may differ: under 25 MB."""
    data = dataset()
    for number in range(110):
        if number == 10:  # what is made once has been made
            before = resident()
        settings = config(
            train__epochs=1, train__learning_rate=0.001 * (1 + number % 7), model__norm="batch",
            model__dropout=0.1 * (1 + number % 5), train__weight_decay=0.01 * (1 + number % 3),
        )  # fmt: skip
        train(settings, data, seed=number)
    assert resident() - before < 25


def resident() -> float:
    """MB of this process that are in memory."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def test_mirrored_on_one_device_is_single(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(console, "_said", set())
    data, changes = dataset(), {"model__norm": "batch", "model__dropout": 0.3}
    with caplog.at_level(logging.WARNING, logger="recipe"):
        mirrored = train(config(**changes, train__strategy="mirrored"), data, 0)
    assert caplog.messages == ["train.strategy: there is one device only; trained as single"]
    single = train(config(**changes), data, 0)
    assert (mirrored.fallback, mirrored.history) == (None, single.history)
    assert unequal("weight", mirrored.model.weights, single.model.weights) == []


@pytest.mark.slow
def test_mirrored_on_two_devices(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.training.mirrored", str(tmp_path)]
    said = subprocess.run(command, capture_output=True, text=True)
    assert said.returncode == 0, said.stderr
    found = json.loads(said.stdout.splitlines()[-1])
    best, is_best = found.pop("best")
    assert (is_best, best < 2) == (True, True)  # else it shows nothing
    # the sums of two halves are rounded in another order
    assert 0 < found.pop("difference") < 1e-6
    assert found == {
        "devices": 2,
        "fallback": "train.strategy: mirrored",
        "said": ["trained by Keras's own fit: train.strategy: mirrored"],
        "steps": [6, 6],  # a batch is divided, not made larger
        "odd": [6, False, True],
        "killed": True,
        "resumed": [True, True],
        "broken": "loss in epoch 1",
        "refused": "train.batch_size: 7 examples can't be divided evenly among 2 devices; write 8",
    }


def test_a_checkpoint_goes_through(tmp_path: Path) -> None:
    path, rows = tmp_path / "kept.npz", Rows()
    first = train(config(), dataset(), 0, [Rows()], checkpoint=Checkpoint(path))
    again = train(config(), dataset(), 0, [rows], checkpoint=Checkpoint(path))
    assert again.history == first.history
    assert unequal("variable", again.model.variables, first.model.variables) == []
