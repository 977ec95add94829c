"""What the overfit stage knows of the run before it."""

from pathlib import Path

import pytest

from recipe.config import Config, Task, read
from recipe.findings import StageResult, Verdict
from recipe.runs import RunFolder
from recipe.runs.console import Console
from recipe.stages.in_hand import known_before, one_change
from recipe.stages.runner import Runner
from tests.training.tiny import dataset

DATA = dataset(Task.MULTICLASS)


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    """A run folder in which the stage has ended once."""
    folder = RunFolder(tmp_path / "run", Console(quiet=True))
    folder.begin("overfit", Config(), "fingerprint")
    metrics = {"val_accuracy": 0.5}
    said = StageResult(stage="overfit", verdict=Verdict.PASS, headline="-", metrics=metrics)
    folder.complete(said)
    return folder


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        pytest.param({}, "Nothing changed. Validation accuracy +0.2500", id="nothing"),
        pytest.param({"seed": 3}, "Nothing changed", id="a seed is no change of the config's"),
        pytest.param({"model.dropout": 0.2}, "dropout changed since", id="one"),
        pytest.param(
            {"model.dropout": 0.2, "train.epochs": 3},
            "2 things changed since the run before (dropout, epochs): confounded",
            id="two",
        ),
        pytest.param(
            {"model.norm": "batch", "train.learning_rate": 0.01},
            "norm changed since",
            id="one, at a rate that suits it",
        ),
    ],
)
def test_what_changed_since_the_run_before(
    changes: dict[str, object], words: str, folder: RunFolder
) -> None:
    assert words in one_change(Config().replace(changes), DATA, 0.75, folder).message


def test_without_a_run_before_nothing_is_compared(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "new", Console(quiet=True))
    assert "first run" in one_change(Config(), DATA, 0.75, folder).message
    baselines, family = known_before(Config(), DATA, folder)
    assert (baselines.check, baselines.verdict) == ("baselines_in_hand", Verdict.WARN)
    assert (family.check, family.verdict) == ("proven_family", Verdict.PASS)


def test_what_baseline_says_is_an_input_of_overfit_and_how_long_it_took_is_none(
    tmp_path: Path,
) -> None:
    def fingerprint(**said: object) -> str:
        folder = RunFolder(tmp_path / "run", Console(quiet=True))
        folder.begin("baseline", config, "fingerprint")
        folder.complete(
            StageResult.model_validate(
                {"stage": "baseline", "verdict": "pass", "headline": "-", **said}
            )
        )
        return Runner(config, path, folder, (), "a test").fingerprint("overfit")

    path = Path(__file__).parents[2] / "configs" / "digits.yaml"
    config = read(path)
    first = fingerprint(seconds=1.0)
    assert fingerprint(seconds=2.0) == first
    assert fingerprint(metrics={"val_linear_accuracy": 0.9}) != first
