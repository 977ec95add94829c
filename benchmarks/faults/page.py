"""Writes the tables of `docs/doctor.md` from the programs and their figures.

python -m benchmarks.faults.page
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from statistics import mean

from .codes import CAUSES
from .listing import FAULTS, HEALTHY, PROGRAMS
from .looks import looks
from .program import DATA, Fault, Healthy
from .verify import table

PAGE = Path(__file__).resolve().parents[2] / "docs" / "doctor.md"
BLOCK = re.compile(
    r"(<!-- (\w+) of the fault benchmark, by benchmarks/faults/page\.py -->\n).*?(<!-- end -->)",
    re.DOTALL,
)
HEADS = {
    "faults": ("program", "what went wrong", "causes", "data, net", "operator", "score",
               "its twin's", "severity"),
    "healthy": ("program", "what is unusual", "blamed for", "data, net", "score", "baseline"),
    "counts": ("", "tune", "report"),
}  # fmt: skip


def with_tables(page: str) -> str:
    """The page with its tables as they are today."""
    tables = {"faults": _faults(), "healthy": _healthy(), "counts": _counts()}
    return BLOCK.sub(lambda found: found[1] + tables[found[2]] + found[3], page)


def _faults() -> str:
    rows = []
    for half in ("tune", "report"):
        figures = table(half)
        for fault in (fault for fault in FAULTS if fault.half == half):
            found = figures[fault.name]
            rows.append((
                f"`{fault.name}`", _about(fault), _codes(fault), _where(fault), fault.operator,
                f"{mean(found['faulty']):.2f}", f"{mean(found['twin']):.2f}",
                f"{found['severity']}{', by its data' if fault.present else ''}",
            ))  # fmt: skip
    return _table("faults", rows)


def _healthy() -> str:
    rows = []
    for half in ("tune", "report"):
        figures = table(half)
        for healthy in (healthy for healthy in HEALTHY if healthy.half == half):
            found = figures[healthy.name]
            rows.append((
                f"`{healthy.name}`", _about(healthy), f"`{healthy.blamed_for}`", _where(healthy),
                f"{mean(found['score']):.2f}", f"{found['baseline']:.2f}",
            ))  # fmt: skip
    return _table("healthy", rows)


def _counts() -> str:
    def by_half(values: dict[str, int]) -> tuple[str, str]:
        return str(values.get("tune", 0)), str(values.get("report", 0))

    kinds: dict[str, list[str]] = {}
    for half in ("tune", "report"):
        of = Counter(p.architecture for p in PROGRAMS if p.half == half)
        kinds[half] = [f"{name} {count}" for name, count in of.most_common()]
    sets = {half: sorted(d for d, h in DATA.items() if h == half) for half in ("tune", "report")}
    causes = [Counter(f.half for f in FAULTS if code in f.causes) for code in CAUSES]
    rows = [
        ("faulty programs, each with a twin", *by_half(Counter(f.half for f in FAULTS))),
        ("healthy programs", *by_half(Counter(h.half for h in HEALTHY))),
        ("causes, of 30", *(str(sum(c[half] > 0 for c in causes)) for half in ("tune", "report"))),
        ("data", *(", ".join(f"`{d}`" for d in sets[half]) for half in ("tune", "report"))),
        ("nets", *(", ".join(kinds[half]) for half in ("tune", "report"))),
        ("looks so far", "not counted", str(len(looks()))),
    ]
    return _table("counts", rows)


def _about(program: Fault | Healthy) -> str:
    return " ".join((program.build.__doc__ or "").split()).replace("|", "\\|")


def _codes(fault: Fault) -> str:
    said = ", ".join(f"`{code}`" for code in sorted(fault.causes))
    return said + "".join(f" or `{code}`" for code in sorted(fault.also))


def _where(program: Fault | Healthy) -> str:
    return f"{program.data}, {program.architecture}"


def _table(kind: str, rows: Sequence[tuple[str, ...]]) -> str:
    head = HEADS[kind]
    lines = [head, ("---",) * len(head), *rows]
    return "\n" + "".join(f"| {' | '.join(line)} |\n" for line in lines) + "\n"


def main() -> None:
    """The command."""
    PAGE.write_text(with_tables(PAGE.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
