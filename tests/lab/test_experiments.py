"""Each experiment of the laboratory once, through the command, at its smallest budget."""

from __future__ import annotations

import html
import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from recipe.checks.lab import answer, check_own_signal
from recipe.cli import cli
from recipe.config import read
from recipe.findings import StageResult, Verdict
from recipe.lab.bench import Bench
from recipe.lab.bn import largest_stable
from recipe.lab.optimizers import METHODS, best_rate, uncorrected
from recipe.runs import RunFolder
from recipe.runs import folder as module_of_folders
from recipe.runs.figures import style
from recipe.stages import LAB

pytestmark = pytest.mark.slow

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


FEW = {
    "bn.ACTIVATIONS": ("relu", "tanh"),
    "bn.BATCHES": (2, 32),
    "bn.INITIALIZERS": {"He": "he_normal", "Glorot": "glorot_uniform"},
    "bn.POWERS": range(3),
    "dropout.RATES": (0.2, 0.5, 0.8),
    "init.ACTIVATIONS": ("relu", "tanh"),
    "norms.BATCHES": (2, 32),
    "optimizers.SEARCHED": 1,
}
"""What is gone through in fewer places here: each compiles or trains once more."""

CONFIGS = {"lab-norms": "diabetes"}
"""A regression too; the others on digits."""


@pytest.fixture(scope="module", params=LAB)
def done(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory):
    runs, name = tmp_path_factory.mktemp("runs"), request.param
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(style, "DPI", 50)  # drawing is half of such a small budget
        patch.setattr(module_of_folders, "FRAME_DPI", 50)
        for variable, few in FEW.items():
            patch.setattr(f"recipe.lab.{variable}", few)
        run = lab(name, runs, config=CONFIGS.get(name, "digits"))
    return name, runs, run


def test_an_experiment_writes_what_a_stage_writes(done) -> None:
    name, runs, run = done
    assert run.exit_code == 0, run.output
    config = CONFIGS.get(name, "digits")
    result, home = result_of(name, runs, config), runs / config / name
    assert {f.stem for f in (home / "figures").iterdir()} == IN_FIGURES[name]
    assert {"config.yaml", "log.txt"} <= {path.name for path in home.iterdir()}
    assert result.stage == name
    assert len(result.findings) > 5
    assert len(result.summary.split(". ")) > 1
    assert result.summary.split()[0] in run.output
    assert all(finding.source for finding in result.findings)
    report = (runs / config / "report.html").read_text()
    assert f'id="{name}"' in report
    assert html.escape(result.summary) in report


def test_an_experiment_has_a_page_in_tensorboard(done) -> None:
    name, runs, _ = done
    home = runs / CONFIGS.get(name, "digits") / "tensorboard" / name
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
    again = lab(name, runs, config=CONFIGS.get(name, "digits"))
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


def test_a_net_that_diverges_fails_and_is_compared_with_nothing(tmp_path: Path) -> None:
    settings = [*QUICK, "train.optimizer=sgd", "train.learning_rate=1e30"]
    bench = Bench(read(ROOT / "configs" / "digits.yaml", settings), RunFolder(tmp_path))
    arm = bench.arm({})
    assert bench.trains(arm).verdict is Verdict.FAIL
    compared = bench.compare(arm, arm)
    ends = (compared.difference, compared.low, compared.high)
    found = answer("some_question", "the answer", ends, "any", "a source")
    assert found.verdict is Verdict.SKIP
    assert found.measured is None


def test_statistics_measured_anew_leave_the_net_as_it_was(tmp_path: Path) -> None:
    bench = Bench(read(ROOT / "configs" / "digits.yaml", QUICK), RunFolder(tmp_path))
    trained = bench.train({"model.norm": "batch"}, seed=0)
    before = trained.model.get_weights()
    assert 0 <= bench.recalibrated(trained) <= 1
    for now, then in zip(trained.model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(now, then)


@pytest.mark.parametrize(
    ("gradients", "verdict"),
    [
        pytest.param([0.1, 0.2], Verdict.PASS, id="passes"),
        pytest.param([1e-6, 0.2], Verdict.WARN, id="vanishes"),
        pytest.param([50.0, 0.2], Verdict.WARN, id="explodes"),
        pytest.param([np.nan, 0.2], Verdict.WARN, id="overflows"),
    ],
)
def test_the_gradient_in_your_own_net(gradients: list[float], verdict: Verdict) -> None:
    assert check_own_signal(gradients).verdict is verdict


def test_the_largest_stable_rate_is_below_the_first_that_is_not() -> None:
    def arm(*ends: float) -> list[SimpleNamespace]:
        return [SimpleNamespace(diverged=not np.isfinite(e), last=e, losses=[2.0]) for e in ends]

    by_rate = {0.1: arm(1, 1, 3), 0.3: arm(0.5, 4, 1), 1.0: arm(1, 1, 1), 3.0: arm(np.nan, 1, 1)}
    found = largest_stable(by_rate, seeds=3)
    assert found[:2] == [1.0, 0.1]
    assert np.isnan(found[2])


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
