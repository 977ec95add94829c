"""Each experiment of the laboratory once, through the command, at its smallest budget."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from recipe.cli import cli
from recipe.findings import StageResult, Verdict
from recipe.lab.optimizers import METHODS, best_rate, uncorrected
from recipe.stages import LAB

ROOT = Path(__file__).parents[2]
QUICK = ("stages.lab.steps=20", "stages.lab.seeds=2", "stages.lab.depth=4", "model.widths=[8, 8]",
         "data.limit=400")  # fmt: skip
IN_FIGURES = {
    "lab-bn": {"with_and_without", "along_the_step", "rates", "initializers", "placement",
               "batch_sizes"},
    "lab-dropout": {"rates", "variance_shift", "places", "regularizers"},
    "lab-init": {"at_the_start", "after_training", "depth", "deep_relu", "equal_weights"},
    "lab-norms": {"batch_sizes", "against_batch"},
    "lab-optimizers": {"paths", "rates", "losses", "bias_correction", "curvature"},
}  # fmt: skip


def lab(name: str, runs: Path, *settings: str, config: str = "digits") -> Result:
    arguments = [part for setting in (*QUICK, *settings) for part in ("--set", setting)]
    path = ROOT / "configs" / f"{config}.yaml"
    command = ["lab", name.removeprefix("lab-"), str(path), "--runs", str(runs), *arguments]
    return CliRunner().invoke(cli, command)


def result_of(name: str, runs: Path, config: str = "digits") -> StageResult:
    written = (runs / config / name / "result.json").read_text()
    return StageResult.model_validate(json.loads(written))


@pytest.fixture(scope="module", params=LAB)
def done(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory):
    runs = tmp_path_factory.mktemp("runs")
    return request.param, runs, lab(request.param, runs)


def test_an_experiment_writes_what_a_stage_writes(done) -> None:
    name, runs, run = done
    assert run.exit_code == 0, run.output
    result, home = result_of(name, runs), runs / "digits" / name
    assert {f.stem for f in (home / "figures").iterdir()} == IN_FIGURES[name]
    assert {"config.yaml", "log.txt"} <= {path.name for path in home.iterdir()}
    assert result.stage == name
    assert len(result.findings) > 5
    assert len(result.summary.split(". ")) > 1
    assert result.summary.split()[0] in run.output
    assert all(finding.source for finding in result.findings)
    report = (runs / "digits" / "report.html").read_text()
    assert f'id="{name}"' in report
    assert result.summary.split(":")[0].split("(")[0] in report


def test_an_experiment_has_a_page_in_tensorboard(done) -> None:
    name, runs, _ = done
    home = runs / "digits" / "tensorboard" / name
    found = {}
    for folder in {path.parent for path in home.rglob("events*")}:
        events = EventAccumulator(str(folder), {"tensors": 0})
        events.Reload()
        found[folder.relative_to(home).as_posix()] = set(events.Tags()["tensors"])
    assert found["figures"] == IN_FIGURES[name]
    assert any(tags for run, tags in found.items() if run not in ("figures", "findings"))
    if name == "lab-bn":
        assert "activations/layer_1_before_activation" in found["with batch norm"]


def test_a_second_run_with_nothing_changed_says_so(done) -> None:
    name, runs, _ = done
    again = lab(name, runs)
    assert again.exit_code == 0
    assert "nothing new to do" in again.output


def test_the_lectures_figure_moves_and_stands_on_paper(done) -> None:
    name, runs, _ = done
    if name != "lab-bn":
        pytest.skip("the others do not move")
    with Image.open(runs / "digits" / name / "figures" / "with_and_without.png") as picture:
        assert picture.is_animated
        assert picture.n_frames > 5
        still = np.asarray(picture.convert("RGB")).copy()
        picture.seek(picture.n_frames - 1)
        last = np.asarray(picture.convert("RGB"))
    assert still.shape == last.shape
    assert (still != last).any()


def test_a_body_of_your_own_has_no_norm_to_turn(tmp_path: Path) -> None:
    run = lab("bn", tmp_path, "model.family=layers", "model.layers=[Flatten]")
    assert "model.family: this experiment turns layers" in str(run.exception)


def test_a_net_that_diverges_fails(tmp_path: Path) -> None:
    run = lab("norms", tmp_path, "train.optimizer=sgd", "train.learning_rate=1e30")
    assert run.exit_code == 1
    result = result_of("lab-norms", tmp_path)
    verdicts = {finding.check: finding.verdict for finding in result.findings}
    assert verdicts["every_seed_trains"] is Verdict.FAIL
    assert verdicts["layer_at_2"] is Verdict.SKIP


def test_a_regression_and_its_quantity(tmp_path: Path) -> None:
    run = lab("optimizers", tmp_path, config="diabetes")
    assert run.exit_code == 0, run.output
    assert "val r2" in run.output


# ---- what they are made of ----------------------------------------------------------------------


def test_adam_without_its_correction_is_adam_at_these_rates() -> None:
    import keras

    steps, rate = 30, 0.01
    rng = np.random.default_rng(0)
    gradients = rng.normal(size=(steps, 3)).astype(np.float32)
    weights = keras.Variable(np.zeros(3, np.float32))
    adam = keras.optimizers.Adam(rate)
    adam.build([weights])
    m = v = expected = np.zeros(3)
    for gradient, now in zip(gradients, uncorrected(rate, steps), strict=True):
        adam.learning_rate = now
        adam.apply([keras.ops.convert_to_tensor(gradient)], [weights])
        m, v = 0.9 * m + 0.1 * gradient, 0.999 * v + 0.001 * gradient**2
        expected = expected - rate * m / (np.sqrt(v) + 1e-7)
    np.testing.assert_allclose(np.asarray(weights), expected, rtol=1e-3)


def test_the_best_rate_is_none_that_diverged() -> None:
    nan = float("nan")
    assert best_rate({0.1: [1.0, 1.0], 0.3: [0.5, 0.7], 1.0: [0.1, nan]}) == 0.3
    assert best_rate({0.1: [nan, nan], 0.3: [nan, nan]}) == 0.1


def test_every_optimizer_is_one_that_a_config_takes() -> None:
    from recipe.config import Config

    for method in METHODS.values():
        changed = Config().replace(method.changes(0.1))
        assert changed.train.learning_rate == 0.1
