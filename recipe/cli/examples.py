"""The commands about your data: a first config for them, a look at them, your own answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from recipe.cli import options, running


@click.command()
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


@click.command()
@options.config
@options.to_find
@click.option(
    "--where", metavar="CONDITION", help='e.g. "label == 3 and loss > 2", as pandas understands it.'
)
@click.option("--sort", metavar="COLUMN", help="The largest first, with --ascending the smallest.")
@click.option("--ascending", is_flag=True)
@click.option(
    "--count", type=click.IntRange(min=1), default=20, show_default=True, help="Examples to show."
)
def look(where: str | None, sort: str | None, ascending: bool, count: int, **of_run: Any) -> None:
    """Search, filter and sort the examples by anything known of them.

    \b
    Example: recipe look configs/digits.yaml --sort loss --where "label == 8"
    """
    config, folder = running.folder_of(**of_run)
    from recipe.stages import look as looking

    known = looking.known_of(config, folder)
    found = looking.query(known, where, sort, ascending)
    click.echo(looking.as_text(found.head(count), sort, where))
    click.echo(f"{len(found):,} of {len(known):,} train and val examples")
    sheet = looking.sheet(config, found.head(count), sort, folder.path / "look.png")
    if sheet:
        click.echo(f"as a contact sheet: {sheet}")


@click.command()
@options.config
@options.to_find
@click.option(
    "--count",
    type=click.IntRange(min=10),
    default=100,
    show_default=True,
    help="Examples to answer in the end; what was answered before counts.",
)
def label(count: int, **of_run: Any) -> None:
    """Answer validation examples yourself: your score stands beside every later one.

    \b
    Example: recipe label configs/digits.yaml --count 50
    """
    config, folder = running.folder_of(**of_run)
    from recipe.stages import human

    def ask(question: str) -> str:
        return str(click.prompt(question, default=human.SKIP, show_default=False))

    with folder.locked("recipe label"):
        recorded = human.ask(config, folder, count, ask, click.echo)
    click.echo(f"{recorded} answers recorded in {folder.path / human.FILE}")
    scored = human.score(config, folder)
    click.echo(scored or f"fewer than {human.FEWEST_TO_SCORE} answers: no score yet")
