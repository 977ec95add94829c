"""Does a prescription help? Applied to the faulty program, retrained, and held against the twin.

A finding can be applied in two ways:

- `finding.repair`, a callable `(model, x, y, fit_kwargs) -> (model, x, y, fit_kwargs)`. It gets
  the program built anew and gives back a compiled one. It works on any model, so this is the way
  for models of a user's own. The repaired model takes the same raw rows as before, so what it
  does to inputs is layers of it (a `Normalization`, a column left out); a target that it scales
  it scales back; outputs are read by shape and range, so a head may change.
- `finding.change`, a mapping of config keys to values, as `{"train.learning_rate": 1e-3}`. Where
  the program has a setting of that name, it is built anew with it.

A diagnosis that hands out `repair` itself, of all its causes together, is taken at its word: some
programs have two. Else findings are ranked, and the first that can be applied is. Nobody gets a
second try.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from . import score
from .program import Fault, Program

Repair = Callable[..., tuple[Any, Any, Any, dict[str, Any]]]

NEAR = 0.05
"""Fraction of the twin's score that a repair may stay below it."""


def applied(
    fault: Fault, findings: Iterable[Any], seed: int, whole: Repair | None = None
) -> Program | None:
    """The program with the whole prescription, or the first that can be applied; None: neither."""
    if whole is not None:
        return _mended(fault, whole, seed)
    for finding in findings:
        if getattr(finding, "severity", None) not in ("error", "warning"):
            continue
        repair = getattr(finding, "repair", None)
        if callable(repair):
            return _mended(fault, repair, seed)
        settings = settings_of(fault, getattr(finding, "change", None) or {})
        if settings:
            return fault.program(seed, **settings)
    return None


def _mended(fault: Fault, repair: Repair, seed: int) -> Program:
    program = fault.program(seed)
    model, x, y, fit = repair(program.model, program.x, program.y, dict(program.fit))
    return replace(program, model=model, x=x, y=y, fit=dict(fit))


def settings_of(fault: Fault, change: Mapping[str, Any]) -> dict[str, Any]:
    """A config change as settings of this program: by the last part of the key."""
    named = {key.rpartition(".")[2]: value for key, value in change.items()}
    return {key: value for key, value in named.items() if key in fault.settings}


def is_repaired(
    fault: Fault, findings: Iterable[Any], twin: float, seed: int, whole: Repair | None = None
) -> bool:
    """Train the repaired program.

    Args:
        fault: the faulty one.
        findings: of the diagnosis, ranked.
        twin: what the twin scores, mean over seeds.
        seed: of program and training.
        whole: the repair of all findings together, if the diagnosis hands one out.
    """
    try:
        program = applied(fault, findings, seed, whole)
    except Exception as error:  # a prescription that breaks the program repairs nothing
        print(f"      the repair of {fault.name} ends with {type(error).__name__}: {error}")
        return False
    if program is None:
        return False
    if fault.present is not None and fault.present(program):
        return False
    return score.trained(program) >= twin - NEAR * abs(twin)
