"""A study never trains a trial twice, whatever happens to it between two commands."""

import json
import math
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from recipe.config import Config, RequestError
from recipe.data import Dataset
from recipe.search import Trial, run_study, study
from recipe.training import Checkpoint
from tests.training import tiny

SPACE = {
    "train.learning_rate": {"log": [1e-4, 1e-1]},
    "model.widths": {"choice": [[4], [8], [4, 4]]},
    "train.epochs": {"int": [1, 3]},
}


class Lab:
    """Stands for training: scores are a function of the config, trainings are counted."""

    def __init__(self) -> None:
        self.trained: list[Config] = []
        self.diverges = lambda config: False
        self.worst = math.nan

    def train(
        self, config: Config, data: Dataset, seed: int, *, checkpoint: Checkpoint
    ) -> SimpleNamespace:
        self.trained.append(config)
        assert checkpoint.path.suffix == ".npz"
        return SimpleNamespace(model=config, diverged=False)

    def evaluate(
        self, config: Config, split: Any, data: Dataset, loss: str = "auto"
    ) -> dict[str, float]:
        if self.diverges(config):
            return {"accuracy": self.worst, "loss": -self.worst}
        rate = -abs(math.log10(config.train.learning_rate) + 2.5)  # best at 10^-2.5
        return {"accuracy": rate, "loss": -rate}


@pytest.fixture
def lab(monkeypatch: pytest.MonkeyPatch) -> Lab:
    made = Lab()
    monkeypatch.setattr(study, "train", made.train)
    monkeypatch.setattr(study, "evaluate", made.evaluate)
    return made


DATA = tiny.dataset()


def search(folder: Path, max_trials: int = 5, **changes: Any) -> list[Trial]:
    settings = {"search.space": SPACE, "search.max_trials": max_trials, "data.limit": 50}
    return run_study(Config().replace(settings | changes), DATA, folder, lambda note: None)


def timeless(trials: list[Trial]) -> list[tuple[Any, ...]]:
    return [(trial.number, repr(trial.changes), repr(trial.score)) for trial in trials]


def files(folder: Path) -> list[Path]:
    return sorted((folder / "trials").iterdir())


@pytest.mark.parametrize("oracle", ["random", "bayesian"])
def test_trials_are_within_the_space_and_scored(lab: Lab, tmp_path: Path, oracle: str) -> None:
    trials = search(tmp_path, 6, **{"search.oracle": oracle})
    assert [trial.number for trial in trials] == list(range(6))
    assert len(lab.trained) == len(files(tmp_path)) == 6
    for trial, config in zip(trials, lab.trained, strict=True):
        assert list(trial.changes) == list(SPACE)
        assert all(config.get(key) == (tuple(v) if isinstance(v, list) else v)
                   for key, v in trial.changes.items())  # fmt: skip
        assert trial.score == lab.evaluate(config, None, DATA)["accuracy"]
        assert trial.feasible
        assert trial.seconds >= 0


@pytest.mark.parametrize("oracle", ["random", "bayesian"])
def test_a_second_run_trains_nothing(lab: Lab, tmp_path: Path, oracle: str) -> None:
    first = search(tmp_path, 8, **{"search.oracle": oracle})
    second = search(tmp_path, 8, **{"search.oracle": oracle})
    assert second == first
    assert len(lab.trained) == 8


@pytest.mark.parametrize("oracle", ["random", "bayesian"])
def test_the_seed_decides(lab: Lab, tmp_path: Path, oracle: str) -> None:
    first, again, other = (
        search(tmp_path / name, 6, **{"search.oracle": oracle, "seed": seed})
        for name, seed in (("first", 0), ("again", 0), ("other", 1))
    )
    assert timeless(first) == timeless(again)
    assert len(lab.trained) == 18
    assert all(a.changes != b.changes for a, b in zip(first, other, strict=True))


@pytest.mark.parametrize("oracle", ["random", "bayesian"])
def test_seeds_that_follow_each_other_do_not_propose_the_same_one_place_further_on(
    lab: Lab, tmp_path: Path, oracle: str
) -> None:
    changes = {"search.oracle": oracle, "search.space": {"model.dropout": {"linear": [0.0, 0.5]}}}
    seen = [
        {t.changes["model.dropout"] for t in search(tmp_path / str(seed), 3, seed=seed, **changes)}
        for seed in range(4)
    ]
    assert len(set.union(*seen)) == 4 * 3


