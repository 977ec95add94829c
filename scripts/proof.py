"""Measures whole what the tests hold a slice of: `make proof`, or `make proof ONLY=name`.

Each part writes `runs/proof/<name>.json`: rows of name, ratio, low, high, bar and met, with the
date and the hash of the code and configs that were measured. `digits`, `null` and `forecast` go on
where they were stopped.
`docs/proof.md` is written anew from these files after every part.
"""

from __future__ import annotations

import json
import random
import shutil
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import compare_proofs
import data_proofs
import fault_proofs
import forecast_proofs
import lab_proofs
import ladder_proofs
import model_proofs
from rows import measured
from scipy import stats

from recipe.config import read
from recipe.runs import fingerprint
from recipe.runs.files import read_json, write_atomically
from recipe.stages import STAGES

HOME = Path("runs/proof")
PAGE = Path("docs/proof.md")
RECIPE = [sys.executable, "-m", "recipe"]

SPLIT_SEEDS = range(5)
DIGITS_BARS = {"digits": 0.97, "digits_cnn": 0.985}
KILLS = 20
RANDOM_TRAININGS = 100
TRAINING_KILLS = 50
TRAINING_EPOCHS = 250
"""About 10 s for one that is not killed."""


def digits(home: Path) -> list[dict[str, Any]]:
    """Test accuracy of the digits configs, mean over split seeds 0 to 4."""
    rows = []
    for config, bar in DIGITS_BARS.items():
        accuracies = []
        for seed in SPLIT_SEEDS:
            runs = home / f"split_{seed}"
            _recipe("run", f"configs/{config}.yaml", "--set", f"data.split.seed={seed}", runs=runs)
            result = read_json(runs / config / "squeeze" / "result.json")
            accuracies.append(result["metrics"]["test_accuracy"])
            print(f"{config}, split seed {seed}: test accuracy {accuracies[-1]:.4f}", flush=True)
        mean = statistics.mean(accuracies)
        half = stats.t.ppf(0.975, len(accuracies) - 1) * stats.sem(accuracies)
        rows.append(measured(f"{config}: test accuracy", mean, mean - half, mean + half, bar))
    return rows


def interrupted(home: Path) -> list[dict[str, Any]]:
    """Runs that are killed at random moments and started again, against an undisturbed one."""
    from tests.small import SMALL

    chosen = random.Random(0)
    shutil.rmtree(home, ignore_errors=True)
    started = time.monotonic()
    _recipe("run", "configs/digits.yaml", *SMALL, runs=home / "undisturbed")
    duration = time.monotonic() - started
    expected = _outcome(home / "undisturbed" / "digits")
    same = hits = 0
    while hits < KILLS:
        runs = home / "killed"
        shutil.rmtree(runs, ignore_errors=True)
        command = [*RECIPE, "run", "configs/digits.yaml", *SMALL, "--runs", str(runs)]
        moment = chosen.uniform(0.5, duration)
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
            try:
                process.wait(moment)
                continue  # it had ended: nothing was killed
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
        hits += 1
        _recipe("run", "configs/digits.yaml", *SMALL, runs=runs)
        equal = _outcome(runs / "digits") == expected
        same += equal
        print(f"killed after {moment:.1f} s ({hits} of {KILLS}): {equal}", flush=True)
    share = same / KILLS
    return [measured(f"same verdicts and numbers after {KILLS} kills", share, share, share, 1.0)]


def fast_path(home: Path) -> list[dict[str, Any]]:
    """Random trainings by our epochs and by Keras's `fit`: weights, history, callbacks, bits."""
    half = RANDOM_TRAININGS // 2
    said = _side_by_side("random_configs", [["0", str(half)], [str(half), str(2 * half)]])
    share = sum(part["equal"] for part in said) / sum(part["drawn"] for part in said)
    name = f"{RANDOM_TRAININGS} random trainings equal to those of Keras's fit, to the bit"
    return [measured(name, share, share, share, 1.0)]


