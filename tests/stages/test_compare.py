"""`recipe compare`: two configs, seed by seed, until it is settled."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result

from recipe.cli import cli
from recipe.compare import Scored
from recipe.config import Config, RequestError
from recipe.data import Dataset
from recipe.findings import StageResult, Verdict
from recipe.stages import compare as stage
from tests.stages.running import finding, table, write

TINY = ("--set", "train.epochs=2")
Scores = Callable[[Config, int], float]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    table().to_csv(tmp_path / "my.csv", index=False)
    return write(tmp_path, {"source": f"csv:{tmp_path / 'my.csv'}"})


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Seeds that were asked for; scores are drawn, and wider nets have better ones."""
    asked: list[int] = []
    scored(monkeypatch, lambda config, seed: 0.8 + 0.001 * config.model.widths[0], asked)
    return asked


def scored(monkeypatch: pytest.MonkeyPatch, score: Scores, asked: list[int]) -> None:
    def score_seed(
        config: Config, data: Dataset, seed: int, kept: Path | None, trainings: int
    ) -> Scored:
        asked.append(seed)
        noise = np.random.default_rng([seed, config.model.widths[0]]).normal(0, 0.001)
        value = score(config, seed) + noise
        return Scored(value, {"loss": [1.0, 0.5][: 1 + seed % 2], "val_loss": [1.5]})

    monkeypatch.setattr(stage, "score_seed", score_seed)


def compare(path: Path, *arguments: str) -> Result:
    runs = path.parent / "runs"
    command = ["compare", str(path), *arguments, "--runs", str(runs)]
    return CliRunner().invoke(cli, command)


def said(path: Path, name: str) -> StageResult:
    folder = path.parent / "runs" / "my" / "compare" / name
    return StageResult.model_validate_json((folder / "result.json").read_text())


def test_both_are_trained_with_the_same_seeds_until_it_is_settled(
    path: Path, trained: list[int]
) -> None:
    ran = compare(path, "--set", "model.widths=[128]", "--set", "stages.compare.seeds=8")
    assert ran.exit_code == 0, ran.output
    result = said(path, "widths=-128")
    assert finding(result, "compared").measured == pytest.approx(0.064, abs=0.003)
    assert "widths=[128] against my: better" in result.headline
    seeds = int(result.metrics["seeds"])
    assert 3 <= seeds < 8, "settled early"
    assert trained == [seed for seed in range(2000, 2000 + seeds) for _ in range(2)]
    verdicts = {each.check: each.verdict for each in result.findings}
    assert verdicts.pop("hypothesis") is Verdict.SKIP, "nobody has said what to expect"
    assert set(verdicts.values()) == {Verdict.PASS}
    folder = path.parent / "runs" / "my"
    assert (folder / "compare" / "widths=-128" / "figures" / "pairs.png").is_file()
    rows = pd.read_csv(folder / "compare" / "widths=-128" / "seeds.csv")
    assert list(rows.seed) == list(range(2000, 2000 + seeds))
    assert (rows.new - rows.old).mean() == pytest.approx(result.metrics["gain"])
    boards = {p.parent.relative_to(folder / "tensorboard/compare/widths=-128").as_posix()
              for p in folder.glob("tensorboard/**/events*")}  # fmt: skip
    assert boards >= {"my/train", "my/validation", "widths=-128/train", "widths=-128/validation"}
    assert "widths=[128] against my" in (folder / "report.html").read_text()


def test_nothing_is_trained_again_and_no_comparison_overwrites_another(
    path: Path, trained: list[int]
) -> None:
    for _ in range(2):
        ran = compare(path, "--set", "model.widths=[128]")
        assert ran.exit_code == 0, ran.output
    assert "nothing new to do" in ran.output
    made = len(trained)
    other = path.with_name("wide.yaml")
    other.write_text(path.read_text() + "model:\n  widths: [128]\n")
    assert compare(path, str(other), "--set", "stages.compare.seeds=5").exit_code == 0
    assert len(trained) > made
    report = (path.parent / "runs" / "my" / "report.html").read_text()
    for name in ("wide against my", "widths=[128] against my"):
        assert name in report


