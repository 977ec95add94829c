"""The command line: help, exit codes, and nothing heavy before a request is known to be right."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from recipe import __version__
from recipe.cli import cli
from recipe.cli.running import print_summary
from recipe.config import RequestError, read
from recipe.findings import StageResult, Verdict, judge
from recipe.runs import RunFolder
from recipe.runs.console import Console
from recipe.stages import EXPERIMENTS, STAGES
from recipe.stages.runner import Runner
from tests.small import SMALL
from tests.stages.running import pretend, wait_for

ROOT = Path(__file__).parent.parent
DIGITS = str(ROOT / "configs" / "digits.yaml")
RECIPE = [sys.executable, "-m", "recipe"]


def recipe(*arguments: object, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*RECIPE, *map(str, arguments)], cwd=cwd, capture_output=True, text=True, check=False
    )


def asked(*arguments: object) -> Result:
    """The same in this process, which has TensorFlow already; a wrong request is raised."""
    return CliRunner().invoke(cli, list(map(str, arguments)))


def runner_of(config: Path | str, runs: Path, *settings: str) -> Runner:
    """Of a config in its run folder, as the command makes it."""
    resolved = read(config, settings)
    folder = RunFolder(runs / str(resolved.name), Console(quiet=True))
    return Runner(resolved, Path(config), folder, settings)


def started(*arguments: object) -> subprocess.Popen[str]:
    """A command as from a terminal: in a group of its own, and listening to Ctrl-C.

    A shell makes what it starts in the background deaf to Ctrl-C, the tests too.
    """
    return subprocess.Popen(
        [*RECIPE, *map(str, arguments)], cwd=ROOT, text=True, start_new_session=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )  # fmt: skip


def imported_by(*arguments: object) -> set[str]:
    """Top-level modules that a command imports before it ends."""
    code = (
        "import sys\n"
        "from recipe.cli import main\n"
        "try:\n    main()\n"
        "except SystemExit:\n    print('\\nMODULES', *{m.split('.')[0] for m in sys.modules})"
    )
    run = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)], cwd=ROOT, capture_output=True,
        text=True, check=True,
    )  # fmt: skip
    return set(run.stdout.rpartition("MODULES")[2].split())


def test_help_lists_the_stages_in_the_recipes_order():
    lines = recipe("--help").stdout.split("Commands:")[1].splitlines()
    listed = [line.split()[0] for line in lines if line.startswith("  ") and line[2] != " "]
    assert listed[: len(STAGES)] == list(STAGES)
    assert set(EXPERIMENTS) <= set(listed[len(STAGES) :])


@pytest.mark.parametrize("name", list(cli.commands))
def test_every_command_has_help_with_an_example(name):
    shown = recipe(name, "--help").stdout
    assert f"Example: recipe {name}" in shown


def test_version():
    assert recipe("--version").stdout.split()[-1] == __version__


HEAVY = {"tensorflow", "keras", "keras_tuner", "sklearn", "pandas", "scipy", "matplotlib"}


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(["--help"], id="help"),
        pytest.param(["run", "--help"], id="help of a command"),
        pytest.param(["lr-find", "--help"], id="help of an experiment"),
        pytest.param(["run", DIGITS, "--set", "model.drpout=0.1"], id="typo in a config"),
        pytest.param(["schema"], id="schema"),
    ],
)
def test_nothing_heavy_is_imported_for(arguments):
    assert not imported_by(*arguments) & HEAVY


def test_a_typo_in_a_key_is_exit_2_with_a_suggestion(tmp_path):
    run = recipe("run", DIGITS, "--set", "model.drpout=0.1", "--runs", tmp_path)
    assert run.returncode == 2
    assert "did you mean 'dropout'" in run.stderr
    assert "Traceback" not in run.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_failure_is_told_in_one_line_when_all_else_is_quiet(tmp_path):
    runner = runner_of(DIGITS, tmp_path)
    failed = judge("size", False, "Too few.", measured=1, expected="more", source="a test")
    pretend(runner, "data", Verdict.FAIL, findings=[failed])
    runner.folder.write_manifest({"name": "digits"})
    said = asked("data", DIGITS, "--runs", tmp_path, "--quiet")
    assert said.exit_code == 1
    assert said.stdout == ""
    report = tmp_path / "digits" / "report.html"
    assert said.stderr == f"data failed: size (pretended); see {report}\n"
    assert "Too few." in report.read_text()


def test_an_unknown_command_is_exit_2_with_a_suggestion():
    run = recipe("overfitt", DIGITS)
    assert run.returncode == 2
    assert "overfit" in run.stderr


def test_a_missing_config_is_exit_2_and_names_one_that_is_there():
    run = recipe("data", ROOT / "configs" / "digit.yaml")
    assert run.returncode == 2
    assert "digits.yaml" in run.stderr


def test_a_stage_before_the_one_it_needs_is_exit_2_and_names_the_command(tmp_path):
    run = recipe("overfit", DIGITS, "--runs", tmp_path)
    assert run.returncode == 2
    assert f"recipe data {DIGITS}" in run.stderr
    assert not (tmp_path / "digits" / "overfit").exists()


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        pytest.param("data.source=sklearn:digitz", "sklearn:digits", id="unknown data set"),
        pytest.param("data.source=nowhere:load", "nowhere", id="module that is not there"),
        pytest.param("data.source=digits", "KIND:NAME", id="no kind"),
        pytest.param("train.metric=r2", "can't be measured", id="metric of another task"),
        pytest.param("model.family=mpl", "did you mean 'mlp'", id="unknown family"),
        pytest.param(
            "train.optimizer={class_name: adam, config: {momentum: 1}}", "momentum",
            id="argument that the optimizer lacks",
        ),
    ],
)  # fmt: skip
def test_a_wrong_request_that_only_a_stage_can_see(tmp_path, setting, said):
    arguments = (DIGITS, "--force", "--runs", tmp_path, "--set", setting)
    run = asked("overfit" if "optimizer" in setting else "baseline", *arguments)
    assert isinstance(run.exception, RequestError)  # exit 2: as of a gate that is closed
    assert said in str(run.exception)


def test_the_name_of_another_configs_folder_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    other = tmp_path / "elsewhere" / "digits.yaml"
    other.parent.mkdir()
    other.write_text("seed: 1\n")
    RunFolder(tmp_path / "digits").write_manifest({"config_path": "configs/digits.yaml"})
    run = asked("data", other, "--runs", tmp_path)
    assert isinstance(run.exception, RequestError)
    assert "holds the run of configs/digits.yaml" in str(run.exception)
    assert "--name" in str(run.exception)
    pretend(runner_of(other, tmp_path, "name=other"), "data", Verdict.PASS)
    assert asked("data", other, "--runs", tmp_path, "--name", "other").exit_code == 0


def test_a_second_command_on_a_folder_in_use_is_refused_and_says_who_holds_it(tmp_path):
    lock = tmp_path / "digits" / ".lock"
    with started("run", DIGITS, *SMALL, "--runs", tmp_path) as first:
        try:
            wait_for(lock)
            while not lock.read_text():
                time.sleep(0.01)
            second = asked("data", DIGITS, "--runs", tmp_path)
        finally:
            first.kill()
    assert isinstance(second.exception, RequestError)
    assert f"in use by process {first.pid}: recipe run" in str(second.exception)


@pytest.mark.parametrize(
    ("number", "code"),
    [
        pytest.param(signal.SIGINT, 130, id="Ctrl-C"),
        pytest.param(signal.SIGTERM, 143, id="SIGTERM"),
    ],
)
def test_an_interrupted_run_ends_cleanly_and_goes_on(tmp_path, number, code):
    pretend(runner_of(DIGITS, tmp_path), "data", Verdict.PASS)
    folder = tmp_path / "digits"
    with started("run", DIGITS, *SMALL, "--runs", tmp_path) as run:
        wait_for(folder / "baseline.partial" / "log.txt")
        os.kill(run.pid, number)
        _, errors = run.communicate(timeout=60)
    assert run.returncode == code
    assert "Traceback" not in errors
    assert "goes on" in errors
    assert not (folder / "baseline").exists()
    again = asked("data", DIGITS, *SMALL, "--runs", tmp_path)
    assert again.exit_code == 0
    assert "nothing new to do" in again.output


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("")
    run = recipe("data", DIGITS, "--runs", blocked / "runs")
    assert run.returncode == 2
    assert "can't be written" in run.stderr
    assert "Traceback" not in run.stderr


def test_init_writes_a_config_once_and_says_what_is_next(tmp_path):
    data, config = tmp_path / "flowers.csv", tmp_path / "flowers.yaml"
    data.write_text("length,kind\n" + "".join(f"{n}.5,{'ab'[n % 2]}\n" for n in range(60)))
    first = recipe("init", data, "--target", "kind", "--write", config)
    assert first.returncode == 0
    assert f"make data CONFIG={config}" in first.stdout
    before = config.read_text()
    again = recipe("init", data, "--target", "length", "--write", config)
    assert again.returncode == 2
    assert "it stays as it is" in again.stderr
    assert config.read_text() == before
    assert recipe("init", data, "--target", "kind").stdout == before


@pytest.mark.parametrize("command", ["look", "label"])
def test_a_run_that_is_not_there_or_cannot_be_asked_is_exit_2(tmp_path, command):
    wanted = ["--sort", "nothing"] if command == "look" else ["--count", "3"]
    run = recipe(command, DIGITS, "--runs", tmp_path, *wanted)
    assert run.returncode == 2
    assert "Traceback" not in run.stderr
    assert ("run it first" if command == "look" else "10") in run.stderr


def test_the_table_ends_with_the_test_score_and_no_other_interval(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def said(stage: str, **metrics: float) -> StageResult:
        return StageResult(stage=stage, verdict=Verdict.PASS, headline="-", metrics=metrics)

    forecast = {"more_data_gain": 0.005, "more_data_gain_low": 0.0, "more_data_gain_high": 0.01}
    tested = {"test_accuracy": 0.98, "test_accuracy_low": 0.97, "test_accuracy_high": 0.99}
    runner = runner_of(DIGITS, tmp_path)
    runner.folder.console.quiet = False
    runner.results = lambda: [  # type: ignore[method-assign]
        said("regularize", **forecast),
        said("squeeze", confidence=0.95, **tested),
    ]
    print_summary(runner)
    assert "test score   accuracy 0.9800, 95% interval 0.9700 to 0.9900" in capsys.readouterr().out
