"""A training that is killed ends as it would have; a damaged file costs one step, not the run."""

import errno
import json
import logging
import os
import random
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import keras
import ml_dtypes
import numpy as np
import pytest

from recipe.config import RequestError
from recipe.data import Dataset
from recipe.runs import console
from recipe.training import Checkpoint, Fitted, KeepBest, StopAt, fit, new_model
from recipe.training.checkpoint import of_callbacks, put_back
from recipe.training.disturb import Disturbance
from tests.training.kill_me import Fragile, Killed
from tests.training.random_configs import Looks, unequal
from tests.training.tiny import config, dataset

FIT = import_module("recipe.training.fit")
CHECKPOINT = import_module("recipe.training.checkpoint")
ENOSPC = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


Callbacks = list[keras.callbacks.Callback]
DECIDING = ("best", "best_epoch", "since_best", "wait", "stopped_epoch", "cooldown_counter", "seen")


class Adds(keras.callbacks.Callback):
    """Adds to the list that it began with, as our Monitor does."""

    def on_train_begin(self, logs: Any = None) -> None:
        self.seen: list[int] = []

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.seen.append(epoch)


def plateau() -> keras.callbacks.Callback:
    return keras.callbacks.ReduceLROnPlateau("val_loss", 0.5, patience=0, min_delta=0.1)


def falling() -> keras.callbacks.Callback:
    return keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate * 0.8)


def stopping() -> keras.callbacks.Callback:
    return keras.callbacks.EarlyStopping(
        "val_loss", patience=1, min_delta=0.1, restore_best_weights=True
    )


SETTINGS: dict[str, tuple[dict[str, Any], Any, Callable[[], Callbacks]]] = {
    "dropout, batch norm, AdamW": (
        {"model__dropout": 0.3, "model__norm": "batch", "train__optimizer": "adamw",
         "train__weight_decay": 0.1},
        None, lambda: [KeepBest("val_loss"), Adds(), falling()],
    ),
    "noise, momentum, a falling rate": (
        {"model__noise": {"input": 0.2}, "model__l2": 0.01,
         "train__optimizer": {"class_name": "SGD", "config": {"momentum": 0.9}}},
        None, lambda: [plateau(), KeepBest("val_accuracy", patience=2)],
    ),
    "averaged weights, a schedule, stopping early": (
        {"train__optimizer": "adam", "train__ema": 0.6},
        keras.optimizers.schedules.CosineDecay(0.1, 9), lambda: [stopping()],
    ),
    "mixed, noisy, judged under averages": (
        {"model__norm": "batch", "train__mixup": 0.3, "train__ema": 0.6},
        None, lambda: [KeepBest("val_loss")],
    ),
}  # fmt: skip

MORE: dict[str, dict[str, Any]] = {
    "mixed, noisy, judged under averages": {
        "disturbance": Disturbance(mixup=0.3, weight=0.1, gradient=0.1, seed=5),
        "norms": "auto",
        "averages": True,
    }
}
"""Further arguments of `fit`."""


NAME = next(iter(SETTINGS))


def run(
    name: str, checkpoint: Checkpoint | None, data: Dataset | None = None, more: Any = (),
    **given: Any,
) -> tuple[Fitted, Callbacks]:  # fmt: skip
    """One start of a training of this name."""
    changes, schedule, callbacks = SETTINGS[name]
    data = data or dataset()
    seed = given.pop("seed", 2)
    model = new_model(config(**{**changes, **given.pop("changes", {})}), data, seed)
    if schedule is not None:
        model.optimizer.learning_rate = schedule
    made = [*callbacks(), *more]
    settings = {"batch_size": 8, "epochs": 3, "seed": seed, **MORE.get(name, {}), **given}
    fitted = fit(model, data.train, val=data.val, callbacks=made, checkpoint=checkpoint, **settings)
    return fitted, made


@cache
def undisturbed(name: str, stock: bool = False) -> tuple[Fitted, Callbacks]:
    """A training that nobody kills."""
    return run(name, None, more=[Looks()] if stock else [])


def assert_same(one: tuple[Fitted, Callbacks], other: tuple[Fitted, Callbacks]) -> None:
    ours, theirs = one[0], other[0]
    assert ours.history == theirs.history
    assert unequal("variable", ours.model.variables, theirs.model.variables) == []
    for mine, other_callback in zip(one[1], other[1], strict=True):
        for key in DECIDING:
            assert getattr(mine, key, None) == getattr(other_callback, key, None), key


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """One step each: a checkpoint after every step."""
    monkeypatch.setattr(FIT, "BLOCK_STEPS", 1)


