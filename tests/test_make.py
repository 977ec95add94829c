"""The Makefile: every target of the recipe, and variables that reach the command."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from recipe.stages import EXPERIMENTS, LAB, STAGES

ROOT = Path(__file__).parent.parent
TARGETS = (
    *STAGES, *EXPERIMENTS, *LAB, "recipe", "init", "look", "label", "tensorboard", "report",
    "setup", "test", "check", "proof", "bench", "bench-doctor", "clean",
)  # fmt: skip

if shutil.which("make") is None:
    pytest.skip("make is not installed", allow_module_level=True)


def make(*arguments: str) -> str:
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "MFLAGS"))}
    run = subprocess.run(
        ["make", "--no-print-directory", *arguments], cwd=ROOT, capture_output=True, text=True,
        check=True, env=clean,
    )  # fmt: skip
    return run.stdout


def test_help_is_the_default_and_lists_the_stages_in_order_and_the_rest():
    shown = make()
    listed = [line.split()[1] for line in shown.splitlines() if line.startswith("  make ")]
    assert listed[: len(STAGES)] == list(STAGES)
    assert set(listed) == set(TARGETS)
    assert shown == make("help")


@pytest.mark.parametrize("stage", [*STAGES, *EXPERIMENTS])
def test_a_stage_runs_its_command_on_the_default_config(stage):
    assert f"recipe {stage} 'configs/digits.yaml'" in make("-n", stage)


@pytest.mark.parametrize("name", LAB)
def test_an_experiment_of_the_laboratory_runs_its_command(name):
    assert f"recipe {name.replace('-', ' ', 1)} 'configs/digits.yaml'" in make("-n", name)


def test_variables_reach_the_command():
    shown = make("-n", "tune", "CONFIG=my.yaml", "RUNS=out", "SET=a.b=c d.e=f", "ARGS=--force")
    (command,) = [line for line in shown.splitlines() if "recipe tune" in line]
    for part in ("'my.yaml'", "--runs 'out'", "--set 'a.b=c'", "--set 'd.e=f'", "--force"):
        assert part in command


def test_clean_leaves_the_runs_alone():
    assert "rm -rf runs" not in make("-n", "clean")
