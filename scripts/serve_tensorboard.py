"""Serves the charts of a run in TensorBoard, on this machine only: `make tensorboard`.

TensorBoard's own command imports TensorFlow where it is installed, only to read files: 4 to 15
seconds and 300 MB. It takes a stub instead if a module `tensorboard.compat.notf` can be
imported, and wants nothing of that module but its name, so an empty one is put there. All that
Recipe writes is shown without TensorFlow.

The trials of a search stand in a folder of their own, `search/tensorboard`: beyond 40 runs most
of TensorBoard's tabs come up empty until runs are ticked, and a study would bury the stages.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import sys
import threading
import types
from pathlib import Path

MAX_TICKED = 40
"""Runs in one folder up to which Scalars, Images, Text and others tick them all (2.21)."""


def main() -> int:
    """Serve until Ctrl-C. Exit code 2: nothing to show, or no port to show it on."""
    parser = argparse.ArgumentParser(description="Serve the charts of a run on this machine.")
    parser.add_argument("--logdir", type=Path, required=True, metavar="DIR")
    parser.add_argument("--port", type=int, default=6006)
    options = parser.parse_args()
    logdir, port = options.logdir, options.port

    is_search = logdir.parent.name == "search"
    runs = {file.parent for file in logdir.rglob("*tfevents*")}
    if not runs:
        print(
            f"there {'are no charts in' if logdir.is_dir() else 'is no folder'} {logdir} yet: "
            f"'make {'tune' if is_search else 'data'}' draws the first",
            file=sys.stderr,
        )
        return 2
    try:
        url = launch(logdir, port)
    except RuntimeError as error:
        print(error, file=sys.stderr)
        return 2

    # the default smoothing of 0.6 falsifies short curves
    print(f"{logdir}: {url}?smoothing=0#{'hparams' if is_search else 'timeseries'}")
    if len(runs) > MAX_TICKED:
        print(f"{len(runs)} runs: tabs but Time Series and HParams stay empty until you tick some")
    trials = logdir.parent / "search" / "tensorboard"
    if trials.is_dir():
        print(f"the trials: make tensorboard LOGDIR={trials} PORT={port + 1}")
    print("Ctrl-C stops it", flush=True)
    with contextlib.suppress(KeyboardInterrupt):
        threading.Event().wait()
    return 0


def launch(logdir: Path, port: int) -> str:
    """Start TensorBoard in a thread of this process; its URL.

    Raises:
        RuntimeError: the port can't be had.
    """
    sys.modules["tensorboard.compat.notf"] = types.ModuleType("tensorboard.compat.notf")
    from tensorboard import default, program

    server = program.TensorBoard(plugins=default.get_plugins())
    server.configure(argv=["tensorboard"], logdir=str(logdir), host="127.0.0.1", port=port)
    try:
        with contextlib.redirect_stderr(io.StringIO()):  # advice on its data loader
            return str(server.launch())
    except program.TensorBoardServerException as error:
        taken = f"port {port} is taken; another one: make tensorboard PORT={port + 1}"
        is_taken = isinstance(error, program.TensorBoardPortInUseError)
        raise RuntimeError(taken if is_taken else error.msg) from None


if __name__ == "__main__":
    sys.exit(main())
