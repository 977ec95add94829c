"""The `recipe` command: one command a stage, and `run` for all of them.

Exit codes: 0, 1 a check failed, 2 a wrong request, 130 interrupted, 143 terminated. Nothing
heavy is imported before the request is known to be right: `--help` and a config error answer in
0.3 s, TensorFlow's import takes seconds.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from recipe import __version__
from recipe.stages import STAGES

if TYPE_CHECKING:
    from recipe.config import Config
    from recipe.findings import StageResult
    from recipe.runs import RunFolder


class InOrder(click.Group):
    """Lists its commands as they were added: in the recipe's order."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, unsorted."""
        return list(self.commands)


@click.group(cls=InOrder, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="recipe")
def cli() -> None:
    """Train Keras models by the book: six stages, each with evidence and a gate.

    \b
    Example: recipe run configs/digits.yaml
    """


def _options(command: Any) -> Any:
    """The options that every command on a config takes."""
    for option in reversed(
        [
            click.argument("config", type=click.Path(path_type=Path)),
            click.option("--set", "settings", multiple=True, metavar="KEY=VALUE",
                         help="Change a config key, e.g. --set model.dropout=0.2; repeatable."),
            click.option("--seed", type=int, help="The same as --set seed=N."),
            click.option("--runs", type=click.Path(path_type=Path, file_okay=False),
                         default=Path("runs"), show_default=True, help="Where run folders are."),
            click.option("--name", help="Name of the run folder, instead of the config's stem."),
            click.option("--force", is_flag=True,
                         help="Run though a gate is closed or nothing changed; recorded."),
            click.option("--quiet", is_flag=True, help="Print nothing but errors."),
        ]
    ):  # fmt: skip
        command = option(command)
    return command


def _add_stage(name: str) -> None:
    said = STAGES[name].help

    @cli.command(name, short_help=said)
    @_options
    def command(**options: Any) -> None:
        _on_run_folder([name], **options)

    command.help = f"{said}\n\n\b\nExample: recipe {name} configs/digits.yaml"


for _name in STAGES:
    _add_stage(_name)


@cli.command("run")
@_options
def run_all(**options: Any) -> None:
    """Run all six stages, stopping at the first failure.

    \b
    Example: recipe run configs/digits.yaml --set train.epochs=60
    """
    _on_run_folder(list(STAGES), **options)


@cli.command()
@click.argument("config", type=click.Path(path_type=Path))
@click.option("--runs", type=click.Path(path_type=Path), default=Path("runs"), show_default=True)
@click.option("--name", help="Name of the run folder, instead of the config's stem.")
def report(config: Path, runs: Path, name: str | None) -> None:
    """Write the HTML report anew, and print where the run stands.

    \b
    Example: recipe report configs/digits.yaml
    """
    from recipe.config import RequestError, read
    from recipe.runs import RunFolder

    folder = RunFolder(runs / (name or str(read(config).name)))
    if not folder.read_manifest():
        raise RequestError(f"{folder.path}: no run yet; first: recipe run {config}")
    _write_report(folder)
    _print_summary(folder, config)


@cli.command()
@click.option("--write", type=click.Path(path_type=Path, exists=True, file_okay=False),
              help="Write base.yaml and schema.json into this folder.")  # fmt: skip
def schema(write: Path | None) -> None:
    """Print the JSON schema of a config file.

    \b
    Example: recipe schema --write configs
    """
    import json

    from recipe.config.render import json_schema, write_shipped

    if write:
        write_shipped(write)
    else:
        click.echo(json.dumps(json_schema(), indent=1))


