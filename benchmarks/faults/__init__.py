"""The fault benchmark: faulty programs, their repaired twins, and healthy ones that get blamed.

It was committed before the first rule of the doctor, and it is in two halves by data set (`DATA` in
`program.py`): thresholds are set on `tune/`, figures are reported on `report/`, and each look at
that half is counted in `looks.json`. Every fault was trained beside its twin; what they scored is
in `<half>/verified.json`.

To read: `program.py` (what a program is), `data.py` (what they learn from), one module of `tune/`,
`score.py`, `verify.py`; then `tally.py` and `repair.py`, which `scripts/bench_doctor.py` uses.
`docs/doctor.md` says how to add a program.
"""
