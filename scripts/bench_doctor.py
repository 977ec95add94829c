"""Measures a diagnosis on the fault benchmark: `make bench-doctor`, or `HALF=report`.

Every program of the half is given to `diagnose(model, x, y, **fit_kwargs)`: the faulty ones, their
twins, the healthy ones. What comes back must have `causes` and `symptoms` (sets of codes) and
`findings`, ranked, each with `code`, `severity` ("error", "warning", "advice") and `when`
("before", "init", "during", "after"), and, where it can be applied, `repair` or `change`
(`benchmarks/faults/repair.py`). How it is counted: `benchmarks/faults/tally.py`.

Figures are printed and written to `runs/bench/doctor.json`. A look at the reporting half is counted
in `benchmarks/faults/looks.json`.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import mean
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # scripts/ is no package

from recipe.runs.console import native_noise_hidden

with native_noise_hidden():
    from benchmarks.faults import looks, tally, verify
    from benchmarks.faults.codes import CAUSES
    from benchmarks.faults.listing import PROGRAMS
    from benchmarks.faults.program import Fault, Healthy, Program
    from benchmarks.faults.repair import is_repaired

from recipe.runs.files import write_atomically

RESULT = Path("runs/bench/doctor.json")
SEED = 0
Diagnose = Callable[..., Any]


def examined(
    programs: Sequence[Fault | Healthy], diagnose: Diagnose, *, repair: bool = True
) -> Iterator[tally.Outcome]:
    """Ask for a diagnosis of each: of a fault first the faulty program, then its twin."""
    for each in programs:
        if isinstance(each, Healthy):
            yield _asked(each.name, "healthy", each.program(SEED), diagnose)[0]
            continue
        outcome, said = _asked(each.name, "faulty", each.program(SEED), diagnose, each)
        if repair:
            twin = mean(verify.table(each.half)[each.name]["twin"])
            whole = getattr(said, "repair", None)
            is_good = is_repaired(each, getattr(said, "findings", ()), twin, SEED, whole)
            outcome = tally.Outcome(**{**vars(outcome), "repaired": is_good})
        yield outcome
        yield _asked(each.name, "twin", each.twin(SEED), diagnose)[0]


def _asked(
    name: str, kind: Any, program: Program, diagnose: Diagnose, fault: Fault | None = None
) -> tuple[tally.Outcome, Any]:
    """What a diagnosis says of a program, counted and as it said it; None: it broke."""
    started, broke, said = time.perf_counter(), "", None
    try:
        said = diagnose(program.model, program.x, program.y, **program.fit)
        named, symptoms = _when(set(said.causes), said.findings), frozenset(said.symptoms)
    except Exception as error:
        said, named, symptoms = None, {}, frozenset()
        broke = f"{type(error).__name__}: {error}".splitlines()[0]
    return tally.Outcome(
        name=name,
        kind=kind,
        named=named,
        causes=fault.causes if fault else frozenset(),
        also=fault.also if fault else frozenset(),
        symptoms=symptoms,
        seconds=time.perf_counter() - started,
        broke=broke,
    ), said


def _when(causes: set[str], findings: Sequence[Any]) -> dict[str, str]:
    """Cause -> the earliest moment at which a finding names it; without one, after."""
    unknown = causes - set(CAUSES)
    if unknown:
        raise ValueError(f"{min(unknown)!r} is no cause; one of {', '.join(CAUSES)}")
    order = ("before", "init", "during", "after")
    moments: dict[str, str] = {}
    for code in sorted(causes):
        seen = [f.when for f in findings if f.code == code and f.severity in ("error", "warning")]
        moments[code] = min(seen, key=order.index, default="after")
    return moments


def shown(outcomes: Sequence[tally.Outcome], rows: Sequence[dict[str, Any]]) -> str:
    """The figures as text: the matrix, then each with its interval and bar."""
    lines = ["fault -> what was named (programs of programs)"]
    cells = tally.matrix(o for o in outcomes if o.kind == "faulty")
    for code in CAUSES:
        said = [f"{b} {n}/{of}" for (a, b), (n, of) in cells.items() if a == code]
        lines.append(f"  {code:<24}{', '.join(said) or '-'}")
    lines.append("")
    for row in rows:
        if (
            row["name"].startswith(("matrix", "faulty ", "twin ", "healthy "))
            and row["bar"] is None
        ):
            continue
        bar = (
            ""
            if row["bar"] is None
            else f"  bar {row['bar']}: {'met' if row['met'] else 'NOT MET'}"
        )
        lines.append(f"{row['name']:<36}{row['ratio']:>7} [{row['low']}, {row['high']}]{bar}")
    wrong = [o for o in outcomes if o.kind != "faulty" and o.named]
    lines += [f"blamed: {o.kind} {o.name}: {', '.join(o.named)}" for o in wrong]
    lines += [f"missed: {o.name}: {', '.join(sorted(o.causes - o.found))}, named "
              f"{', '.join(o.named) or 'nothing'}"
              for o in outcomes if o.causes - o.found]  # fmt: skip
    return "\n".join(lines)


def function_at(place: str) -> Diagnose:
    """The function at "module:function"; a clear word if there is none."""
    module, _, name = place.partition(":")
    try:
        return getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise SystemExit(
            f"bench-doctor: there is no {place!r} ({error}); write ARGS='--diagnose "
            "module:function' for another diagnose(model, x, y, **fit_kwargs)"
        ) from None


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print and write; 1 if a bar is not met, 2 for a wrong request."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*", metavar="PROGRAM", help="only these; no bars then")
    parser.add_argument("--half", choices=("tune", "report"), default="tune")
    parser.add_argument("--diagnose", default="recipe.doctor:diagnose", metavar="MODULE:FUNCTION")
    parser.add_argument("--no-repair", action="store_true", help="apply no prescription")
    given = parser.parse_args(arguments)
    every = [p for p in PROGRAMS if p.half == given.half]
    unknown = set(given.names) - {p.name for p in every}
    if unknown:
        parser.error(f"no program {min(unknown)!r} in the half {given.half!r}")
    programs = [p for p in every if not given.names or p.name in given.names]
    try:
        diagnose = function_at(given.diagnose)
    except SystemExit as problem:
        print(problem, file=sys.stderr)
        return 2
    verify.prepare()
    number = looks.begin(given.diagnose, len(programs)) if given.half == "report" else 0
    outcomes = []
    for outcome in examined(programs, diagnose, repair=not given.no_repair):
        outcomes.append(outcome)
        said = outcome.broke or ", ".join(outcome.named) or "nothing"
        print(f"{outcome.kind:<8}{outcome.name:<42}{said} ({outcome.seconds:.1f} s)", flush=True)
    rows = tally.rows(outcomes)
    if given.no_repair:
        rows = [row for row in rows if row["name"] != "repaired"]
    print("\n" + shown(outcomes, rows))
    if number:
        figures = {row["name"]: row["ratio"] for row in rows if row["bar"] is not None}
        looks.end(number, figures)
        print(f"look {number} at the reporting half, counted in {looks.FILE.name}: commit it")
    if given.names:
        return 0
    stamp = {"half": given.half, "diagnose": given.diagnose}
    text = json.dumps([{**row, **stamp} for row in rows], indent=1)
    write_atomically(RESULT, text + "\n")
    return 0 if all(row["met"] is not False for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