def _on_run_folder(
    stages: list[str],
    *,
    config: Path,
    settings: tuple[str, ...],
    seed: int | None,
    runs: Path,
    name: str | None,
    force: bool,
    quiet: bool,
) -> None:
    """Run stages of a config in its folder; exits 1 at the first that fails."""
    from recipe.config import read

    settings += (f"seed={seed}",) if seed is not None else ()
    settings += (f"name={name}",) if name is not None else ()
    # a wrong config ends here, before anything heavy is imported or any file touched
    resolved = read(config, settings)

    from recipe.runs import RunFolder
    from recipe.runs.console import Console
    from recipe.runs.manifest import record_command

    command = f"recipe {' '.join(sys.argv[1:])}"
    folder = RunFolder(runs / str(resolved.name), Console(quiet))
    with folder.locked(command):
        record_command(folder, resolved, config, command, settings)
        failed = _run_stages(stages, resolved, str(config), folder, force)
        _write_report(folder)
        if len(stages) > 1:
            _print_summary(folder, config)
    if failed:
        sys.exit(1)


def _run_stages(
    stages: list[str], config: Config, path: str, folder: RunFolder, force: bool
) -> bool:
    """Run in order until one fails; whether one did."""
    # read by TensorFlow when it is imported: only its errors are news to the user
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    from recipe.findings import Verdict
    from recipe.stages.runner import Runner, show_findings

    runner = Runner(config, path, folder)
    for name in stages:
        outcome = runner.run(name, force)
        if not outcome.ran:
            folder.console.say(
                f"{name}: nothing new to do, its config, data and code are unchanged"
            )
            if len(stages) == 1 or outcome.result.verdict is Verdict.FAIL:
                show_findings(folder, outcome.result)
        if outcome.result.verdict is Verdict.FAIL:
            return True
    return False


def _results(folder: RunFolder) -> list[StageResult]:
    found = (folder.result(name) for name in STAGES)
    return [result for result in found if result is not None]


def _write_report(folder: RunFolder) -> None:
    from recipe.runs.report import write_report

    stages = [(result, folder.figures(result.stage)) for result in _results(folder)]
    write_report(folder.path / "report.html", folder.read_manifest(), stages, list(STAGES))


def _print_summary(folder: RunFolder, config: Path) -> None:
    """A line a stage: verdict, seconds and the number that decided; then where to look."""
    say = folder.console.say
    results = _results(folder)
    say()
    say(f"{'stage':<11} {'verdict':<8} {'seconds':>7}  what decided")
    for result in results:
        verdict = result.verdict.value + (" (forced)" if result.forced else "")
        say(f"{result.stage:<11} {verdict:<8} {result.seconds:>7.1f}  {result.headline}")
    say()
    if results and results[-1].stage == "squeeze":
        found = results[-1].metrics
        name = next(key for key in found if key.startswith("test_"))
        say(
            f"test score   {name.removeprefix('test_')} {found[name]:.4f}, "
            f"{found['confidence']:.0%} interval "
            f"{found[f'{name}_low']:.4f} to {found[f'{name}_high']:.4f}"
        )
    say(f"report       {folder.path / 'report.html'}")
    say(f"TensorBoard  {_tensorboard_command(folder, config)}")


def _tensorboard_command(folder: RunFolder, config: Path) -> str:
    """The shortest `make tensorboard` that shows this folder."""
    if folder.path == Path("runs") / config.stem:
        return "make tensorboard" + (f" CONFIG={config}" if config.stem != "digits" else "")
    return f"make tensorboard LOGDIR={folder.path / 'tensorboard'}"


def main() -> None:
    """Run the command line; every way to end has its exit code."""
    signal.signal(signal.SIGTERM, _terminated)
    from recipe.config.errors import RequestError

    try:
        code = cli.main(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except RequestError as error:
        click.echo(f"error: {error}", err=True)
        code = 2
    except (KeyboardInterrupt, click.Abort):
        click.echo("\ninterrupted; the same command goes on where it stopped", err=True)
        code = 130
    sys.exit(code if isinstance(code, int) else 0)


def _terminated(number: int, frame: Any) -> None:
    """End on SIGTERM as on Ctrl-C, so that locks and files are let go of."""
    click.echo("\nterminated; the same command goes on where it stopped", err=True)
    sys.exit(128 + number)
