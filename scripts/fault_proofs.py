"""The part of `make proof` about the fault benchmark: faults are faults, and healthy is healthy."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

from rows import measured

from benchmarks.faults.listing import FAULTS, HEALTHY
from benchmarks.faults.program import Fault, Healthy
from benchmarks.faults.verify import holds, table


def faults(home: Path) -> list[dict[str, Any]]:
    """Faulty programs, twins and healthy ones trained anew, a half to a process."""
    command = [sys.executable, "-W", "ignore", "-m", "benchmarks.faults.verify", "--anew", "--half"]
    running = [subprocess.Popen([*command, half]) for half in ("tune", "report")]
    for process in running:
        process.wait()
    return [
        _share("faults whose twin is better on every seed, or that their data show", FAULTS),
        _share("healthy programs that learn", HEALTHY),
    ]


def _share(name: str, programs: tuple[Fault, ...] | tuple[Healthy, ...]) -> dict[str, Any]:
    figures = {half: table(half) for half in ("tune", "report")}
    good = sum(holds(program, figures[program.half].get(program.name)) for program in programs)
    share = good / len(programs)
    return measured(f"{len(programs)} {name}", share, share, share, 1.0)
