"""From the seconds of paired runs to ratios, a table and the figures on a page.

A benchmark compares sides. Every round runs each of them once, one after the other in one
process, so that a machine that slows down slows down all; a row is the median over the rounds,
between the lowest and the highest. Rows are kept as JSON, each with the date, the machine and the
hash of the code that was measured, so that a figure that has become stale can be told.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import platform
import re
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from recipe.runs import fingerprint
from recipe.runs.files import read_json, write_atomically

ROUNDS = 5

STAMP = ("date", "machine", "code")
"""What a figure belongs to."""

PACKAGES = {"tensorflow": "TensorFlow", "keras": "Keras", "scikit-learn": "scikit-learn"}

BLOCK = re.compile(r"(<!-- figures of `make \S+`, by \S+ -->\n).*?(<!-- end -->)", re.DOTALL)
"""Where the figures are on a page."""


class Seconds(NamedTuple):
    """What something took."""

    cpu: float
    """Of all threads of the process."""

    wall: float


Sides = Mapping[str, Sequence[Seconds]]
"""What each side of a part took, round by round."""


@dataclass(frozen=True)
class Row:
    """How many times as fast as `theirs` is `ours`? A row without a bar is there to know."""

    name: str
    theirs: str
    ours: str
    bar: float | None = None
    clock: str = "cpu"


@dataclass(frozen=True)
class Part:
    """Rows whose sides are measured together."""

    measure: Callable[[int], Sides]
    """From a number of rounds."""

    rows: tuple[Row, ...]
    is_whole: bool = False
    """The rounds are shares of one whole: the ratio is that of their sums."""


def now() -> Seconds:
    """Both clocks."""
    return Seconds(time.process_time(), time.perf_counter())


def since(then: Seconds) -> Seconds:
    """What has passed on both clocks."""
    return Seconds(*(b - a for a, b in zip(then, now(), strict=True)))


def middle(each: Sequence[Seconds]) -> Seconds:
    """The median of each clock."""
    return Seconds(*map(statistics.median, zip(*each, strict=True)))


def total(each: Sequence[Seconds]) -> Seconds:
    """The sum of each clock."""
    return Seconds(*map(sum, zip(*each, strict=True)))


def shares(laps: Sequence[Seconds], parts: int) -> list[Seconds]:
    """Sums over equal parts, in order."""
    ends = [len(laps) * k // parts for k in range(parts + 1)]
    return [total(laps[a:b]) for a, b in pairwise(ends)]


def interleaved(sides: Mapping[str, Callable[[], Seconds]], rounds: int) -> dict[str, Any]:
    """Run every side once a round."""
    measured: dict[str, list[Seconds]] = {name: [] for name in sides}
    for _ in range(rounds):
        for name, side in sides.items():
            gc.collect()  # what another side left behind is not this one's to clear away
            measured[name].append(side())
    return measured


def row_of(row: Row, sides: Sides, is_whole: bool = False) -> dict[str, Any]:
    """A row in the published form; arguments as in `Part`."""
    theirs, ours = ([getattr(s, row.clock) for s in sides[n]] for n in (row.theirs, row.ours))
    ratios = [a / b for a, b in zip(theirs, ours, strict=True)]
    ratio = sum(theirs) / sum(ours) if is_whole else statistics.median(ratios)
    return {
        "name": row.name,
        "ratio": round(ratio, 3),
        "low": round(min(ratios), 3),
        "high": round(max(ratios), 3),
        "bar": row.bar,
        "met": None if row.bar is None else ratio >= row.bar,
    }


def stamp(code: str) -> dict[str, str]:
    """Today, this machine with its versions, and the code."""
    versions = [f"{shown} {metadata.version(name)}" for name, shown in PACKAGES.items()]
    python = f"Python {platform.python_version()}"
    machine = [_processor(), f"{os.cpu_count()} cores", platform.system(), python, *versions]
    today = datetime.now(UTC).date().isoformat()
    return dict(zip(STAMP, (today, ", ".join(machine), code), strict=True))


def hash_of(module: str, *files: Path) -> str:
    """Of a module with all that it imports of the package, and of the files that measure it."""
    return fingerprint.digest(fingerprint.of_code(module), [*map(fingerprint.of_file, files)])


def _processor() -> str:
    try:
        known = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        known = ""
    found = re.search(r"^model name\s*: (.+)$", known, re.MULTILINE)
    return found[1] if found else platform.machine()


def with_figures(page: str, rows: Sequence[Mapping[str, Any]], code: str) -> str:
    """A page with its figures in their place.

    Args:
        page: holds the two marks of `BLOCK`.
        rows: published ones with their stamps.
        code: hash of today's; what was measured with other code is marked as stale.
    """
    lines = ["| | times as fast | lowest to highest | bar | met | |", "|---|---|---|---|---|---|"]
    for row in rows:
        bar = "" if row["bar"] is None else f"{row['bar']:g}"
        met = {None: "", True: "yes", False: "**no**"}[row["met"]]
        stale = "" if row["code"] == code else "stale"
        lines.append(
            f"| {row['name']} | {row['ratio']:.3g} | {row['low']:.3g} to "
            f"{row['high']:.3g} | {bar} | {met} | {stale} |"
        )
    for belongs in dict.fromkeys(tuple(row[key] for key in STAMP) for row in rows):
        lines += ["", "Measured on {}: {}; code `{}`.".format(*belongs)]
    assert BLOCK.search(page), "the page has lost the place for its figures"
    return BLOCK.sub(lambda match: match[1] + "\n".join(lines) + "\n" + match[2], page)


def _line(row: Mapping[str, Any]) -> str:
    bar = (
        "" if row["bar"] is None else f"   bar {row['bar']:g}: {'met' if row['met'] else 'NOT MET'}"
    )
    return f"{row['name']}: {row['ratio']} [{row['low']}, {row['high']}]{bar}"


def run(parts: Mapping[str, Part], result: Path, page: Path, code: str, about: str) -> int:
    """Measure the parts that are named on the command line, or all; 1 if a bar is not met.

    Args:
        parts: name -> what is measured together.
        result: where rows are kept; those of parts that are not measured now stay.
        page: where they are shown.
        code: hash of what is measured.
        about: one line for `--help`.
    """
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(parts)}")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"default: {ROUNDS}")
    parser.add_argument("--page", action="store_true", help="measure nothing, write the page")
    given = parser.parse_args()
    for name in given.parts:
        if name not in parts:
            parser.error(f"no part {name!r}; one of {', '.join(parts)}")
    kept = {row["name"]: row for row in read_json(result) or []}
    is_met, stamped = True, stamp(code)
    for name in [] if given.page else given.parts or parts:
        part, started = parts[name], now()
        sides = part.measure(given.rounds)
        print(f"{name}, {since(started).wall:.0f} s")
        for side, each in sides.items():
            print("    {}: {:.4g} CPU s, {:.4g} s".format(side, *middle(each)))
        for asked in part.rows:
            row = row_of(asked, sides, part.is_whole)
            print(f"  {_line(row)}", flush=True)
            kept[row["name"]] = row | stamped
            is_met &= row["met"] is not False
    # in the order of the parts; what is no longer measured is no longer shown
    every = [row.name for part in parts.values() for row in part.rows]
    rows = [kept[name] for name in every if name in kept]
    if not given.page:
        write_atomically(result, json.dumps(rows, indent=1) + "\n")
    page.write_text(with_figures(page.read_text(encoding="utf-8"), rows, code), encoding="utf-8")
    return 0 if is_met else 1
