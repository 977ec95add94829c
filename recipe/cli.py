"""The `recipe` command: one command a stage, `run` for all of them, and the experiments.

Exit codes: 0, 1 a check failed, 2 a wrong request, 130 interrupted, 143 terminated. Nothing
heavy is imported before the request is known to be right: `--help` and a config error answer in
0.3 s, TensorFlow's import takes seconds.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import click

from recipe import __version__
from recipe.stages import EXPERIMENTS, LAB, STAGES, entry

if TYPE_CHECKING:
    from recipe.config import Config
    from recipe.runs import RunFolder
    from recipe.stages.runner import Runner


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


def _add_stage(name: str, group: click.Group = cli, typed: str = "") -> None:
    """Add the command of a stage; `typed`: the words that call it, where they are not its name."""
    said, typed = entry(name).help, typed or name

    @group.command(typed.split()[-1], short_help=said)
    @_options
    def command(**options: Any) -> None:
        _on_run_folder([name], **options)

    command.help = f"{said}\n\n\b\nExample: recipe {typed} configs/digits.yaml"


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


for _name in EXPERIMENTS:
    if _name not in ("doctor", "compare"):  # they take more than a config
        _add_stage(_name)


def _for_doctor(command: Any) -> Any:
    """What `doctor` takes beside the options of a stage."""
    command.params[0].required = False
    command.params.append(
        click.Option(["--module"], metavar="MODULE:FUNCTION",
                     help="Instead of a config: a function that returns (model, x, y, arguments "
                     "of fit).")
    )  # fmt: skip
    command.params.append(
        click.Option(["--apply"], is_flag=True,
                     help="Train with what is prescribed, too, and say whether it helps.")
    )  # fmt: skip
    return command


@_for_doctor
@cli.command("doctor", short_help=entry("doctor").help)
@_options
def doctor(config: Path | None, module: str | None, apply: bool, **options: Any) -> None:
    """Say why a net does not learn, each cause proven by taking it away.

    CONFIG may also be the folder of a run: it is then diagnosed with the settings of that run.

    \b
    Example: recipe doctor configs/digits.yaml --apply
    Example: recipe doctor --module my_training:build --apply
    """
    if (config is None) == (module is None):
        raise click.UsageError("name a config, a run folder, or --module module:function")
    if module is not None:
        _diagnose_module(module, apply)
        return
    assert config is not None
    settings = options.pop("settings")
    if (config / "manifest.json").is_file():
        import json

        manifest = json.loads((config / "manifest.json").read_text(encoding="utf-8"))
        options["runs"], config = config.parent, Path(manifest["config_path"])
        settings = (*manifest["settings"], *settings)
    settings += ("stages.doctor.apply=true",) if apply else ()
    _on_run_folder(["doctor"], config=config, settings=settings, **options)


def _with_other(command: Any) -> Any:
    """The second config of `compare`."""
    kind = click.Path(path_type=Path)
    command.params.insert(1, click.Argument(["other"], required=False, type=kind))
    return command


@_with_other
@cli.command("compare", short_help=entry("compare").help)
@_options
def compare(config: Path, other: Path | None, settings: tuple[str, ...], **options: Any) -> None:
    """Say whether OTHER is better than CONFIG, or CONFIG with --set than without.

    With two configs, --set changes both. With one, its keys of data, model and train are the change
    that is compared. The result is in compare/<OTHER or the change> of the folder of CONFIG.

    \b
    Example: recipe compare configs/digits.yaml configs/mine.yaml
    Example: recipe compare configs/digits.yaml --set model.dropout=0.2
    """
    from recipe.config import differences, read

    change = [each for each in settings if other is None and differences.is_compared(each)]
    if other is None and not change:
        raise click.UsageError("name a second config, or a change: --set model.dropout=0.2")
    kept = tuple(each for each in settings if each not in change)
    named = (f"name={options['name']}",) if options["name"] else ()
    old = read(config, (*kept, *named))
    new = read(other, settings) if other else read(config, (*settings, *named))
    compared = differences.challenger(old, new)
    stage = f"compare/{differences.file_name(differences.called(old, compared))}"
    _on_run_folder([stage], config=config, settings=kept, given={stage: compared}, **options)


def _diagnose_module(name: str, apply: bool) -> None:
    """Diagnose somebody's own model; exits 1 if there is something that must be mended."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from recipe.stages.own_model import examine

    diagnosis = examine(name, apply, click.echo)
    if any(finding.severity == "error" for finding in diagnosis.findings):
        sys.exit(1)


