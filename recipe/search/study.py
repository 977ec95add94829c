"""Runs trials, and never runs one twice.

KerasTuner proposes; each finished trial is written at once to a file named by all that its score
depends on. A study that was killed starts its oracle anew with the same seed: it proposes the
same trials, and those that have a file are not trained again. So a kill loses at most one trial,
and no damage to KerasTuner's own files can lose any.
"""

from __future__ import annotations

import json
import math
import time
import warnings
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import keras_tuner as kt
import numpy as np
from sklearn.exceptions import ConvergenceWarning

from recipe.config import Config, Range
from recipe.data import Dataset
from recipe.data.dataset import fingerprint as data_fingerprint
from recipe.runs import fingerprint
from recipe.runs.console import Advance
from recipe.runs.files import read_json, write_atomically
from recipe.search.space import changes, declare, space_of
from recipe.training import HIGHER_IS_BETTER, Checkpoint, deciding_metric, evaluate, train


@dataclass(frozen=True)
class Trial:
    """A config that was tried."""

    number: int
    changes: dict[str, Any]
    """Dotted keys and values over the incumbent."""

    score: float
    """The deciding metric on val, in inference mode; NaN: the training diverged."""

    seconds: float

    @property
    def feasible(self) -> bool:
        """Whether it has a score at all."""
        return math.isfinite(self.score)


def run_study(config: Config, data: Dataset, folder: Path, advance: Advance) -> list[Trial]:
    """Search the config's space.

    Args:
        config: the incumbent; its `search` section says how to search.
        data: trained on train, scored on val.
        folder: where trials are kept.
        advance: told after each trial.

    Returns:
        All trials in the order of their numbers.
    """
    space = space_of(config)
    metric = deciding_metric(config, data.task)
    settings = config.search
    base = config.replace({"train.epochs": settings.epochs or config.train.epochs})
    own_net = [base.model.family] if ":" in base.model.family else []
    weights = base.model.weights_file
    depends_on = fingerprint.digest(
        base.seed,
        base.model.model_dump(mode="json"),
        base.train.model_dump(mode="json"),
        base.data.model_dump(mode="json"),
        data_fingerprint(base.data),
        fingerprint.of_code("recipe.search.study", own_net),
        *([fingerprint.of_file(Path(weights))] if weights else []),
    )
    trials: list[Trial] = []

    def run(number: int, values: dict[str, Any]) -> float:
        tried = changes(space, values)
        path = folder / "trials" / f"{fingerprint.digest(depends_on, tried)}.json"
        known = _known(path, number, tried)
        kept = Checkpoint(path.with_suffix(".npz"))
        trial = known or _train(base.replace(tried), data, metric, number, tried, kept)
        if known is None:
            write_atomically(path, json.dumps(asdict(trial), indent=1) + "\n")
        kept.remove()
        trials.append(trial)
        said = f"val {metric} {trial.score:.4f}" if trial.feasible else "diverged"
        advance(f"trial {number + 1}, {said}" + (" (known)" if known else ""))
        return trial.score

    _search(config, space, metric, folder / "keras_tuner", run)
    return trials


def _spread(seed: int) -> int:
    """A seed for KerasTuner, which counts on from it with each trial, and for which 0 means none.

    Seeds that follow each other would propose the same trials, one place further on.
    """
    return 1 + int(np.random.SeedSequence(seed).generate_state(1)[0]) // 2


def _known(path: Path, number: int, tried: dict[str, Any]) -> Trial | None:
    """The trial that a file holds, None if it holds none."""
    try:
        stored = read_json(path)
        return Trial(number, tried, float(stored["score"]), float(stored["seconds"]))
    except (TypeError, KeyError, ValueError):
        return None


def _train(
    config: Config,
    data: Dataset,
    metric: str,
    number: int,
    tried: dict[str, Any],
    kept: Checkpoint,
) -> Trial:
    started = time.monotonic()
    # all trials share the seed: what differs between them is the config alone
    fitted = train(config, data, config.seed, checkpoint=kept)
    score = float("nan")
    if not fitted.diverged:
        score = evaluate(fitted.model, data.val, data, config.train.loss)[metric]
    return Trial(number, tried, float(score), round(time.monotonic() - started, 2))


def _search(config: Config, space: dict[str, Range], metric: str, folder: Path, run: Any) -> None:
    """Let KerasTuner propose until `search.max_trials` trials are done."""
    oracles = {
        "random": kt.oracles.RandomSearchOracle,
        "bayesian": kt.oracles.BayesianOptimizationOracle,
    }
    direction = "max" if HIGHER_IS_BETTER[metric] else "min"
    oracle = oracles[config.search.oracle](
        objective=kt.Objective("score", direction),
        max_trials=config.search.max_trials,
        seed=_spread(config.seed),
        hyperparameters=declare(space),
        tune_new_entries=False,
        # a trial that diverges is an answer; three in a row would end KerasTuner's search
        max_consecutive_failed_trials=config.search.max_trials + 1,
    )

    class Tuner(kt.Tuner):
        def run_trial(self, trial: Any, *args: Any, **kwargs: Any) -> dict[str, float]:
            try:
                score = run(int(trial.trial_id), trial.hyperparameters.values)
            except Exception as error:  # KerasTuner would print it, and go on without the trial
                raise kt.errors.FatalError from error
            if not math.isfinite(score):
                raise kt.errors.FailedTrialError("diverged")
            return {"score": score}

    tuner = Tuner(oracle, directory=str(folder.parent), project_name=folder.name, overwrite=True)
    try:
        with warnings.catch_warnings():
            # of the Gaussian process behind "bayesian": few trials fix its scale badly
            warnings.simplefilter("ignore", ConvergenceWarning)
            tuner.search(verbose=0)
    except kt.errors.FatalError as fatal:
        raise fatal.__cause__ or fatal from None