@pytest.mark.parametrize("lives", [3, 9, 10])
def test_killed_once_it_ends_as_undisturbed(lives: int, tmp_path: Path, small_blocks: None) -> None:
    """In an epoch, at its end, and after the last one: 3 epochs of 3 steps, and the end."""
    path = tmp_path / "kept.npz"
    with pytest.raises(Killed):
        run(NAME, Fragile(path, lives))
    assert_same(run(NAME, Fragile(path, lives=11 - lives)), undisturbed(NAME))


@pytest.mark.parametrize("name", SETTINGS)
def test_killed_in_every_step_one_after_another(
    name: str, tmp_path: Path, small_blocks: None
) -> None:
    alone = undisturbed(name)
    starts = 0
    while True:
        starts += 1
        try:
            ended = run(name, Fragile(tmp_path / "kept.npz", lives=1))
        except Killed:
            continue
        break
    assert starts == 3 * len(alone[0].history["loss"]) + 2
    assert_same(ended, alone)


@pytest.mark.parametrize("name", [*SETTINGS][:2])
def test_by_keras_own_fit_too(name: str, tmp_path: Path) -> None:
    alone = undisturbed(name, stock=True)
    assert alone[0].fallback
    for lives in (1, 2):
        path = tmp_path / f"{lives}.npz"
        with pytest.raises(Killed):
            run(name, Fragile(path, lives), more=[Looks()])
        assert_same(run(name, Fragile(path), more=[Looks()]), alone)


@pytest.mark.slow
def test_killed_by_the_system(tmp_path: Path) -> None:
    """`make proof ONLY=resume` kills 50 times."""
    command = [sys.executable, "-m", "tests.training.kill_me", str(tmp_path / "killed"),
               "--kills", "3", "--epochs", "20"]  # fmt: skip
    said = subprocess.run(command, capture_output=True, text=True)
    assert said.returncode == 0, said.stdout + said.stderr
    counted = json.loads(said.stdout.splitlines()[-1])
    assert counted["kills"] == 3
    assert counted["equal"] == counted["trainings"]


def test_what_is_done_is_not_trained_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "kept.npz"
    first = run(NAME, Checkpoint(path))
    content = path.read_bytes()
    monkeypatch.setattr(FIT, "_fit_resident", None)
    assert_same(run(NAME, Checkpoint(path)), first)
    assert path.read_bytes() == content