@pytest.mark.parametrize("oracle", ["random", "bayesian"])
def test_more_trials_go_on_with_the_same_study(lab: Lab, tmp_path: Path, oracle: str) -> None:
    few = search(tmp_path, 4, **{"search.oracle": oracle})
    many = search(tmp_path, 9, **{"search.oracle": oracle})
    assert many[:4] == few
    assert len(many) == len(lab.trained) == 9
    assert search(tmp_path, 4, **{"search.oracle": oracle}) == few
    assert len(lab.trained) == 9


def test_a_bayesian_search_learns_from_its_scores(lab: Lab, tmp_path: Path) -> None:
    changes = {"search.oracle": "bayesian", "search.space": {k: SPACE[k] for k in list(SPACE)[:1]}}
    scores = [trial.score for trial in search(tmp_path, 10, **changes)]
    assert max(scores) > -0.05
    assert np.mean(scores[3:]) > np.mean(scores[:3]) + 0.2  # it begins with three at random


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(None, id="deleted"),
        pytest.param("", id="empty"),
        pytest.param('{"number": 1, "chan', id="half of it"),
        pytest.param("[1, 2]", id="a list"),
        pytest.param("{}", id="an empty mapping"),
        pytest.param('{"number": 1, "changes": {}, "score": "x", "seconds": 1}', id="a word"),
    ],
)
def test_a_damaged_trial_is_trained_again_and_no_other(
    lab: Lab, tmp_path: Path, content: str | None
) -> None:
    first = search(tmp_path)
    damaged = files(tmp_path)[2]
    sound = json.loads(damaged.read_text())
    damaged.unlink()
    if content is not None:
        damaged.write_text(content)
    assert timeless(search(tmp_path)) == timeless(first)
    assert len(lab.trained) == 6
    assert lab.trained[-1] == lab.trained[sound["number"]]
    assert json.loads(damaged.read_text()) | {"seconds": 0} == sound | {"seconds": 0}


@pytest.mark.parametrize("damage", ["deleted", "garbage"])
def test_kerastuners_own_files_do_not_matter(lab: Lab, tmp_path: Path, damage: str) -> None:
    first = search(tmp_path)
    home = tmp_path / "keras_tuner"
    assert home.is_dir()
    if damage == "deleted":
        shutil.rmtree(home)
    else:
        for path in home.rglob("*.json"):
            path.write_text("{garbage")
    assert search(tmp_path) == first
    assert len(lab.trained) == 5


