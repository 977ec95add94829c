"""What the overfit stage knows of the run before it."""

from pathlib import Path

import pytest

from recipe.config import Config, Task
from recipe.findings import StageResult, Verdict
from recipe.runs import RunFolder
from recipe.runs.console import Console
from recipe.stages.in_hand import known_before, one_change
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
        pytest.param({"model.dropout": 0.2}, "model.dropout changed since", id="one"),
        pytest.param(
            {"model.dropout": 0.2, "train.epochs": 3},
            "2 keys changed since the run before (model.dropout, train.epochs): confounded",
            id="two",
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