def test_a_training_that_has_stopped_stays_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed between its last epoch and its end."""
    stop = lambda: StopAt(lambda model, logs: int(model.optimizer.iterations) >= 6)  # noqa: E731
    alone = run(NAME, None, more=[stop()])
    with pytest.raises(Killed):
        run(NAME, Fragile(tmp_path / "kept.npz", lives=2), more=[stop()])
    again = run(NAME, Fragile(tmp_path / "kept.npz"), more=[stop()])
    assert_same(again, alone)
    assert [len(each[0].history["loss"]) for each in (alone, again)] == [2, 2]
    assert again[1][-1].epochs == 2


@pytest.mark.parametrize("way", ["resident", "stock"])
def test_a_training_that_broke_stays_broken(tmp_path: Path, way: str) -> None:
    data = dataset()
    x = np.array(data.train.x)
    x[3, 0] = float("nan")
    data = replace(data, train=replace(data.train, x=x))
    more = [Looks()] if way == "stock" else []
    alone = run(NAME, None, data, more)
    path = tmp_path / "kept.npz"
    with pytest.raises(Killed):
        run(NAME, Fragile(path, lives=1), data, more)
    again = run(NAME, Fragile(path), data, more)
    assert alone[0].non_finite is not None
    assert again[0].non_finite == alone[0].non_finite
    assert len(again[0].history["loss"]) == 1
    done = run(NAME, Checkpoint(path), data, more)  # read from a training that is done
    assert done[0].non_finite == alone[0].non_finite


def interrupted(path: Path, lives: int = 2) -> None:
    with pytest.raises(Killed):
        run(NAME, Fragile(path, lives))


def emptied(content: bytes) -> bytes:
    return b""


def truncated(content: bytes) -> bytes:
    return content[: len(content) // 2]


def cut_by_one(content: bytes) -> bytes:
    return content[:-1]


def flipped(content: bytes) -> bytes:
    place = random.Random(0).randrange(len(content))
    return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


DAMAGES = pytest.mark.parametrize("damage", [emptied, truncated, cut_by_one, flipped])


@DAMAGES
def test_a_damaged_file_is_one_step_back(
    damage: Callable[[bytes], bytes], tmp_path: Path, caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(console, "_said", set())
    path = tmp_path / "kept.npz"
    interrupted(path)
    path.write_bytes(damage(path.read_bytes()))
    with caplog.at_level(logging.WARNING, logger="recipe"):
        saved = Checkpoint(path).load()
    assert saved is not None
    assert saved.record["epoch"] == 1
    assert caplog.messages == [f"{path} is damaged: going on from kept.previous.npz, one step back"]
    assert_same(run(NAME, Fragile(path)), undisturbed(NAME))


@DAMAGES
def test_without_a_whole_file_it_never_begins_anew_by_itself(
    damage: Callable[[bytes], bytes], tmp_path: Path
) -> None:
    path = tmp_path / "kept.npz"
    interrupted(path)
    for file in (path, tmp_path / "kept.previous.npz"):
        file.write_bytes(damage(file.read_bytes()))
    with pytest.raises(RequestError) as caught:
        run(NAME, Checkpoint(path))
    assert str(caught.value) == (
        f"{path}: this checkpoint and the one before it can't be read; remove kept.npz and "
        "kept.previous.npz to start the training again"
    )


def test_the_only_file_is_damaged(tmp_path: Path) -> None:
    path = tmp_path / "kept.npz"
    interrupted(path, lives=1)
    path.write_bytes(b"nonsense")
    with pytest.raises(RequestError, match=r"remove kept\.npz to start the training again"):
        Checkpoint(path).load()


def test_killed_between_two_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last state has become the previous, and the new one is not there yet."""
    path = tmp_path / "kept.npz"
    interrupted(path)
    write = CHECKPOINT.write_atomically

    def killed(where: Path, content: bytes) -> None:
        (tmp_path / f".{where.name}.x1y2z3").write_bytes(content[:100])
        raise Killed

    monkeypatch.setattr(CHECKPOINT, "write_atomically", killed)
    with pytest.raises(Killed):
        run(NAME, Fragile(path))
    assert not path.exists()
    monkeypatch.setattr(CHECKPOINT, "write_atomically", write)
    again = run(NAME, Fragile(path))
    assert_same(again, undisturbed(NAME))
    left = sorted(file.name for file in tmp_path.iterdir())
    assert left == ["kept.npz"]  # what the kill had left there is gone


