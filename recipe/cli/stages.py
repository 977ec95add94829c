"""The commands that run something: the stages, the experiments beside them, the laboratory."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click

from recipe.cli import options, running
from recipe.cli.options import InOrder
from recipe.stages import LAB, STAGES, entry


def commands(names: Iterable[str], under: str = "") -> list[click.Command]:
    """The commands of stages that take a config and nothing else.

    Args:
        names: of the stages or experiments.
        under: the group that they are in; "lab" makes `recipe lab init` of "lab-init".
    """
    return [_command(name, under) for name in names]


def _command(name: str, under: str) -> click.Command:
    said, typed = entry(name).help, name.removeprefix(f"{under}-")

    @click.command(typed, short_help=said)
    @options.config
    @options.to_run
    def command(**given: Any) -> None:
        running.run([name], **given)

    command.help = f"{said}\n\n\b\nExample: recipe {f'{under} {typed}'.strip()} configs/digits.yaml"
    return command


@click.command("run")
@options.config
@options.to_run
def run_all(**given: Any) -> None:
    """Run all six stages, stopping at the first failure.

    \b
    Example: recipe run configs/digits.yaml --set train.epochs=60
    """
    running.run(list(STAGES), **given)


@click.command(short_help=entry("doctor").help)
@click.argument("config", type=click.Path(path_type=Path), required=False)
@options.to_run
@click.option(
    "--module",
    metavar="MODULE:FUNCTION",
    help="Instead of a config: a function that returns (model, x, y, arguments of fit).",
)
@click.option(
    "--apply", is_flag=True, help="Train with what is prescribed, too, and say whether it helps."
)
def doctor(config: Path | None, module: str | None, apply: bool, **given: Any) -> None:
    """Say why a net does not learn, each cause proven by taking it away.

    CONFIG may also be the folder of a run: it is then diagnosed with the settings of that run.

    \b
    Example: recipe doctor configs/digits.yaml --apply
    Example: recipe doctor --module my_training:build --apply
    """
    if (config is None) == (module is None):
        raise click.UsageError("name a config, a run folder, or --module module:function")
    if module is not None:
        _diagnose_module(module, apply, given["quiet"])
        return
    assert config is not None
    settings = given.pop("settings")
    if (config / "manifest.json").is_file():
        from recipe.runs import RunFolder

        manifest = RunFolder(config).read_manifest()
        given["runs"], config = config.parent, Path(manifest["config_path"])
        settings = (*manifest["settings"], *settings)
    settings += ("stages.doctor.apply=true",) if apply else ()
    running.run(["doctor"], config=config, settings=settings, **given)


def _diagnose_module(name: str, apply: bool, quiet: bool) -> None:
    """Diagnose somebody's own model; exits 1 if there is something that must be mended."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from recipe.stages.own_model import examine

    diagnosis = examine(name, apply, (lambda line: None) if quiet else click.echo)
    errors = [finding.code for finding in diagnosis.findings if finding.severity == "error"]
    if errors:
        if quiet:
            click.echo(f"{name} must be mended: {', '.join(map(str, errors))}", err=True)
        sys.exit(1)


@click.command(short_help=entry("compare").help)
@options.config
@click.argument("other", type=click.Path(path_type=Path), required=False)
@options.to_run
def compare(config: Path, other: Path | None, settings: tuple[str, ...], **given: Any) -> None:
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
    named = (f"name={given['name']}",) if given["name"] else ()
    old = read(config, (*kept, *named))
    new = read(other, settings) if other else read(config, (*settings, *named))
    compared = differences.challenger(old, new)
    stage = f"compare/{differences.file_name(differences.called(old, compared))}"
    running.run([stage], config=config, settings=kept, given={stage: compared}, **given)


@click.group(cls=InOrder)
def lab() -> None:
    """See what a technique does to your net: small experiments with seeds and intervals.

    \b
    Example: recipe lab init configs/digits.yaml
    """


for _each in commands(LAB, under="lab"):
    lab.add_command(_each)