@cli.group(cls=InOrder)
def lab() -> None:
    """See what a technique does to your net: small experiments with seeds and intervals.

    \b
    Example: recipe lab init configs/digits.yaml
    """


for _name in LAB:
    _add_stage(_name, lab, _name.replace("-", " ", 1))


@cli.command()
@click.argument("path", type=click.Path(path_type=Path))
@click.option(
    "--target", help="Column to predict; without it, the one called target, label, class or y."
)
@click.option(
    "--write",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the config there instead of printing it; an existing file stays.",
)
def init(path: Path, target: str | None, write: Path | None) -> None:
    """Look at a file or a folder of data, and propose a config that runs.

    \b
    Example: recipe init houses.csv --target price --write configs/houses.yaml
    """
    from recipe.config import RequestError
    from recipe.data.init import propose

    if write and write.exists():
        raise RequestError(f"{write} is there already; it stays as it is. Give another --write")
    text = propose(path, target)
    if write is None:
        click.echo(text, nl=False)
        return
    from recipe.runs.files import write_atomically

    write_atomically(write, text)
    click.echo(f"{write}; next: make data CONFIG={write}")


def _on_examples(command: Any) -> Any:
    """The options of commands that only look at a run's examples."""
    for option in reversed(
        [
            click.argument("config", type=click.Path(path_type=Path)),
            click.option(
                "--set",
                "settings",
                multiple=True,
                metavar="KEY=VALUE",
                help="Change a config key, as in the run that is looked at; repeatable.",
            ),
            click.option(
                "--runs",
                type=click.Path(path_type=Path, file_okay=False),
                default=Path("runs"),
                show_default=True,
                help="Where run folders are.",
            ),
            click.option("--name", help="Name of the run folder, instead of the config's stem."),
        ]
    ):
        command = option(command)
    return command


@cli.command()
@_on_examples
@click.option(
    "--where", metavar="CONDITION", help='e.g. "label == 3 and loss > 2", as pandas understands it.'
)
@click.option("--sort", metavar="COLUMN", help="The largest first, with --ascending the smallest.")
@click.option("--ascending", is_flag=True)
@click.option(
    "--count", type=click.IntRange(min=1), default=20, show_default=True, help="Examples to show."
)
def look(
    config: Path,
    settings: tuple[str, ...],
    runs: Path,
    name: str | None,
    where: str | None,
    sort: str | None,
    ascending: bool,
    count: int,
) -> None:
    """Search, filter and sort the examples by anything known of them.

    \b
    Example: recipe look configs/digits.yaml --sort loss --where "label == 8"
    """
    resolved, folder = _folder_of(config, settings, runs, name)
    from recipe.stages import look as looking

    known = looking.known_of(resolved, folder)
    found = looking.query(known, where, sort, ascending)
    click.echo(looking.as_text(found.head(count), sort, where))
    click.echo(f"{len(found):,} of {len(known):,} train and val examples")
    sheet = looking.sheet(resolved, found.head(count), sort, folder.path / "look.png")
    if sheet:
        click.echo(f"as a contact sheet: {sheet}")