@pytest.mark.parametrize(
    "other",
    [
        pytest.param({"epochs": 5}, id="epochs"),
        pytest.param({"batch_size": 4}, id="batch size"),
        pytest.param({"seed": 3}, id="seed"),
        pytest.param({"data": dataset(train=21)}, id="data"),
        pytest.param({"changes": {"model__widths": (5,)}}, id="another net"),
        pytest.param({"changes": {"train__learning_rate": 0.02}}, id="learning rate"),
        pytest.param({"changes": {"train__optimizer": "adam"}}, id="optimizer"),
        pytest.param({"more": [plateau()]}, id="callbacks"),
    ],
)
def test_the_checkpoint_of_another_training(other: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "kept.npz"
    interrupted(path)
    content = path.read_bytes()
    with pytest.raises(RequestError) as caught:
        run(NAME, Checkpoint(path), **other)
    said = str(caught.value)
    assert said.startswith(f"{path} belongs to another training: {{")
    assert said.endswith("; remove it, or name another file")
    assert "\n" not in said
    assert path.read_bytes() == content


def full_at(number: int, function: Any) -> Callable[..., Any]:
    """A function of the system that finds the disk full at its so-manyeth call."""
    calls = [0]

    def call(*given: Any) -> Any:
        calls[0] += 1
        if calls[0] == number:
            raise ENOSPC
        return function(*given)

    return call


@pytest.mark.parametrize("function", ["fsync", "replace"])
@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_full_disk_is_one_clear_line_and_costs_nothing(
    function: str, number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "kept.npz"
    with monkeypatch.context() as full:
        full.setattr(os, function, full_at(number, getattr(os, function)))
        with pytest.raises(RequestError) as caught:
            run(NAME, Fragile(path))
    assert str(caught.value) in {
        f"{file}: can't be written: No space left on device"
        for file in (path, tmp_path / "kept.previous.npz")
    }
    assert not [file for file in tmp_path.iterdir() if file.name.startswith(".")]
    saved = Checkpoint(path).load()
    epochs = {"fsync": number - 1, "replace": number // 2}[function]
    assert (saved.record["epoch"] if saved else 0) == epochs
    assert_same(run(NAME, Fragile(path)), undisturbed(NAME))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_is_read_only(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(RequestError, match="can't be written: Permission denied"):
        run(NAME, Fragile(tmp_path / "kept.npz"))


def test_a_folder_that_cannot_be_written_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*given: Any, **named: Any) -> Any:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr("recipe.runs.files.tempfile.mkstemp", refused)
    with pytest.raises(RequestError) as caught:
        run(NAME, Fragile(tmp_path / "kept.npz"))
    assert str(caught.value) == f"{tmp_path}/kept.npz: can't be written: Read-only file system"


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "kept.npz").mkdir()
    with pytest.raises(RequestError) as caught:
        Checkpoint(tmp_path / "kept.npz").load()
    assert str(caught.value) == f"{tmp_path}/kept.npz: can't be read: Is a directory"


def test_it_is_written_only_so_often(tmp_path: Path) -> None:
    now = [0.0]
    checkpoint = Checkpoint(tmp_path / "kept.npz", seconds=10, clock=lambda: now[0])
    due = []
    for now[0] in (9.9, 10.0, 11.0, 19.9, 20.0):
        due.append(checkpoint.due)
        if checkpoint.due:
            checkpoint.save({}, {})
    assert due == [False, True, False, False, True]


def test_a_short_training_writes_its_end_alone(tmp_path: Path) -> None:
    run(NAME, Checkpoint(tmp_path / "kept.npz"))
    assert [file.name for file in tmp_path.iterdir()] == ["kept.npz"]


def test_what_is_written_is_what_is_read(tmp_path: Path) -> None:
    arrays = {
        "state/0": np.random.default_rng(0).normal(size=(3, 2)).astype(np.float32),
        "state/1": np.array([1, 2**32 - 1], np.uint32),
        "state/2": np.array(7, np.int64),
        "state/3": np.array([1.5, float("nan")]).astype(ml_dtypes.bfloat16),
        "state/4": np.zeros((0, 4), np.float16),
        "state/5": np.array([True]),
    }
    record = {"epoch": 3, "history": {"loss": [0.1, float("nan"), float("inf")]}}
    checkpoint = Checkpoint(tmp_path / "deep" / "kept.npz")
    assert checkpoint.load() is None
    checkpoint.save(arrays, record)
    saved = checkpoint.load()
    assert saved is not None
    assert repr(saved.record) == repr(record)
    for name, array in arrays.items():
        assert (saved.arrays[name].dtype, saved.arrays[name].shape) == (array.dtype, array.shape)
        assert saved.arrays[name].tobytes() == array.tobytes()


@pytest.mark.parametrize("made", [plateau, stopping])
def test_keras_turns_the_sign_of_the_least_difference(
    made: Callable[[], keras.callbacks.Callback],
) -> None:
    """So a checkpoint must not hold it: the process that goes on turns it again."""
    callback, data = made(), dataset()
    assert callback.min_delta == 0.1
    fit(new_model(config(), data, 0), data.train, val=data.val, batch_size=8, epochs=1, seed=0,
        callbacks=[callback])  # fmt: skip
    assert callback.min_delta == -0.1, "Keras turns it no longer: checkpoint.TURNED may go"
    assert "min_delta" not in of_callbacks([callback])[0][0]


def test_the_state_of_callbacks(tmp_path: Path) -> None:
    def made(stage: int) -> Callbacks:
        keep, reduce, stop = KeepBest("val_loss", patience=3), plateau(), stopping()
        if stage:
            keep.best, keep.since_best = 0.25, 2
            keep.weights = [np.arange(3.0), np.array(2, np.int64), np.ones(2, ml_dtypes.bfloat16)]
            reduce.best, reduce.wait, reduce.cooldown_counter = np.float64(0.3), 1, 4
            stop.best, stop.best_weights = float("inf"), [np.ones((2, 2), np.float32)]
        return [keep, reduce, stop]

    records, arrays = of_callbacks(made(1))
    checkpoint = Checkpoint(tmp_path / "kept.npz")
    checkpoint.save(arrays, {"callbacks": records})
    saved = checkpoint.load()
    assert saved is not None
    fresh = made(0)
    put_back(fresh, saved)
    again, arrays_again = of_callbacks(fresh)
    assert again == records
    assert list(arrays_again) == list(arrays)
    for name, array in arrays.items():
        assert arrays_again[name].tobytes() == array.tobytes()
    assert isinstance(fresh[0], KeepBest)
    assert [*map(type, fresh[0].weights)] == [np.ndarray] * 3
