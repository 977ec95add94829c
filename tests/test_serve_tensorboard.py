"""`make tensorboard`: TensorBoard on loopback, without importing TensorFlow."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from recipe.config import Range
from recipe.runs.tensorboard import Board
from tests.served import SCRIPT, ask, tensorboard


@pytest.fixture(scope="module")
def logdir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder's charts: a curve, a text, and a trial beside them."""
    home = tmp_path_factory.mktemp("run")
    with Board(home / "tensorboard" / "overfit" / "train") as board:
        board.scalars({"epoch_loss": 0.5}, step=0)
        board.text("findings", "all is well")
    space = {"model.dropout": Range(linear=(0.0, 0.5))}
    with Board(home / "search" / "tensorboard" / "trial_001") as board:
        board.trial({"model.dropout": 0.2}, 0.9, "score", "success", space)
    return home / "tensorboard"


@pytest.fixture(scope="module")
def server(logdir: Path) -> Iterator[tuple[subprocess.Popen, str]]:
    with tensorboard(logdir) as served:
        yield served


def test_it_serves_what_the_run_wrote(server):
    _, url = server
    for _ in range(100):  # the reader needs a moment
        tags = ask(f"{url}/data/plugin/scalars/tags")
        if tags:
            break
        time.sleep(0.1)
    assert "epoch_loss" in tags["overfit/train"]
    assert ask(f"{url}/data/plugins_listing")["text"]["enabled"]


def test_it_says_where_it_is_and_how_to_see_the_trials(server):
    process, url = server
    lines = [process.stdout.readline() for _ in range(2)]
    assert url in lines[0]
    assert "smoothing=0" in lines[0]
    assert "make tensorboard LOGDIR=" in lines[1]
    assert "search/tensorboard" in lines[1]


def test_it_does_not_load_tensorflow(server):
    process, _ = server
    maps = Path(f"/proc/{process.pid}/maps")
    if not maps.exists():
        pytest.skip("no /proc on this system")
    loaded = maps.read_text()
    assert "numpy" in loaded
    assert "libtensorflow" not in loaded


def test_it_listens_on_loopback_alone(server):
    _, url = server
    port = int(url.rpartition(":")[2])
    listening = Path("/proc/net/tcp")
    if not listening.exists():
        pytest.skip("no /proc on this system")
    rows = [line.split() for line in listening.read_text().splitlines()[1:]]
    homes = {row[1].split(":")[0] for row in rows if row[1].endswith(f":{port:04X}")}
    assert homes == {"0100007F"}


@pytest.mark.parametrize("made", [False, True], ids=["no folder", "no charts in it"])
def test_nothing_to_show_is_one_line_and_exit_2(tmp_path, made):
    place = tmp_path / "tensorboard"
    if made:
        place.mkdir()
    run = subprocess.run([*SCRIPT, "--logdir", str(place)], capture_output=True, text=True)
    assert run.returncode == 2
    assert "make data" in run.stderr
    assert len(run.stderr.splitlines()) == 1


def test_a_taken_port_is_one_line_and_exit_2(logdir):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        command = [*SCRIPT, "--logdir", str(logdir), "--port", str(port)]
        run = subprocess.run(command, capture_output=True, text=True)
    assert run.returncode == 2
    assert f"PORT={port + 1}" in run.stderr
