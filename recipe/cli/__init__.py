"""The `recipe` command: one command a stage, `run` for all of them, and the experiments.

Exit codes: 0, 1 a check failed, 2 a wrong request, 130 interrupted, 143 terminated. Nothing
heavy is imported before the request is known to be right: `--help` and a config error answer in
0.3 s, TensorFlow's import takes seconds.
"""

from __future__ import annotations

import signal
import sys
from typing import Any

import click

from recipe import __version__
from recipe.cli.examples import init, label, look
from recipe.cli.options import InOrder
from recipe.cli.stages import commands, compare, doctor, lab, run_all
from recipe.cli.written import report, schema
from recipe.stages import EXPERIMENTS, STAGES


@click.group(cls=InOrder, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="recipe")
def cli() -> None:
    """Train Keras models by the book: six stages, each with evidence and a gate.

    \b
    Example: recipe run configs/digits.yaml
    """


_MORE_THAN_A_CONFIG = {"doctor": doctor, "compare": compare}

for _command in (
    *commands(STAGES), run_all,
    *commands(name for name in EXPERIMENTS if name not in _MORE_THAN_A_CONFIG),
    *_MORE_THAN_A_CONFIG.values(), lab,
    init, look, label,
    report, schema,
):  # fmt: skip
    cli.add_command(_command)


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