def resume(home: Path) -> list[dict[str, Any]]:
    """Trainings that are killed at random moments, again and again, against an undisturbed one."""
    kills = str(TRAINING_KILLS // 2)
    common = ["--kills", kills, "--epochs", str(TRAINING_EPOCHS), "--threads", "1"]
    said = _side_by_side(
        "kill_me", [[str(home / seed), "--seed", seed, *common] for seed in ("0", "1")]
    )
    killed, trainings = (sum(part[key] for part in said) for key in ("kills", "trainings"))
    share = sum(part["equal"] for part in said) / trainings
    name = f"{trainings} trainings with {killed} kills equal to the undisturbed one, to the bit"
    return [measured(name, share, share, share, 1.0)]


PARTS: dict[str, Callable[[Path], list[dict[str, Any]]]] = {
    "digits": digits,
    "interrupted": interrupted,
    "fast-path": fast_path,
    "resume": resume,
    "quiet": data_proofs.quiet,
    "found": data_proofs.found,
    "combinations": model_proofs.combinations,
    "deep": model_proofs.deep,
    "lsuv": model_proofs.lsuv,
    "recalibrate": model_proofs.recalibrate,
    "papers": lab_proofs.papers,
    "null": compare_proofs.null,
    "regularize": ladder_proofs.regularize,
    "forecast": forecast_proofs.forecasts,
    "faults": fault_proofs.faults,
}


_STAGES = ("recipe.stages.runner", *(stage.module for stage in STAGES.values()))
_TRAINING = ("recipe.training",)

MEASURED: dict[str, tuple[str, ...]] = {
    "digits": _STAGES,
    "interrupted": _STAGES,
    "fast-path": _TRAINING,
    "resume": _TRAINING,
    "quiet": ("recipe.data.init", *_STAGES),
    "found": ("recipe.stages.data",),
    "combinations": _TRAINING,
    "deep": _TRAINING,
    "lsuv": _TRAINING,
    "recalibrate": _TRAINING,
    "null": ("recipe.compare",),
    "regularize": ("recipe.stages.regularize",),
    "forecast": ("recipe.compare.forecast", "recipe.compare.curve"),
    "papers": ("recipe.compare", "recipe.training", "recipe.training.steps"),
    "faults": (),
}
"""Part -> the modules whose code decides its figures, with all that they import. The programs of
`faults` are Keras alone; each has a hash of its own."""


def _recipe(*arguments: str, runs: Path) -> None:
    """Run a command of the product; its failure ends the proof."""
    subprocess.run([*RECIPE, *arguments, "--quiet", "--runs", str(runs)], check=True)


def _side_by_side(module: str, arguments: list[list[str]]) -> list[dict[str, Any]]:
    """What the tests' module says in its last line, run once for each list, one to a core."""
    command = [sys.executable, "-W", "ignore", "-m", f"tests.training.{module}"]
    running = [
        subprocess.Popen([*command, *given], stdout=subprocess.PIPE, text=True)
        for given in arguments
    ]
    said = []
    for process in running:
        lines = process.communicate()[0].splitlines()
        print("\n".join(lines[:-1]), flush=True)
        said.append(json.loads(lines[-1]))
    return said


def _outcome(folder: Path) -> dict[str, Any]:
    """All that six stages said, without the time that they took."""
    outcome = {}
    for stage in STAGES:
        result = read_json(folder / stage / "result.json")
        result.pop("seconds")
        outcome[stage] = result
    return outcome


def code_of(part: str) -> str:
    """Hash of the code that a part measures, all that it imports, and of the configs."""
    configs = [read(f"configs/{name}.yaml").model_dump(mode="json") for name in DIGITS_BARS]
    return fingerprint.digest([fingerprint.of_code(module) for module in MEASURED[part]], configs)


def write_page() -> None:
    """Write `docs/proof.md` from the files of all parts."""
    lines = [
        "# Proof",
        "",
        "What is claimed, as it was last measured. Written by `make proof`; a figure that is older",
        "than the code it measures is marked as stale. From and to: the 95 % interval over split",
        "seeds for `digits` and over seeds for `papers`, that of a share for `null`,",
        "`regularize` and `forecast`, elsewhere the lowest and highest of what the line names.",
        "",
        "| part | what | measured | from, to | bar | met | measured on | |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for part in PARTS:
        for row in read_json(HOME / f"{part}.json") or []:
            stale = "" if row["code"] == code_of(part) else "stale"
            lines.append(
                f"| `{part}` | {row['name']} | {row['ratio']} | {row['low']} to {row['high']} "
                f"| {row['bar']} | {'yes' if row['met'] else 'no'} | {row['date']} | {stale} |"
            )
    lines += ["", "`make proof ONLY=name` runs one part:", ""]
    lines += [f"- `{name}`: {part.__doc__}" for name, part in PARTS.items()]
    PAGE.write_text("\n".join(lines) + "\n", encoding="utf-8")


def main() -> int:
    """Run the parts named on the command line, or all; 1 if a bar is not met."""
    names = sys.argv[1:] or list(PARTS)
    unknown = [name for name in names if name not in PARTS]
    if unknown:
        print(f"no part {unknown[0]!r}; one of {', '.join(PARTS)}", file=sys.stderr)
        return 2
    met = True
    for name in names:
        started = time.monotonic()
        stamp = {"code": code_of(name), "date": datetime.now(UTC).date().isoformat()}
        rows = [{**row, **stamp} for row in PARTS[name](HOME / name)]
        write_atomically(HOME / f"{name}.json", json.dumps(rows, indent=1) + "\n")
        for row in rows:
            met &= row["met"]
            print(f"{name}: {row['name']} {row['ratio']} (bar {row['bar']})")
        print(f"{name}: {time.monotonic() - started:.0f} s", flush=True)
        write_page()
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
