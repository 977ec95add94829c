"""What the commands share: the options of a run, and the order in which they are listed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

Decorator = Callable[[Any], Any]


class InOrder(click.Group):
    """Lists its commands as they were added: in the recipe's order."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, unsorted."""
        return list(self.commands)


def _together(*options: Decorator) -> Decorator:
    """One decorator for several options, listed in this order."""

    def decorate(command: Any) -> Any:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


config = click.argument("config", type=click.Path(path_type=Path))
settings = click.option(
    "--set", "settings", multiple=True, metavar="KEY=VALUE",
    help="Change a config key, e.g. --set model.dropout=0.2; repeatable.",
)  # fmt: skip
seed = click.option("--seed", type=int, help="The same as --set seed=N.")
runs = click.option(
    "--runs", type=click.Path(path_type=Path, file_okay=False), default=Path("runs"),
    show_default=True, help="Where run folders are.",
)  # fmt: skip
name = click.option("--name", help="Name of the run folder, instead of the config's stem.")
force = click.option(
    "--force", is_flag=True, help="Run though a gate is closed or nothing changed; recorded."
)
quiet = click.option("--quiet", is_flag=True, help="Print nothing but errors and what failed.")

to_run = _together(settings, seed, runs, name, force, quiet)
"""Of a command that runs something."""

to_find = _together(settings, runs, name)
"""Of a command that only looks at what a run knows."""
