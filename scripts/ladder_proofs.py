"""The part of `make proof` about the ladder: does it help where it can, and keep quiet elsewhere?

`DATA=` names a folder with mnist/mnist.npz, for the time on 10,000 of its images.
"""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
from rows import at_most, measured
from scipy import stats
from sklearn.datasets import load_digits

from recipe.config import Config, read
from recipe.data import Dataset, Split, load
from recipe.data.test_set import open_test_set
from recipe.runs.files import read_json
from recipe.training import evaluate, prepare_runtime, train

DIGITS = "configs/digits.yaml"
DRAWS = 3
FEW = 200
FEW_EPOCHS = 150
"""As many steps as the digits' own config makes with all of them."""

JUDGES = range(5_000, 5_010)
"""Seeds that no stage trains with."""

GAIN = 0.02

NULLS = 10
NULL_EXAMPLES, NULL_FEATURES = 2_000, 8
QUIET = 0.9
"""Of ten: each is called better by chance in at most 2.5 %, two of ten in 2.5 % of proofs."""

DIGITS_SECONDS, MNIST_SECONDS = 60.0, 600.0


def regularize(home: Path) -> list[dict[str, Any]]:
    """The ladder with few examples, where nothing can help, and how long it takes."""
    prepare_runtime(None)
    shutil.rmtree(home, ignore_errors=True)
    return [_few(home / "few"), _nothing(home / "nothing"), *_times(home / "times")]


def _few(home: Path) -> dict[str, Any]:
    """Digits cut to 200 training examples; those that were left out judge."""
    gains = []
    for draw in range(DRAWS):
        epochs = f"train: {{epochs: {FEW_EPOCHS}}}"
        path = _written(home / f"draw_{draw}", _few_digits(draw), DIGITS, epochs)
        _climb(path)
        config = read(path)
        won = read(path.parent / "runs" / "some" / "regularize" / "regularized.yaml")
        data = load(config.data)
        judge = open_test_set(config.data, data)
        old, new = (_judged(each, data, judge) for each in (config, won))
        gains.append(float(np.mean(new - old)))
        print(f"draw {draw}: {old.mean():.4f} -> {new.mean():.4f}", flush=True)
    name = (
        f"digits with {FEW} training examples, {DRAWS} draws of them: accuracy that the winner "
        f"gains on the training examples left out, {len(JUDGES)} fresh seeds"
    )
    return measured(name, float(np.mean(gains)), min(gains), max(gains), GAIN)


def _few_digits(draw: int) -> dict[str, np.ndarray]:
    """The digits' own val; 200 of train; and the rest of train in the place of test."""
    data = load(read(DIGITS).data)
    x, y = load_digits(return_X_y=True)
    order = np.random.default_rng(draw).permutation(data.train.ids)
    parts = {"train": order[:FEW], "val": data.val.ids, "test": order[FEW:]}
    images = x.reshape(-1, 8, 8)
    arrays = {f"x_{part}": images[ids] for part, ids in parts.items()}
    return arrays | {f"y_{part}": y[ids] for part, ids in parts.items()}


def _judged(config: Config, data: Dataset, judge: Split) -> np.ndarray:
    """Accuracy of each seed, (seeds,)."""
    scores = []
    for seed in JUDGES:
        fitted = train(config, data, seed, trainings=len(JUDGES))
        scores.append(evaluate(fitted.model, judge, data, config.train.loss)["accuracy"])
    return np.array(scores)


def _nothing(home: Path) -> dict[str, Any]:
    """Labels that are a noisy linear function, and a linear model: it is right already."""
    quiet = 0
    for draw in range(NULLS):
        sections = "model: {widths: []}", "train: {learning_rate: 0.01, epochs: 20}"
        path = _written(home / f"draw_{draw}", _linear(draw), "base.yaml", *sections)
        said = _climb(path)
        quiet += "kept nothing" in said["headline"]
        print(f"nothing to gain, draw {draw}: {said['headline']}", flush=True)
    share = quiet / NULLS
    doubt = stats.binomtest(quiet, NULLS).proportion_ci(0.95)
    name = f"a linear model of noisy linear labels, {NULLS} draws: nothing is kept"
    return measured(name, share, float(doubt.low), float(doubt.high), QUIET)


def _linear(draw: int) -> dict[str, np.ndarray]:
    """Logistic labels (Bayes' own model is the linear one)."""
    rng = np.random.default_rng(draw)
    x = rng.normal(size=(NULL_EXAMPLES, NULL_FEATURES))
    logits = x @ rng.normal(size=NULL_FEATURES)
    return {"x": x, "y": (rng.random(NULL_EXAMPLES) < 1 / (1 + np.exp(-logits))).astype(int)}


def _times(home: Path) -> list[dict[str, Any]]:
    """Processor time: on two idle cores the clock shows less."""
    rows = [_timed(home / "digits", DIGITS, "digits", DIGITS_SECONDS)]
    if os.environ.get("DATA"):
        source = Path(os.environ["DATA"], "mnist", "mnist.npz").resolve()
        path = _config(home / "mnist", "configs/digits_cnn.yaml",
                       f"data: {{source: 'npz:{source}', limit: 10000}}",
                       "model: {filters: [16, 32]}", "train: {epochs: 8}")  # fmt: skip
        rows.append(_timed(home / "mnist", path, "10,000 images of MNIST, a cnn", MNIST_SECONDS))
    return rows


def _timed(path: Path, config: Path | str, name: str, bar: float) -> dict[str, Any]:
    """The whole stage in a process of its own, TensorFlow's import too."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    said = _stage(config, path)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    made, clock = said["metrics"]["trainings"], said["seconds"]
    row = f"{name}: seconds of processor time for {made:.0f} trainings ({clock:.0f} by the clock)"
    return at_most(row, spent, spent, spent, bar)


def _written(home: Path, arrays: dict[str, np.ndarray], base: str, *sections: str) -> Path:
    """A config of arrays."""
    home.mkdir(parents=True)
    np.savez(home / "some.npz", **arrays)
    source = (home / "some.npz").resolve()
    return _config(home, base, f"data: {{source: 'npz:{source}'}}", *sections)


def _config(home: Path, base: str, *sections: str) -> Path:
    home.mkdir(parents=True, exist_ok=True)
    path = home / "some.yaml"
    extends = Path("configs", Path(base).name).resolve()
    path.write_text("\n".join([f"extends: {extends}", *sections]) + "\n", encoding="utf-8")
    return path


def _climb(path: Path) -> dict[str, Any]:
    return _stage(path, path.parent / "runs")


def _stage(config: Path | str, runs: Path) -> dict[str, Any]:
    """What the stage says of the config as it is: by force, without the stages before."""
    command = [sys.executable, "-m", "recipe", "regularize", str(config), "--force", "--quiet"]
    subprocess.run([*command, "--runs", str(runs)], check=True, stderr=subprocess.DEVNULL)
    said = read_json(runs / Path(config).stem / "regularize" / "result.json")
    assert said is not None
    return said
