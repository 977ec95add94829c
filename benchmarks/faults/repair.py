"""Does a prescription help? Applied to the faulty program, retrained, and held against the twin.

A finding can be applied in two ways:

- `finding.repair`, a callable `(model, x, y, fit_kwargs) -> (model, x, y, fit_kwargs)`. It gets
  the program built anew and gives back a compiled one. It works on any model, so this is the way
  for models of a user's own. The repaired model takes the same raw rows as before, so what it
  does to inputs is layers of it (a `Normalization`, a column left out); a target that it scales
  it scales back; outputs are read by shape and range, so a head may change.
- `finding.change`, a mapping of config keys to values, as `{"train.learning_rate": 1e-3}`. Where
  the program has a setting of that name, it is built anew with it.

Findings are ranked; the first that can be applied is. Nobody gets a second try.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from . import score
from .program import Fault, Program

NEAR = 0.05
"""Fraction of the twin's score that a repair may stay below it."""


def applied(fault: Fault, findings: Iterable[Any], seed: int) -> Program | None:
    """The program with the first prescription that can be applied; None without one."""
    for finding in findings:
        if getattr(finding, "severity", None) not in ("error", "warning"):
            continue
        repair = getattr(finding, "repair", None)
        if callable(repair):
            program = fault.program(seed)
            model, x, y, fit = repair(program.model, program.x, program.y, dict(program.fit))
            return replace(program, model=model, x=x, y=y, fit=dict(fit))
        settings = settings_of(fault, getattr(finding, "change", None) or {})
        if settings:
            return fault.program(seed, **settings)
    return None


def settings_of(fault: Fault, change: Mapping[str, Any]) -> dict[str, Any]:
    """A config change as settings of this program: by the last part of the key."""
    named = {key.rpartition(".")[2]: value for key, value in change.items()}
    return {key: value for key, value in named.items() if key in fault.settings}


def is_repaired(fault: Fault, findings: Iterable[Any], twin: float, seed: int) -> bool:
    """Train the repaired program.

    Args:
        fault: the faulty one.
        findings: of the diagnosis, ranked.
        twin: what the twin scores, mean over seeds.
        seed: of program and training.
    """
    try:
        program = applied(fault, findings, seed)
    except Exception as error:  # a prescription that breaks the program repairs nothing
        print(f"      the repair of {fault.name} ends with {type(error).__name__}: {error}")
        return False
    if program is None:
        return False
    if fault.present is not None and fault.present(program):
        return False
    return score.trained(program) >= twin - NEAR * abs(twin)
