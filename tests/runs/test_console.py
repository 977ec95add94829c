"""What a person sees while it runs, and what the log keeps."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from recipe.runs.console import Console, native_noise_hidden


def work(console: Console) -> None:
    console.say("data: Stage 1.")
    with console.progress("trials", 2) as advance:
        advance("val 0.9")
        advance("[diverged]")
    console.say()


LINES = "data: Stage 1.\n  trials 1/2: val 0.9\n  trials 2/2: [diverged]\n\n"


def test_on_a_pipe_each_part_is_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    work(Console())
    assert capsys.readouterr().out == LINES


def test_quiet_is_quiet_but_the_log_keeps_every_line(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    console = Console(quiet=True)
    console.log = tmp_path / "log.txt"
    work(console)
    assert capsys.readouterr().out == ""
    assert console.log.read_text() == LINES


def test_the_log_has_what_is_on_the_screen(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    console = Console()
    console.log = tmp_path / "log.txt"
    work(console)
    assert console.log.read_text() == capsys.readouterr().out == LINES


@pytest.mark.parametrize("columns", ["40", "200"])
def test_on_a_terminal_there_is_a_bar(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    columns: str,
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setattr("rich._console", None)  # it keeps the width of the first terminal
    console = Console()
    console.log = tmp_path / "log.txt"
    work(console)
    shown = capsys.readouterr().out
    assert "\x1b[" in shown
    assert "2/2" in shown
    assert "trials" in shown
    if columns == "200":
        assert "[diverged]" in shown
    assert "trials: [diverged]\n" in console.log.read_text()


def test_what_native_code_says_is_hidden(capfd: pytest.CaptureFixture[str]) -> None:
    with native_noise_hidden():
        os.write(2, b"native greeting\n")
    os.write(2, b"after\n")
    assert capfd.readouterr().err == "after\n"


def test_what_native_code_says_is_shown_if_python_raises(capfd: pytest.CaptureFixture[str]) -> None:
    def load() -> None:
        os.write(2, b"native reason\n")
        raise ImportError

    with pytest.raises(ImportError), native_noise_hidden():
        load()
    os.write(2, b"after\n")
    assert capfd.readouterr().err == "native reason\nafter\n"


def test_the_console_needs_no_tensorflow() -> None:
    code = "import sys, recipe.runs.console; sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
