"""Laboratory. Dropout: where it stands, how much, and what it does to batch norm behind it.

In training a dropped layer's output varies more than at evaluation. A batch norm behind it learns
that larger variance and divides by it ever after (Li et al. 2019): so the place matters, and the
remedy is to measure its statistics anew.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from recipe.checks.lab import answer
from recipe.compare import Comparison
from recipe.config import Config
from recipe.findings import Finding, StageResult
from recipe.lab.bench import Bench, Changes, Trained, interval
from recipe.runs import RunFolder, figures
from recipe.runs.figures import Points
from recipe.training.population import variance_shift
from recipe.training.range_test import Estimate

PLACES = {"before each norm": "before_norm", "between norms": "after_norm",
          "after the last norm": "last"}  # fmt: skip
"""Name for the reader -> `model.dropout_position`, in a net with batch norm."""

EVERYWHERE = "no norm, after each layer"
RATES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)
CHOSEN = 0.5
"""Rate at which places are compared (Srivastava et al. 2014, for hidden layers)."""

MILD = 0.2
"""Rate at which dropout is compared with batch norm as a regularizer."""

LI = "Li et al. 2019; course notes"
SRIVASTAVA = "Srivastava et al. 2014; course notes"


def run(config: Config, folder: RunFolder) -> StageResult:
    """Train every place at every rate, and measure what batch norms divide by."""
    bench = Bench(config, folder)
    plain = bench.arm({"model.norm": "none"})
    normed = bench.arm({"model.norm": "batch"})
    trained = _trained(bench)
    shifts, again = _shifts(bench, normed, trained)
    placed = {name: bench.compare(trained[name][CHOSEN], normed) for name in PLACES}
    scores = {name: [t.score for t in trained[name][CHOSEN]] for name in PLACES}
    mended = {name: bench.compare_scores(again[name], scores[name]) for name in PLACES}
    arms = {
        "dropout": trained[EVERYWHERE][MILD],
        "batch norm": normed,
        "batch norm, then dropout": trained["after the last norm"][MILD],
    }
    regularizers = {name: bench.compare(arm, plain) for name, arm in arms.items()}
    gaps = {name: bench.mean(np.subtract([t.gap for t in arm], [t.gap for t in plain]).tolist())
            for name, arm in arms.items()}  # fmt: skip
    _draw(bench, plain, trained, shifts, placed, mended, regularizers)
    keeps = bench.compare(trained[EVERYWHERE][0.2], trained[EVERYWHERE][0.8])
    findings = [
        bench.trains(plain),
        *_places(placed, shifts, mended),
        answer(
            "keep_or_drop",
            f"0.8 kept (rate 0.2) against 0.8 dropped (rate 0.8), without norm: {keeps}",
            (keeps.difference, keeps.low, keeps.high),
            "above 0: the 0.5 to 0.8 of the notes are shares that are kept",
            SRIVASTAVA,
        ),
        *(
            answer(
                f"regularizer_{name.replace(', ', '_').replace(' ', '_')}",
                f"{name} against neither: {compared}; gap between val and training loss "
                f"{interval(gaps[name])}.",
                (compared.difference, compared.low, compared.high),
                "above 0: it helps; a gap below 0: it holds the net back",
                SRIVASTAVA,
            )
            for name, compared in regularizers.items()
        ),
    ]
    before, last = placed["before each norm"], placed["after the last norm"]
    summary = [
        f"Half of the units dropped before each batch norm changes val {bench.metric} by "
        f"{before.difference:+.4f} [{before.low:+.4f}, {before.high:+.4f}], dropped once after the "
        f"last norm by {last.difference:+.4f} [{last.low:+.4f}, {last.high:+.4f}].",
        "The reason shows in what the norms divide by: before the norm, the variance at evaluation "
        f"is {shifts['before each norm'].value:.2f} times the one they learnt, after the last "
        f"{shifts['after the last norm'].value:.2f} times.",
        "Statistics measured anew with dropout off change that net's score by "
        f"{mended['before each norm'].difference:+.4f} "
        f"({mended['before each norm'].verdict}).",
        f"Keras's rate is what is dropped: at 0.8 the net scores {keeps.old:.4f}, at 0.2, which "
        f"keeps 0.8, {keeps.new:.4f}. The notes' 0.5 to 0.8 are shares that are kept.",
    ]
    headline = f"dropout {CHOSEN} before each norm {before}; after the last {last}"
    metrics = {f"shift_{PLACES[name]}": e.value for name, e in shifts.items() if name in PLACES}
    for name, compared in placed.items():
        metrics[f"gain_{PLACES[name]}"] = compared.difference
        metrics[f"gain_{PLACES[name]}_low"] = compared.low
        metrics[f"gain_{PLACES[name]}_high"] = compared.high
    return bench.result("lab-dropout", headline, summary, findings, metrics)


def _trained(bench: Bench) -> dict[str, dict[float, list[Trained]]]:
    """Every place at every rate; one place shares one compiled function."""
    everywhere = {"model.norm": "none", "model.dropout_position": "after_norm"}
    variants: dict[str, Changes] = {EVERYWHERE: everywhere}
    variants |= {name: {"model.norm": "batch", "model.dropout_position": position}
                 for name, position in PLACES.items()}  # fmt: skip
    found: dict[str, dict[float, list[Trained]]] = {}
    with bench.progress(len(variants) * len(RATES)) as advance:
        for name, changes in variants.items():
            found[name] = {}
            for rate in RATES:
                found[name][rate] = bench.arm({**changes, "model.dropout": rate})
                advance(f"{name}, rate {rate:g}", found[name][rate])
    return found


def _shifts(
    bench: Bench, normed: list[Trained], trained: Mapping[str, Mapping[float, list[Trained]]]
) -> tuple[dict[str, Estimate], dict[str, list[float]]]:
    """Variance at evaluation over the one learnt, and the scores once it is measured anew."""
    x = bench.data.train.x
    arms = {"no dropout": normed, **{name: trained[name][CHOSEN] for name in PLACES}}
    shifts = {}
    for name, arm in arms.items():
        worst = [_farthest(list(variance_shift(t.model, x).values())) for t in arm]
        shifts[name] = bench.ratio(worst, [1.0] * len(worst))
    return shifts, {name: [bench.recalibrated(t) for t in arm] for name, arm in arms.items()}


def _farthest(ratios: Sequence[float]) -> float:
    """The ratio that is farthest from 1, on a log scale; NaN where none is known."""
    known = [ratio for ratio in ratios if np.isfinite(ratio) and ratio > 0]
    return max(known, key=lambda ratio: abs(np.log(ratio)), default=float("nan"))


def _places(
    placed: Mapping[str, Comparison],
    shifts: Mapping[str, Estimate],
    mended: Mapping[str, Comparison],
) -> list[Finding]:
    found = []
    for name, compared in placed.items():
        shift, remedy = shifts[name], mended[name]
        found.append(
            answer(
                f"place_{PLACES[name]}",
                f"Dropout {CHOSEN} {name}, against batch norm alone: {compared}",
                (compared.difference, compared.low, compared.high),
                "below 0: this place costs",
                LI,
            )
        )
        found.append(
            answer(
                f"shift_{PLACES[name]}",
                f"{name}: the variance at evaluation is {interval(shift)} times the one that the "
                "worst norm has learnt.",
                (shift.value, shift.low, shift.high),
                "0.8 to 1.25: no shift",
                LI,
            )
        )
        found.append(
            answer(
                f"recalibrated_{PLACES[name]}",
                f"{name}, statistics measured anew with dropout off: {remedy}",
                (remedy.difference, remedy.low, remedy.high),
                "above 0: what the shift has cost comes back",
                LI,
            )
        )
    return found


def _draw(
    bench: Bench,
    plain: list[Trained],
    trained: Mapping[str, Mapping[float, list[Trained]]],
    shifts: Mapping[str, Estimate],
    placed: Mapping[str, Comparison],
    mended: Mapping[str, Comparison],
    regularizers: Mapping[str, Comparison],
) -> None:
    folder, seeds, level = bench.folder, bench.settings.seeds, f"{bench.settings.confidence:.0%}"
    gain = f"gain in val {bench.metric}, {level} interval"
    points: dict[str, Points] = {}
    for name, by_rate in trained.items():
        found = {rate: bench.mean([t.score for t in arm], bench.resolution)
                 for rate, arm in by_rate.items()}  # fmt: skip
        points[name] = {rate: (e.value, e.low, e.high) for rate, e in found.items()}
        bench.curve(f"{name}, rate {CHOSEN}", by_rate[CHOSEN])
    bench.curve("no dropout", plain)
    folder.figure("rates", figures.over(
        points, f"The rate is the share dropped, and its place matters ({seeds} seeds)",
        "fraction of units dropped", f"val {bench.metric}, mean and {level} interval",
    ))  # fmt: skip
    folder.figure("variance_shift", figures.ratios(
        {name: (e.value, e.low, e.high) for name, e in shifts.items()}, (0.8, 1.25),
        "Dropout before batch norm teaches it a variance it never meets",
        "variance at evaluation / variance learnt (worst norm of the net)", "no shift",
    ))  # fmt: skip
    rows = []
    for name in PLACES:
        rows.append((name, placed[name], "alone"))
        rows.append(("  then measured anew", mended[name], "as trained"))
    folder.figure("places", figures.intervals(
        [(name, c.difference, c.low, c.high, c.verdict) for name, c, _ in rows],
        f"Dropout {CHOSEN} beside batch norm, and what new statistics give back",
        gain, zero="batch norm alone; or as trained"))  # fmt: skip
    folder.figure("regularizers", figures.intervals(
        [(name, c.difference, c.low, c.high, c.verdict) for name, c in regularizers.items()],
        f"As regularizers: dropout {MILD}, batch norm, and both ({seeds} seeds)",
        gain, zero="neither"))  # fmt: skip
