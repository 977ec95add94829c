"""From what a diagnosis named to figures: precision, recall, the matrix. Numbers only, no Keras.

How it is counted:

- A program is named a cause if `Diagnosis.causes` holds it; symptoms and advice are not causes.
- A cause that is named is right if it is among the program's `causes` or `also`.
- Precision: right causes among all that were named, over the faulty programs; and once more with
  twins and healthy programs, where every cause that is named is wrong.
- Recall: causes found among all that there are, over the faulty programs. A cause is found if it
  is named, or, in a program with one cause, if one of `also` is.
- Flagged: faulty programs that were named any cause, right or wrong.
- Before the first step: faulty programs of which a right cause was named `before` or at `init`.
- Repaired: faulty programs whose first prescription that can be applied brings the score within
  5 % of the twin's, and, where the score can't show the fault, takes the fault away.

Intervals are Wilson's, 95 %, over programs (for precision over named causes).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any, Literal

from scipy import stats

from .codes import CAUSES

EARLY = ("before", "init")

BARS = {
    "precision": 0.85,
    "precision, with clean programs": 0.85,
    "recall": 0.85,
    "flagged": 0.95,
    "clean programs not blamed": 43 / 45,
    "named before the first step": 0.60,
    "repaired": 0.80,
}
"""The product's own, of the issue that asks for the doctor."""


@dataclass(frozen=True)
class Outcome:
    """What a diagnosis said of one program."""

    name: str
    kind: Literal["faulty", "twin", "healthy"]
    named: Mapping[str, str]
    """Cause -> when it was named first: before, init, during or after."""

    causes: frozenset[str] = frozenset()
    """Those that are right; none for twins and healthy programs."""

    also: frozenset[str] = frozenset()
    symptoms: frozenset[str] = frozenset()
    seconds: float = 0.0
    repaired: bool | None = None
    """None where no repair was tried."""

    broke: str = field(default="")
    """The error that the diagnosis ended with: it named nothing then."""

    @property
    def right(self) -> frozenset[str]:
        """Causes that were named and are right."""
        return frozenset(self.named) & (self.causes | self.also)

    @property
    def found(self) -> frozenset[str]:
        """Of the causes that there are."""
        if len(self.causes) == 1 and self.right:
            return self.causes
        return self.causes & frozenset(self.named)


def rows(outcomes: Sequence[Outcome]) -> list[dict[str, Any]]:
    """The figures, in the form that benchmarks have: name, ratio, low, high, bar, met."""
    faulty = [o for o in outcomes if o.kind == "faulty"]
    clean = [o for o in outcomes if o.kind != "faulty"]
    named = sum(len(o.named) for o in faulty)
    right = sum(len(o.right) for o in faulty)
    blamed = sum(len(o.named) for o in clean)
    tried = [o for o in faulty if o.repaired is not None]
    early = sum(any(o.named[code] in EARLY for code in o.right) for o in faulty)
    found, all_causes = sum(len(o.found) for o in faulty), sum(len(o.causes) for o in faulty)
    figures = [
        share("precision", right, named),
        share("precision, with clean programs", right, named + blamed),
        share("recall", found, all_causes),
        share("flagged", sum(bool(o.named) for o in faulty), len(faulty)),
        share("clean programs not blamed", sum(not o.named for o in clean), len(clean)),
        *(
            share(f"{kind} not blamed", sum(not o.named for o in some), len(some))
            for kind, some in (
                ("twins", [o for o in clean if o.kind == "twin"]),
                ("healthy programs", [o for o in clean if o.kind == "healthy"]),
            )
        ),
        share("named before the first step", early, len(faulty)),
        share("repaired", sum(bool(o.repaired) for o in tried), len(tried)),
        share("ended without an error of its own", sum(not o.broke for o in outcomes),
              len(outcomes)),
        *_by_code(faulty, clean),
        *matrix_rows(faulty),
    ]  # fmt: skip
    times = [o.seconds for o in outcomes]
    figures.append(_row("seconds per program", median(times), min(times), max(times), None))
    return [*figures, *map(_program, outcomes)]


def _by_code(faulty: Iterable[Outcome], clean: Iterable[Outcome]) -> list[dict[str, Any]]:
    """For each cause: how many were found, and how often its name was right."""
    faulty, figures = list(faulty), []
    for code in CAUSES:
        having = [o for o in faulty if code in o.causes]
        naming = [o for o in [*faulty, *clean] if code in o.named]
        if having:
            hits = sum(code in o.found for o in having)
            figures.append(share(f"recall of {code}", hits, len(having)))
        if naming:
            hits = sum(code in o.right for o in naming)
            figures.append(share(f"precision of {code}", hits, len(naming)))
    return figures


def matrix(faulty: Iterable[Outcome]) -> dict[tuple[str, str], tuple[int, int]]:
    """(cause there is, cause named) -> programs, and programs with that cause; zeros left out."""
    faulty = list(faulty)
    cells = {}
    for code in CAUSES:
        having = [o for o in faulty if code in o.causes]
        for other in CAUSES:
            count = sum(other in o.named for o in having)
            if count:
                cells[code, other] = (count, len(having))
    return cells


def matrix_rows(faulty: Iterable[Outcome]) -> list[dict[str, Any]]:
    """The matrix as rows."""
    return [
        share(f"matrix: {code} -> {other}", *cell) for (code, other), cell in matrix(faulty).items()
    ]


def share(name: str, hits: int, of: int) -> dict[str, Any]:
    """A share with Wilson's interval; nothing to count is 0 of 0, and meets no bar."""
    if of == 0:
        return _row(name, 0.0, 0.0, 1.0, BARS.get(name)) | {"of": 0}
    interval = stats.binomtest(hits, of).proportion_ci(0.95, method="wilson")
    return _row(name, hits / of, interval.low, interval.high, BARS.get(name)) | {"of": of}


def _row(name: str, ratio: float, low: float, high: float, bar: float | None) -> dict[str, Any]:
    return {
        "name": name,
        "ratio": round(ratio, 4),
        "low": round(low, 4),
        "high": round(high, 4),
        "bar": None if bar is None else round(bar, 4),
        "met": None if bar is None else ratio >= bar,
    }


def _program(outcome: Outcome) -> dict[str, Any]:
    """One program: 1 if its causes were found, or if nothing was said of a clean one."""
    good = len(outcome.found) == len(outcome.causes) if outcome.causes else not outcome.named
    return _row(f"{outcome.kind} {outcome.name}", float(good), float(good), float(good), None) | {
        "causes": sorted(outcome.causes),
        "also": sorted(outcome.also),
        "named": dict(outcome.named),
        "symptoms": sorted(outcome.symptoms),
        "seconds": round(outcome.seconds, 2),
        "repaired": outcome.repaired,
        "broke": outcome.broke,
    }
