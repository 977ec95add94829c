"""The six stages end to end, on real data, at a small budget."""

from __future__ import annotations

import json
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import keras
import numpy as np
import pytest

from recipe.config import RequestError, read
from recipe.data import load
from recipe.data.dataset import read_examples
from recipe.data.sources.examples import take
from recipe.findings import StageResult, Verdict
from recipe.runs import RunFolder
from recipe.runs.console import Console
from recipe.stages import STAGES
from recipe.stages.runner import Outcome, Runner
from tests.small import SETTINGS, SMALL
from tests.stages.running import pretend, wait_for

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent
CONFIGS = {
    "digits": SETTINGS,
    "digits_cnn": (
        *SETTINGS, "data.limit=600", "model.filters=[8, 16]", "model.widths=[32]",
        "train.epochs=8", "train.batch_size=32",
    ),
    "breast_cancer": SETTINGS,
    "diabetes": SETTINGS,
}  # fmt: skip
"""All that ship, at a small budget; the convolutional net is smaller, too."""

MOST_WARNINGS = 3


def run_stages(
    runs: Path,
    name: str,
    *settings: str,
    stages: tuple[str, ...] = tuple(STAGES),
    passed: tuple[str, ...] = (),
    force: bool = False,
) -> dict[str, Outcome]:
    """Run stages in this process, as the command does, stopping at the first failure.

    `passed`: stages whose gates are taken for open, because they are no part of the test.
    """
    path = ROOT / "configs" / f"{name}.yaml"
    config = read(path, settings)
    folder = RunFolder(runs / str(config.name), Console(quiet=True))
    outcomes = {}
    with folder.locked("a test"):
        runner = Runner(config, path, folder, settings, "a test")
        for stage in passed:
            pretend(runner, stage, Verdict.PASS)
        for stage in stages:
            outcomes[stage] = runner.run(stage, force)
            if outcomes[stage].result.verdict is Verdict.FAIL:
                break
    return outcomes


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A place for runs that tests of this file share: each is trained once."""
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module", params=CONFIGS)
def whole(request: pytest.FixtureRequest, runs: Path) -> tuple[str, dict[str, Outcome]]:
    return request.param, run_stages(runs, request.param, *CONFIGS[request.param])


def test_a_shipped_config_passes_all_six_gates_quietly(whole, runs):
    name, outcomes = whole
    assert list(outcomes) == list(STAGES)
    for stage, outcome in outcomes.items():
        verdicts = [finding.verdict for finding in outcome.result.findings]
        assert Verdict.FAIL not in verdicts, (stage, outcome.result)
        assert verdicts.count(Verdict.WARN) <= MOST_WARNINGS, (stage, outcome.result)
        stored = json.loads((runs / name / stage / "result.json").read_text())
        assert StageResult.model_validate(stored) == outcome.result
        assert (runs / name / stage / "config.yaml").exists()
        assert (runs / name / stage / "log.txt").exists()
        assert list((runs / name / stage / "figures").glob("*.png"))


def test_every_finding_names_its_source_and_what_was_expected(whole):
    _, outcomes = whole
    for outcome in outcomes.values():
        for finding in outcome.result.findings:
            assert finding.message
            assert finding.expected, finding
            assert finding.source, finding


def test_a_second_run_does_nothing(whole, runs):
    name, outcomes = whole
    again = run_stages(runs, name, *CONFIGS[name])
    assert [outcome.ran for outcome in again.values()] == [False] * len(STAGES)
    assert [o.result for o in again.values()] == [o.result for o in outcomes.values()]


def test_the_winners_are_complete_configs(whole, runs):
    name, _ = whole
    for path in ("overfit/overfit.yaml", "regularize/regularized.yaml", "tune/best.yaml"):
        text = (runs / name / path).read_text()
        assert text.startswith("# from: ")
        assert read(runs / name / path).name == name


def test_the_shipped_model_takes_raw_inputs_and_gives_the_answer(whole, runs):
    name, _ = whole
    config = read(ROOT / "configs" / f"{name}.yaml", CONFIGS[name])
    data = load(config.data)
    examples = read_examples(config.data)
    model = keras.saving.load_model(runs / name / "squeeze" / "model.keras")
    answers = np.asarray(model(data.features.inputs(take(examples.raw.x, data.val.ids))))
    truth = examples.targets.y[data.val.ids]
    if data.classes:
        right = answers.argmax(axis=1) if answers.shape[1] > 1 else answers[:, 0] > 0.5
        assert np.mean(right == truth) > 0.8
        assert np.all((answers >= 0) & (answers <= 1))
    else:
        assert np.corrcoef(answers[:, 0], truth[:, 0])[0, 1] > 0.3
        # in the target's own unit, not in the scaled one that the net was trained on
        assert 0.5 < answers.mean() / truth.mean() < 2


def test_the_test_set_is_opened_once_and_again_only_by_another_model(runs, whole):
    name, _ = whole
    manifest = runs / name / "manifest.json"
    assert len(json.loads(manifest.read_text())["test_openings"]) == 1


@pytest.mark.parametrize("whole", ["digits"], indirect=True)
def test_only_stages_that_depend_on_a_change_run_again(whole, runs):
    name, _ = whole
    more = [*SETTINGS, "search.max_trials=3"]
    again = run_stages(runs, name, *more)
    assert [stage for stage, o in again.items() if o.ran][:1] == ["tune"]
    assert again["tune"].result.metrics["trials"] == 3
    assert (runs / name / "tune.1" / "result.json").exists()
    back = run_stages(runs, name, *SETTINGS, stages=("data", "baseline", "overfit", "regularize"))
    assert not any(o.ran for o in back.values())


SICK = "tests.sick_sources"
FEW = (
    "data.limit=400",
    "stages.baseline.seeds=2",
    "stages.baseline.size_steps=40",
    "stages.baseline.epochs=8",
    "stages.overfit.range_steps=50",
)
"""Of the digits, and of the steps: the planted faults show in these, too."""

BEFORE_OVERFIT = ("data", "baseline")


@pytest.mark.parametrize(
    ("settings", "passed", "stage", "code"),
    [
        pytest.param(
            [f"data.source={SICK}:labels_from_one"], (), "baseline", "label_encoding",
            id="labels 1..10 into 10 units",
        ),
        pytest.param(
            [f"data.source={SICK}:labels_permuted"], ("data",), "baseline", "corrupt_labels",
            id="labels permuted over examples",
        ),
        pytest.param(
            [f"data.source={SICK}:inputs_times_255", "data.scaling=none"], ("data",), "baseline",
            "unscaled_input", id="inputs times 255",
        ),
        pytest.param(
            [f"data.source={SICK}:inputs_times_255", "data.scaling=none", "model.norm=batch"],
            ("data",), "baseline", "unscaled_input", id="inputs times 255 behind batch norm",
        ),
        pytest.param(
            ["train.learning_rate=1000", "stages.overfit.steps=1500"], BEFORE_OVERFIT, "overfit",
            "lr_too_high", id="learning rate 1000",
        ),
    ],
)  # fmt: skip
def test_a_broken_run_is_stopped_where_it_should_be(tmp_path, settings, passed, stage, code):
    stages = tuple(name for name in STAGES if name not in passed)
    outcomes = run_stages(tmp_path, "digits", *FEW, *settings, stages=stages, passed=passed)
    last, outcome = list(outcomes.items())[-1]
    failed = {f.code for f in outcome.result.findings if f.verdict is Verdict.FAIL} - {None}
    assert last == stage
    assert code in failed


@pytest.mark.parametrize(
    ("settings", "passed"),
    [
        pytest.param([f"data.source={SICK}:sound"], (), id="the same source with sound labels"),
        pytest.param([f"data.source={SICK}:inputs_times_255"], ("data",),
                     id="inputs times 255, scaled"),
        pytest.param(["train.learning_rate=0.01"], ("data",),
                     id="the learning rate that was prescribed"),
    ],
)  # fmt: skip
def test_its_repaired_twin_passes(tmp_path, settings, passed):
    stages = tuple(name for name in ("data", "baseline", "overfit") if name not in passed)
    outcomes = run_stages(tmp_path, "digits", *FEW, *settings, stages=stages, passed=passed)
    assert {stage: o.result.verdict for stage, o in outcomes.items()} == dict.fromkeys(
        stages, Verdict.PASS
    )


def test_nothing_is_trained_on_labels_that_do_not_fit(tmp_path, monkeypatch):
    from recipe.stages import baseline, proofs

    def forbidden(*_: object, **__: object) -> None:
        raise AssertionError("a net was trained")

    for name in ("train", "train_blind", "zeroed_head_loss", "fresh_nets", "looked_at"):
        monkeypatch.setattr(baseline, name, forbidden)
    for name in ("train", "memorize", "losses_of_sizes"):
        monkeypatch.setattr(proofs, name, forbidden)
    outcomes = run_stages(
        tmp_path, "digits", f"data.source={SICK}:labels_from_one", *FEW, stages=("baseline",),
        passed=("data",),
    )  # fmt: skip
    assert outcomes["baseline"].result.verdict is Verdict.FAIL


def test_a_net_that_is_too_small_grows_until_it_fits_and_force_is_recorded(tmp_path):
    # by force: the one batch of `baseline` is too much for four units already
    settings = ("model.widths=[4]", "stages.overfit.steps=1500", "train.learning_rate=0.003")
    outcome = run_stages(tmp_path, "digits", *settings, stages=("overfit",), force=True)["overfit"]
    verdicts = {finding.check: finding.verdict for finding in outcome.result.findings}
    assert verdicts["reaches_floor"] is Verdict.PASS
    assert verdicts.pop("baselines_in_hand") is Verdict.WARN  # it never ran
    assert set(verdicts.values()) == {Verdict.PASS}
    stored = json.loads((tmp_path / "digits" / "overfit" / "result.json").read_text())
    assert stored["forced"] is True
    grown = read(tmp_path / "digits" / "overfit" / "overfit.yaml")
    assert grown.model.widths[0] > 4


def test_a_net_that_can_never_fit_says_so(tmp_path):
    settings = ("stages.overfit.steps=40", "stages.overfit.sizes=2", "train.learning_rate=1e-6")
    outcome = run_stages(tmp_path, "digits", *settings, stages=("overfit",), force=True)["overfit"]
    assert outcome.result.verdict is Verdict.FAIL
    assert {f.code for f in outcome.result.findings} & {"underfitting"}


@pytest.mark.parametrize("whole", ["digits"], indirect=True)
def test_a_run_that_was_killed_ends_as_an_undisturbed_one(tmp_path, whole, runs):
    """In one of the last three stages; `make proof ONLY=interrupted` kills 20 times, anywhere."""
    name, outcomes = whole
    for stage in ("data", "baseline", "overfit"):
        shutil.copytree(runs / name / stage, tmp_path / name / stage)
    command = [sys.executable, "-m", "recipe", "run", f"configs/{name}.yaml", *SMALL]
    command += ["--runs", str(tmp_path), "--quiet"]
    with subprocess.Popen(command, cwd=ROOT) as process:
        wait_for(tmp_path / name / "regularize.partial")
        time.sleep(random.Random(20261120).uniform(2, 6))
        process.send_signal(signal.SIGKILL)
    subprocess.run(command, cwd=ROOT, check=True)
    folder = RunFolder(tmp_path / name)
    for stage, outcome in outcomes.items():
        ended = folder.result(stage)
        assert ended is not None
        assert ended.model_copy(update={"seconds": outcome.result.seconds}) == outcome.result


def test_a_source_that_shuffles_is_found(tmp_path):
    source = f"data.source={SICK}:never_the_same"
    outcome = run_stages(tmp_path, "digits", source, stages=("data",))
    failed = [f.check for f in outcome["data"].result.findings if f.verdict is Verdict.FAIL]
    assert failed == ["source_repeats"]


def runner_in(folder: Path, *settings: str) -> Runner:
    """Of the digits, in a folder that may hold anything."""
    path = ROOT / "configs" / "digits.yaml"
    return Runner(read(path, settings), path, RunFolder(folder, Console(quiet=True)), settings)


def test_what_stands_ends_at_a_failure(tmp_path):
    runner = runner_in(tmp_path / "digits", "train.learning_rate=0.1")
    verdicts = [Verdict.PASS, Verdict.WARN, Verdict.FAIL]
    for stage, verdict in zip(STAGES, [*verdicts, Verdict.PASS], strict=False):
        pretend(runner, stage, verdict)
    assert [result.verdict for result in runner.results()] == verdicts
    before = runner_in(tmp_path / "digits")
    assert [result.stage for result in before.results()] == ["data"]


def test_what_was_forced_past_a_gate_stands_too(tmp_path):
    runner = runner_in(tmp_path / "digits")
    pretend(runner, "data", Verdict.FAIL)
    pretend(runner, "overfit", Verdict.PASS, forced=True)
    assert [(r.stage, r.forced) for r in runner.results()] == [("data", False), ("overfit", True)]


def test_a_refused_stage_leaves_the_record_alone(tmp_path):
    folder = tmp_path / "digits"
    pretend(runner_in(folder), "data", Verdict.PASS)
    RunFolder(folder).write_manifest({"name": "digits"})
    before = (folder / "manifest.json").read_bytes()
    with pytest.raises(RequestError, match=r"recipe data .*--set seed=7 .*--runs"):
        run_stages(tmp_path, "digits", "seed=7", "data.limit=500", stages=("tune",))
    assert (folder / "manifest.json").read_bytes() == before