@cli.command()
@_on_examples
@click.option(
    "--count",
    type=click.IntRange(min=10),
    default=100,
    show_default=True,
    help="Examples to answer in the end; what was answered before counts.",
)
def label(
    config: Path, settings: tuple[str, ...], runs: Path, name: str | None, count: int
) -> None:
    """Answer validation examples yourself: your score stands beside every later one.

    \b
    Example: recipe label configs/digits.yaml --count 50
    """
    resolved, folder = _folder_of(config, settings, runs, name)
    from recipe.stages import human

    def ask(question: str) -> str:
        return str(click.prompt(question, default=human.SKIP, show_default=False))

    with folder.locked("recipe label"):
        recorded = human.ask(resolved, folder, count, ask, click.echo)
    click.echo(f"{recorded} answers recorded in {folder.path / human.FILE}")
    scored = human.score(resolved, folder)
    click.echo(scored or f"fewer than {human.FEWEST_TO_SCORE} answers: no score yet")


def _folder_of(
    config: Path, settings: tuple[str, ...], runs: Path, name: str | None
) -> tuple[Config, RunFolder]:
    """The config and its run folder, without TensorFlow."""
    from recipe.config import read

    resolved = read(config, (*settings, *([f"name={name}"] if name else ())))
    from recipe.runs import RunFolder

    return resolved, RunFolder(runs / str(resolved.name))


@cli.command()
@click.argument("config", type=click.Path(path_type=Path))
@click.option("--runs", type=click.Path(path_type=Path), default=Path("runs"), show_default=True)
@click.option("--name", help="Name of the run folder, instead of the config's stem.")
@click.option("--quiet", is_flag=True, help="Print nothing but errors.")
def report(config: Path, runs: Path, name: str | None, quiet: bool) -> None:
    """Write the HTML report anew, and print where the run stands.

    \b
    Example: recipe report configs/digits.yaml
    """
    from recipe.config import RequestError, read
    from recipe.runs import RunFolder
    from recipe.runs.console import Console

    folder = RunFolder(runs / (name or str(read(config).name)), Console(quiet))
    manifest = folder.read_manifest()
    if not manifest:
        raise RequestError(f"{folder.path}: no run yet; first: recipe run {config}")
    # with the settings of the run: the report is about it, not about the file alone
    settings = manifest["settings"]
    runner = _runner(read(config, settings), config, folder, settings)
    _write_report(runner)
    _print_summary(runner)


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
        runner = _runner(resolved, config, folder, settings, command)
        for stage, other in given.items():
            folder.give(stage, other, f"What `recipe compare` compares with {resolved.name}.")
        failed = _run_stages(stages, runner, force)
        _write_report(runner)
        if len(stages) > 1:
            _print_summary(runner)
    if failed:
        sys.exit(1)


def _runner(config: Config, path: Path, folder: RunFolder, *about: Any) -> Runner:
    # read by TensorFlow when it is imported; its errors come as exceptions, too
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from recipe.stages.runner import Runner

    return Runner(config, path, folder, *about)


def _run_stages(stages: list[str], runner: Runner, force: bool) -> bool:
    """Run in order until one fails; whether one did."""
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
            return True
    return False


def _write_report(runner: Runner) -> None:
    from recipe.runs.report import write_report

    folder = runner.folder
    results = [*runner.results(), *runner.experiments()]
    stages = [(result, folder.figures(result.stage)) for result in results]
    write_report(folder.path / "report.html", folder.read_manifest(), stages, list(STAGES))


def _print_summary(runner: Runner) -> None:
    """A line a stage: verdict, seconds and the number that decided; then where to look."""
    folder, say, results = runner.folder, runner.folder.console.say, runner.results()
    say()
    say(f"{'stage':<11} {'verdict':<8} {'seconds':>7}  what decided")
    for result in results:
        verdict = result.verdict.value + (" (forced)" if result.forced else "")
        say(f"{result.stage:<11} {verdict:<8} {result.seconds:>7.1f}  {result.headline}")
    say()
    scores = {key: value for result in results for key, value in result.metrics.items()}
    tested = next((key for key in scores if f"{key}_low" in scores), None)
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
