"""Is every fault a fault, every twin mended and every healthy program healthy?

    python -m benchmarks.faults.verify [--half tune|report] [--anew] [NAME ...]

trains faulty programs and their twins on two or three paired seeds and writes what they score into
`<half>/verified.json`. Figures whose program, data and scoring are unchanged are kept, unless
`--anew`. 1 if something is not what it is listed as.
"""

from __future__ import annotations

import argparse
import ast
import inspect
import json
import statistics
import warnings
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from . import data, score
from .listing import PROGRAMS
from .program import Fault, Healthy

HERE = Path(__file__).resolve().parent

SEEDS = (0, 1, 2)
CLEAR = 0.15
"""Gain on each of the first two seeds from which the third is not asked: three times `ERROR`."""

ERROR = 0.05
"""Mean gain of the twin, in units of the score, from which a fault is an `error`. A value of
this project: five points of accuracy or of explained variance are worth anybody's afternoon."""

WARNING = 0.01
"""Mean gain from which a fault is a `warning`: it works worse."""


def verified(program: Fault | Healthy) -> dict[str, Any]:
    """Train and score; in the form that `verified.json` holds for a name."""
    figures = _fault(program) if isinstance(program, Fault) else _healthy(program)
    return {**figures, "code": code(program)}


def _fault(fault: Fault) -> dict[str, Any]:
    sick: list[float] = []
    mended: list[float] = []
    floors, shown = [], []
    for seed in SEEDS:
        faulty = fault.program(seed)
        shown.append(fault.present is None or fault.present(faulty))
        sick.append(score.trained(faulty))
        twin = fault.twin(seed)
        shown.append(fault.present is None or not fault.present(twin))
        floors.append(score.baseline(twin))
        mended.append(score.trained(twin))
        if len(sick) >= 2 and min(np.subtract(mended, sick)) > CLEAR:
            break
    if fault.present is not None:  # the score can't show it: the data do
        found = "error" if all(shown) else None
    else:
        found = severity(sick, mended)
    floor = statistics.mean(floors)
    return {
        "faulty": [round(s, 3) for s in sick],
        "twin": [round(s, 3) for s in mended],
        "seeds": list(SEEDS[: len(sick)]),
        "baseline": round(floor, 3),
        "severity": found if statistics.mean(mended) > floor + ERROR else None,
    }


def _healthy(healthy: Healthy) -> dict[str, Any]:
    scores: list[float] = []
    floors = []
    for seed in SEEDS:
        program = healthy.program(seed)
        floors.append(score.baseline(program))
        scores.append(score.trained(program))
        if len(scores) >= 2 and min(scores) > healthy.bar:
            break
    return {
        "score": [round(s, 3) for s in scores],
        "seeds": list(SEEDS[: len(scores)]),
        "baseline": round(statistics.mean(floors), 3),
        "bar": healthy.bar,
    }


def severity(faulty: list[float], twin: list[float]) -> str | None:
    """What paired scores say of a fault: an error, a warning, or None for no difference.

    The twin must be better on every seed; the mean gain decides between the two.
    """
    gains = [b - a for a, b in zip(faulty, twin, strict=True)]
    gain = statistics.mean(gains)
    if min(gains) <= 0 or gain < WARNING:
        return None
    return "error" if gain >= ERROR else "warning"


def code(program: Fault | Healthy) -> str:
    """Hash of the program's function, its data, its settings, the scoring and Keras's version."""
    parts = [
        _syntax(each)
        for each in (program.build, getattr(data, program.data), data.split, score.trained,
                     score.score, score.one, score.classes, score.positive)
    ]  # fmt: skip
    if isinstance(program, Fault):
        parts.append(repr(sorted(program.mended.items(), key=str)))
    return sha256("\n".join([*parts, keras.__version__]).encode()).hexdigest()[:12]


def _syntax(function: Callable[..., Any]) -> str:
    """Its source without docstring, comments and layout."""
    (parsed,) = ast.parse(inspect.getsource(function)).body
    assert isinstance(parsed, ast.FunctionDef)
    first = 1 if ast.get_docstring(parsed) else 0
    return "\n".join([ast.unparse(parsed.args), *map(ast.unparse, parsed.body[first:])])


def holds(program: Fault | Healthy, figures: dict[str, Any] | None) -> bool:
    """Do figures of today's code show what the program is listed as?"""
    if figures is None or figures["code"] != code(program):
        return False
    if isinstance(program, Healthy):
        mean = statistics.mean(figures["score"])
        return bool(mean >= program.bar >= figures["baseline"] + ERROR)
    return figures["severity"] is not None


def table(half: str) -> dict[str, dict[str, Any]]:
    """The committed figures of a half, name -> figures."""
    path = HERE / half / "verified.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def write(half: str, figures: dict[str, dict[str, Any]]) -> None:
    """In the order of the listing; a program that is gone is gone here too. One line each."""
    names = [p.name for p in PROGRAMS if p.half == half and p.name in figures]
    lines = ",\n".join(f" {json.dumps(name)}: {json.dumps(figures[name])}" for name in names)
    (HERE / half / "verified.json").write_text(f"{{\n{lines}\n}}\n", encoding="utf-8")


def prepare() -> None:
    """The same numbers every time, and no warnings: programs here are meant to deserve them."""
    tf.config.experimental.enable_op_determinism()
    tf.get_logger().setLevel("ERROR")
    warnings.simplefilter("ignore")


def run(names: list[str], halves: tuple[str, ...], anew: bool) -> list[str]:
    """Verify what is asked; returns the names of those that are not what they are listed as."""
    prepare()
    wrong = []
    for half in halves:
        figures = table(half)
        for program in PROGRAMS:
            if program.half != half or (names and program.name not in names):
                continue
            if anew or figures.get(program.name, {}).get("code") != code(program):
                found = verified(program)
                # read again: another process may have verified other programs of this half
                figures = {**table(half), program.name: found}
                write(half, figures)
            found = figures[program.name]
            if not holds(program, found):
                wrong.append(program.name)
            print(f"{'ok ' if program.name not in wrong else 'NO '} {program.name} {line(found)}",
                  flush=True)  # fmt: skip
    return wrong


def line(figures: dict[str, Any]) -> str:
    """Scores in a few words."""
    if "score" in figures:
        return f"{figures['score']}, baseline {figures['baseline']}"
    shown = f"{figures['faulty']} -> {figures['twin']}, baseline {figures['baseline']}"
    return f"{shown}: {figures['severity']}"


def main() -> int:
    """The command; see above."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--half", choices=("tune", "report"))
    parser.add_argument("--anew", action="store_true", help="measure also what is unchanged")
    given = parser.parse_args()
    unknown = set(given.names) - {program.name for program in PROGRAMS}
    if unknown:
        parser.error(f"no program {min(unknown)!r}")
    halves = (given.half,) if given.half else ("tune", "report")
    wrong = run(given.names, halves, given.anew)
    print(f"{len(wrong)} not as listed: {', '.join(wrong)}" if wrong else "all as listed")
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
