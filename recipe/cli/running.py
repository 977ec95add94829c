"""From a config and its options to stages that run in a folder, and the table at the end."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import click

from recipe.stages import STAGES

if TYPE_CHECKING:
    from recipe.config import Config
    from recipe.findings import StageResult
    from recipe.runs import RunFolder
    from recipe.stages.runner import Runner


def folder_of(
    config: Path, settings: tuple[str, ...], runs: Path, name: str | None
) -> tuple[Config, RunFolder]:
    """The config and its run folder, without TensorFlow."""
    from recipe.config import read

    resolved = read(config, (*settings, *([f"name={name}"] if name else ())))
    from recipe.runs import RunFolder

    return resolved, RunFolder(runs / str(resolved.name))


def run(
    stages: list[str],
    *,
    config: Path,
    settings: tuple[str, ...],
    seed: int | None,
    runs: Path,
    name: str | None,
    force: bool,
    quiet: bool,
    given: Mapping[str, Config] = MappingProxyType({}),
) -> None:
    """Run stages of a config in its folder; exits 1 at the first that fails.

    `given`: stage -> the second config that it reads.
    """
    from recipe.config import read

    settings += (f"seed={seed}",) if seed is not None else ()
    settings += (f"name={name}",) if name is not None else ()
    # a wrong config ends here, before anything heavy is imported or any file touched
    resolved = read(config, settings)

    from recipe.runs import RunFolder
    from recipe.runs.console import Console

    command = f"recipe {' '.join(sys.argv[1:])}"
    folder = RunFolder(runs / str(resolved.name), Console(quiet))
    with folder.locked(command):
        runner = runner_of(resolved, config, folder, settings, command)
        for stage, other in given.items():
            folder.give(stage, other, f"What `recipe compare` compares with {resolved.name}.")
        failed = _to_the_first_failure(stages, runner, force)
        write_report(runner)
        if len(stages) > 1:
            print_summary(runner)
    if failed:
        if quiet:
            click.echo(_what_failed(failed, folder), err=True)
        sys.exit(1)


def runner_of(config: Config, path: Path, folder: RunFolder, *about: Any) -> Runner:
    """What runs the stages; it brings the heavy imports."""
    # read by TensorFlow when it is imported; its errors come as exceptions, too
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from recipe.stages.runner import Runner

    return Runner(config, path, folder, *about)


def _to_the_first_failure(stages: list[str], runner: Runner, force: bool) -> StageResult | None:
    """Run in order, and return the result that failed, if one did."""
    from recipe.findings import Verdict
    from recipe.stages.runner import show_findings

    for name in stages:
        outcome = runner.run(name, force)
        failed = outcome.result.verdict is Verdict.FAIL
        if not outcome.ran:
            said = "nothing new to do, its config, data and code are unchanged"
            runner.folder.console.say(f"{name}: {said}")
            if len(stages) == 1 or failed:
                show_findings(runner.folder, outcome.result)
        if failed:
            return outcome.result
    return None


def _what_failed(result: StageResult, folder: RunFolder) -> str:
    """One line, for whoever asked for silence."""
    from recipe.findings import Verdict

    failed = [f.check for f in result.findings if f.verdict is Verdict.FAIL]
    why = f"{', '.join(failed)} ({result.headline})" if failed else result.headline
    return f"{result.stage} failed: {why}; see {folder.path / 'report.html'}"


def write_report(runner: Runner) -> None:
    """Write the HTML report of what stands."""
    from recipe.runs.report import write_report

    folder = runner.folder
    results = [*runner.results(), *runner.experiments()]
    stages = [(result, folder.figures(result.stage)) for result in results]
    write_report(folder.path / "report.html", folder.read_manifest(), stages, list(STAGES))


def print_summary(runner: Runner) -> None:
    """A line a stage: verdict, seconds and the number that decided; then where to look."""
    folder, say, results = runner.folder, runner.folder.console.say, runner.results()
    say()
    say(f"{'stage':<11} {'verdict':<8} {'seconds':>7}  what decided")
    for result in results:
        verdict = result.verdict.value + (" (forced)" if result.forced else "")
        say(f"{result.stage:<11} {verdict:<8} {result.seconds:>7.1f}  {result.headline}")
    say()
    scores = {key: value for result in results for key, value in result.metrics.items()}
    tested = next((key for key in scores if key.startswith("test_") and f"{key}_low" in scores), "")
    if tested:
        low, high = scores[f"{tested}_low"], scores[f"{tested}_high"]
        say(
            f"test score   {tested.removeprefix('test_')} {scores[tested]:.4f}, "
            f"{scores['confidence']:.0%} interval {low:.4f} to {high:.4f}"
        )
    say(f"report       {folder.path / 'report.html'}")
    say(f"TensorBoard  {_tensorboard_command(folder, runner.path)}")


def _tensorboard_command(folder: RunFolder, config: Path) -> str:
    """The shortest `make tensorboard` that shows this folder."""
    if folder.path == Path("runs") / config.stem:
        return "make tensorboard" + (f" CONFIG={config}" if config.stem != "digits" else "")
    return f"make tensorboard LOGDIR={folder.path / 'tensorboard'}"