@pytest.mark.parametrize("error", [RequestError("model: can't be built"), KeyError("a bug")])
def test_an_error_ends_the_search_and_keeps_the_trials_before_it(
    lab: Lab, tmp_path: Path, error: Exception, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(config: Config) -> bool:
        if len(lab.trained) == 3:
            raise error
        return False

    lab.diverges = fails
    with pytest.raises(type(error)) as caught:
        search(tmp_path)
    assert caught.value is error
    assert len(files(tmp_path)) == 2
    assert capsys.readouterr() == ("", "")


def test_a_kill_loses_the_trial_that_was_running(lab: Lab, tmp_path: Path) -> None:
    whole = search(tmp_path / "whole")
    lab.trained.clear()

    def killed(config: Config) -> bool:
        if len(lab.trained) == 3:
            raise KeyboardInterrupt
        return False

    lab.diverges = killed
    with pytest.raises(KeyboardInterrupt):
        search(tmp_path / "cut")
    assert len(files(tmp_path / "cut")) == 2
    lab.diverges = lambda config: False
    assert timeless(search(tmp_path / "cut")) == timeless(whole)
    assert len(lab.trained) == 3 + 3


@pytest.mark.parametrize("worst", [math.nan, -math.inf], ids=str)
@pytest.mark.parametrize("oracle", ["random", "bayesian"])
def test_a_trial_that_diverges_is_an_answer_and_the_search_goes_on(
    lab: Lab, tmp_path: Path, oracle: str, worst: float
) -> None:
    lab.worst = worst
    lab.diverges = lambda config: config.train.learning_rate > 1e-3
    trials = search(tmp_path, 12, **{"search.oracle": oracle})
    assert len(trials) == 12
    for trial in trials:
        diverged = trial.changes["train.learning_rate"] > 1e-3
        assert trial.feasible is not diverged
        assert math.isfinite(trial.score) is not diverged
    assert 2 < sum(trial.feasible for trial in trials) < 10
    assert timeless(search(tmp_path, 12, **{"search.oracle": oracle})) == timeless(trials)
    assert len(lab.trained) == 12


def test_a_search_in_which_all_diverge_ends(lab: Lab, tmp_path: Path) -> None:
    lab.diverges = lambda config: True
    trials = search(tmp_path, 6)
    assert len(trials) == 6
    assert not any(trial.feasible for trial in trials)


def test_a_space_with_few_values_ends_when_all_are_tried(lab: Lab, tmp_path: Path) -> None:
    changes = {"search.space": {"model.widths": {"choice": [[4], [8]]}}}
    trials = search(tmp_path, 9, **changes)
    assert sorted(trial.changes["model.widths"] for trial in trials) == [[4], [8]]


@pytest.mark.parametrize(
    ("changes", "trained"),
    [
        pytest.param({}, 0, id="nothing"),
        pytest.param({"stages.tune.seeds": 9}, 0, id="how a winner is confirmed"),
        pytest.param({"name": "other"}, 0, id="the name"),
        pytest.param({"model.activation": "tanh"}, 5, id="the net"),
        pytest.param({"train.batch_size": 8}, 5, id="the training"),
        pytest.param({"data.scaling": "none"}, 5, id="the data's scaling"),
        pytest.param({"data.source": "sklearn:wine"}, 5, id="the data"),
        pytest.param({"search.epochs": 7}, 5, id="the epochs of a trial"),
        pytest.param({"search.space": {"train.learning_rate": {"log": [1e-2, 1e-1]}}}, 5,
                     id="another space"),
    ],
)  # fmt: skip
def test_what_a_score_rests_on_voids_it(
    lab: Lab, tmp_path: Path, changes: dict[str, Any], trained: int
) -> None:
    space = {"search.space": {k: SPACE[k] for k in list(SPACE)[:2]}}
    search(tmp_path, **space)
    search(tmp_path, **(space | changes))
    assert len(lab.trained) == 5 + trained


def test_other_content_behind_the_same_source_voids_it(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    search(tmp_path)
    monkeypatch.setattr(study, "data_fingerprint", lambda data: "other content")
    search(tmp_path)
    assert len(lab.trained) == 10


def test_a_trial_has_the_epochs_of_the_search(lab: Lab, tmp_path: Path) -> None:
    space = {"search.space": {k: SPACE[k] for k in list(SPACE)[:2]}}
    search(tmp_path / "own", **space, **{"search.epochs": 7})
    search(tmp_path / "none", **space)
    epochs = [config.train.epochs for config in lab.trained]
    assert epochs == [7] * 5 + [Config().train.epochs] * 5


def test_the_code_of_ones_own_net_counts(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def with_net(text: str, folder: str) -> None:
        home = tmp_path / folder
        home.mkdir()
        (home / "study_net.py").write_text(text)
        monkeypatch.chdir(home)
        monkeypatch.setattr(sys, "path", [str(home), *OLD_PATH])
        search(tmp_path, **{"model.family": "study_net:net"})

    with_net("def net(x, config): return x\n", "first")
    assert len(lab.trained) == 5
    with_net("# a comment\ndef net(x, config): return x\n", "second")
    assert len(lab.trained) == 5
    with_net("def net(x, config): return -x\n", "third")
    assert len(lab.trained) == 10


OLD_PATH = list(sys.path)


def test_the_better_way_of_the_metric(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directions = []
    objective = study.kt.Objective

    def noted(name: str, direction: str) -> Any:
        directions.append(direction)
        return objective(name, direction)

    monkeypatch.setattr(study.kt, "Objective", noted)
    by_loss = search(tmp_path / "loss", **{"train.metric": "loss"})
    by_accuracy = search(tmp_path / "accuracy")
    assert directions == ["min", "max"]
    assert [t.score for t in by_loss] == pytest.approx([-t.score for t in by_accuracy])


def test_each_trial_is_told(lab: Lab, tmp_path: Path) -> None:
    lab.diverges = lambda config: len(lab.trained) == 2
    config = Config().replace({"search.space": SPACE, "search.max_trials": 3, "data.limit": 50})
    notes: list[str] = []
    for _ in range(2):
        trials = run_study(config, DATA, tmp_path, notes.append)
    assert notes[0] == f"trial 1, val accuracy {trials[0].score:.4f}"
    assert notes[1] == "trial 2, diverged"
    assert notes[3:5] == [f"{notes[0]} (known)", "trial 2, diverged (known)"]


def test_a_real_search(tmp_path: Path) -> None:
    """Nothing stands for anything here; the last trial's rate makes it diverge."""
    space = {
        "train.learning_rate": {"choice": [0.01, 1e38]},
        "train.optimizer": {"choice": ["sgd"]},
    }
    config = tiny.config(train__epochs=1).replace(
        {"search.space": space, "search.max_trials": 2, "data.source": "sklearn:iris"}
    )
    trials = run_study(config, DATA, tmp_path, lambda note: None)
    by_rate = {trial.changes["train.learning_rate"]: trial for trial in trials}
    assert 0 <= by_rate[0.01].score <= 1
    assert math.isnan(by_rate[1e38].score)
