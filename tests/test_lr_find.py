"""`recipe lr-find`: an experiment beside the stages, on sound and on sick programs."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from sklearn.datasets import load_digits
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.util.tensor_util import make_ndarray

from recipe.checks.rate import APART
from recipe.cli import cli
from recipe.config import read
from recipe.findings import StageResult, Verdict
from recipe.stages import EXPERIMENTS, STAGES

ROOT = Path(__file__).parent.parent
DIGITS = ROOT / "configs" / "digits.yaml"
QUICK = ("stages.lr_find.steps=80", "stages.lr_find.seeds=2", "stages.lr_find.low=1e-5",
         "model.widths=[32]")  # fmt: skip


def lr_find(runs: Path, *settings: str, config: Path = DIGITS, options: tuple[str, ...] = ()):
    """The command in this process: its exit code and output, and the result it wrote."""
    arguments = [part for setting in (*QUICK, *settings) for part in ("--set", setting)]
    command = ["lr-find", str(config), "--runs", str(runs), *arguments, *options]
    run: Result = CliRunner().invoke(cli, command)
    assert run.exit_code in (0, 1), run.output
    written = runs / config.stem / "lr-find" / "result.json"
    return run, StageResult.model_validate(json.loads(written.read_text()))


def verdicts(result: StageResult) -> dict[str, Verdict]:
    return {finding.check: finding.verdict for finding in result.findings}


def codes(result: StageResult) -> set[str | None]:
    return {finding.code for finding in result.findings} - {None}


def permuted() -> tuple[np.ndarray, np.ndarray]:
    """Digits whose labels tell nothing of the images."""
    digits = load_digits()
    return digits.images, np.random.default_rng(0).permutation(digits.target)


def rare() -> tuple[np.ndarray, np.ndarray]:
    """Two classes, one of them in every twentieth example."""
    x = np.random.default_rng(0).normal(size=(800, 4))
    return x, (x[:, 0] > 1.65).astype(int)


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    runs = tmp_path_factory.mktemp("runs")
    return runs, *lr_find(runs)


def test_an_experiment_is_no_stage():
    assert not set(EXPERIMENTS) & set(STAGES)
    assert "lr-find" in EXPERIMENTS


def test_a_sound_program_gets_a_rate_that_short_trainings_verify(sound):
    _, run, result = sound
    assert run.exit_code == 0
    assert result.verdict is not Verdict.FAIL
    assert verdicts(result)["rate_learns"] is Verdict.PASS
    metrics = result.metrics
    assert 1e-3 < metrics["rate"] < 1e-1
    assert metrics["suggestion_low"] < metrics["suggestion"] < metrics["suggestion_high"]
    assert metrics["steepest_rate"] < metrics["lowest_rate"] <= metrics["largest_rate"]
    assert metrics["gain_low"] <= metrics["gain"] <= metrics["gain_high"]
    assert f"train.learning_rate: {metrics['rate']:g}" in run.output


def test_it_has_the_home_of_a_stage(sound):
    runs, _, result = sound
    home = runs / "digits" / "lr-find"
    assert {path.name for path in home.iterdir()} >= {
        "config.yaml", "result.json", "log.txt", "figures", "rate.yaml"
    }  # fmt: skip
    assert {path.stem for path in (home / "figures").iterdir()} == {"range_test", "verified"}
    found = read(home / "rate.yaml")
    assert found.train.learning_rate == result.metrics["rate"]
    assert found.model == read(home / "config.yaml").model
    report = (runs / "digits" / "report.html").read_text()
    assert 'id="lr-find"' in report
    assert "recipe data" in report  # the stages' next step is as it was


def test_its_curves_are_in_tensorboard(sound):
    runs, _, _ = sound
    events = EventAccumulator(
        str(runs / "digits" / "tensorboard" / "lr-find" / "range_test"), {"tensors": 0}
    )
    events.Reload()
    assert set(events.Tags()["tensors"]) == {
        "batch_loss", "batch_loss_smoothed", "batch_learning_rate"
    }  # fmt: skip
    rates = [float(make_ndarray(e.tensor_proto)) for e in events.Tensors("batch_learning_rate")]
    assert rates[0] == pytest.approx(1e-5)
    assert rates == sorted(rates)


def test_a_second_run_with_nothing_changed_says_so(sound):
    runs, _, result = sound
    again, same = lr_find(runs)
    assert again.exit_code == 0
    assert "nothing new to do" in again.output
    assert same == result


def test_a_result_of_other_settings_does_not_stand(sound):
    runs, _, _ = sound
    report = CliRunner().invoke(cli, ["report", str(DIGITS), "--runs", str(runs)])
    assert report.exit_code == 0
    text = (runs / "digits" / "manifest.json").read_text()
    changed = text.replace("stages.lr_find.steps=80", "stages.lr_find.steps=81")
    assert changed != text
    (runs / "digits" / "manifest.json").write_text(changed)
    CliRunner().invoke(cli, ["report", str(DIGITS), "--runs", str(runs)])
    assert 'id="lr-find"' not in (runs / "digits" / "report.html").read_text()
    (runs / "digits" / "manifest.json").write_text(text)


@pytest.mark.parametrize(
    ("settings", "code"),
    [
        pytest.param(["data.source=tests.test_lr_find:permuted"], "no_learning",
                     id="labels permuted"),
        pytest.param(
            ["model.kernel_initializer={class_name: RandomNormal, config: {stddev: 1e25}}"],
            "nan_loss", id="not finite from the start",
        ),
        pytest.param(["train.optimizer=sgd", "train.learning_rate=1e30"], "lr_too_high",
                     id="the config's rate diverges"),
    ],
)  # fmt: skip
def test_a_sick_program_is_told_what_is_wrong(tmp_path, settings, code):
    run, result = lr_find(tmp_path, *settings)
    assert run.exit_code == 1
    assert code in codes(result)
    assert run.output.count("do: ") >= 1


def test_a_rare_class_that_weighs_and_batch_norm_raise_no_alarm(tmp_path):
    run, result = lr_find(
        tmp_path, "data.source=tests.test_lr_find:rare", "train.class_weight=balanced",
        "model.norm=batch",
    )  # fmt: skip
    assert run.exit_code == 0, run.output
    assert verdicts(result)["first_steps"] is Verdict.PASS
    assert verdicts(result)["rate_learns"] is not Verdict.FAIL


def test_a_rate_far_too_low_warns_and_the_quantity_of_few_examples_is_learnt(tmp_path):
    run, result = lr_find(
        tmp_path, "train.optimizer=sgd", "train.learning_rate=1e-6", "data.limit=150",
        "train.batch_size=8", config=ROOT / "configs" / "diabetes.yaml",
    )  # fmt: skip
    assert run.exit_code == 0, run.output
    assert verdicts(result)["rate_learns"] is not Verdict.FAIL
    assert verdicts(result)["config_rate"] is Verdict.WARN
    assert codes(result) == {"lr_too_low"}
    assert result.metrics["rate"] == result.metrics["verified_rate"] > 1e-6 * APART


@pytest.mark.parametrize("setting", ["stages.lr_find.high=1e-6", "stages.lr_find.steps=10"])
def test_a_range_or_budget_that_can_tell_nothing_is_refused(tmp_path, setting):
    run = CliRunner().invoke(
        cli, ["lr-find", str(DIGITS), "--runs", str(tmp_path), "--set", setting]
    )
    assert "stages.lr_find" in str(run.exception)
    assert list(tmp_path.iterdir()) == []
