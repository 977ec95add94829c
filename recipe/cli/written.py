"""The commands that write down what is known: the report of a run, the schema of a config."""

from __future__ import annotations

from pathlib import Path

import click

from recipe.cli import options, running


@click.command()
@options.config
@options.runs
@options.name
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
    runner = running.runner_of(read(config, settings), config, folder, settings)
    running.write_report(runner)
    running.print_summary(runner)


@click.command()
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