def test_a_config_that_diverges_is_worse_and_the_command_has_done_its_work(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scored(monkeypatch, lambda config, seed: float("nan") if config.model.dropout else 0.9, [])
    ran = compare(path, "--set", "model.dropout=0.5")
    assert ran.exit_code == 0, ran.output
    result = said(path, "dropout=0-5")
    assert ": worse: " in result.headline
    assert result.metrics["seeds"] == 3
    assert finding(result, "both_train").code == "nan_loss"


def test_noise_is_inconclusive_and_says_how_many_seeds_would_do(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def noisy(config: Config, seed: int) -> float:
        return 0.9 + 0.06 * (seed % 2) * (config.model.dropout > 0)

    scored(monkeypatch, noisy, [])
    few = ("--set", "stages.compare.seeds=4", "--set", "stages.compare.smallest=0.05")
    assert compare(path, "--set", "model.dropout=0.5", *few).exit_code == 0
    result = said(path, "dropout=0-5")
    advice = finding(result, "seeds_needed")
    assert advice.severity == "advice"
    assert result.metrics["seeds_needed"] > 4
    assert f"stages.compare.seeds: {result.metrics['seeds_needed']:.0f}" in str(advice.prescription)


def test_it_goes_on_until_what_was_expected_is_confirmed_or_refuted(
    path: Path, trained: list[int]
) -> None:
    """A gain of .064 is settled at once; whether it is .0635, is not."""
    said_before = ("--set", "hypothesis.direction=up", "--set", "hypothesis.size=0.0635")
    ran = compare(path, "--set", "model.widths=[128]", *said_before)
    assert ran.exit_code == 0, ran.output
    result = said(path, "widths=-128")
    answer = finding(result, "hypothesis")
    assert result.metrics["seeds"] == 10
    assert answer.measured == "inconclusive"
    assert result.headline.endswith("; hypothesis inconclusive")
    wrong = compare(path, "--set", "model.dropout=0.5", *said_before,
                    "--set", "hypothesis.metric=loss")  # fmt: skip
    assert isinstance(wrong.exception, RequestError)
    assert "hypothesis.metric: loss, but configs are compared by accuracy" in str(wrong.exception)


def test_an_unfair_comparison_is_made_and_said_to_be_one(path: Path, trained: list[int]) -> None:
    changes = ("model.widths=[128]", "train.epochs=60", "train.learning_rate=0.01")
    ran = compare(path, *(part for each in changes for part in ("--set", each)))
    assert ran.exit_code == 0
    assert ran.output.count("Confounded: ") == 2
    (folder,) = (path.parent / "runs/my/compare").glob("*/")
    result = said(path, folder.name)
    assert finding(result, "same_steps").verdict is Verdict.WARN
    assert "size and shape, epochs" in finding(result, "one_change").message


def test_a_killed_comparison_trains_nothing_twice(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Real trainings; the fourth is never begun, and then all of them are asked for again."""
    real, begun = stage.score_seed, []

    def killed(config: Config, data: Dataset, seed: int, kept: Path, most: int) -> Scored:
        if len(begun) == 3:
            raise KeyboardInterrupt
        begun.append(kept)
        return real(config, data, seed, kept, most)

    settings = (*TINY, "--set", "train.learning_rate=0.01", "--set", "stages.compare.seeds=3")
    monkeypatch.setattr(stage, "score_seed", killed)
    assert compare(path, *settings).exit_code != 0
    times = [kept.stat().st_mtime_ns for kept in begun]
    again: list[int] = []

    def watched(config: Config, data: Dataset, seed: int, kept: Path, most: int) -> Scored:
        score = real(config, data, seed, kept, most)
        again.append(kept.stat().st_mtime_ns)
        return score

    monkeypatch.setattr(stage, "score_seed", watched)
    ran = compare(path, *settings)
    assert ran.exit_code == 0, ran.output
    assert "goes on where it was interrupted" in ran.output
    assert len(again) == 6
    result = json.loads(next((path.parent / "runs/my/compare").glob("*/result.json")).read_text())
    assert result["metrics"]["seeds"] == 3
    assert again[:3] == times, "kept, and not written again"
