"""Stage 4. Regularize: give up training loss for validation score, one change at a time.

How much chance alone moves a score is measured first. Each rung of the ladder is a single config
change, trained with the same seeds as the incumbent. What is better beyond noise is combined, and
the combination must win again on fresh seeds.
"""

from __future__ import annotations

import numpy as np

from recipe.checks.compare import check_noise_floor
from recipe.checks.learning import check_trains
from recipe.compare import Comparison, gain_found, paired, resolution_of, score_seeds
from recipe.config import Config
from recipe.data import load
from recipe.findings import Finding, StageResult, Verdict, judge, overall
from recipe.runs import RunFolder, figures
from recipe.stages.rungs import Changes, Rung, rungs
from recipe.training import deciding_metric, prepare_runtime

SOURCE = 'Karpathy, "A Recipe for Training Neural Networks" (2019), step 4; checklist 4.0 to 4.12'

AFFORDED = (
    "smaller x0.5", "dropout 0.2", "weight decay 0.1", "L2 0.0001", "input noise 0.1", "batch norm",
    "larger x2",
)  # fmt: skip
"""Of the catalogue, as long as the stage has no budget that chooses."""


def run(config: Config, folder: RunFolder) -> StageResult:
    """Climb the ladder and keep what helps."""
    prepare_runtime(config.train.threads)
    settings = config.stages.regularize
    incumbent = folder.winner("overfit", "overfit.yaml", config)
    data = load(config.data)
    metric = deciding_metric(config, data.task)
    resolution = resolution_of(metric, data)
    found, left = rungs(incumbent, data)
    ladder = [rung for rung in found if rung.name in AFFORDED]
    for each in left:
        folder.say(f"not tried: {each.name}, for {each.why}")
    seeds = range(config.seed, config.seed + settings.seeds)
    fresh = range(seeds.stop, seeds.stop + settings.seeds)

    with folder.progress("trainings", (len(ladder) + 1) * len(seeds)) as advance:
        base = score_seeds(incumbent, data, seeds, advance, "incumbent", folder.checkpoint)
        noise = max(float(np.std(base, ddof=1)), resolution)
        detectable = gain_found(noise, len(seeds), settings.confidence)
        floor = check_noise_floor(noise, detectable, len(seeds), metric)
        folder.say(floor.message)
        tried: dict[str, Comparison] = {}
        for rung in ladder:
            changed = incumbent.replace(rung.changes)
            scores = score_seeds(changed, data, seeds, advance, rung.name, folder.checkpoint)
            tried[rung.name] = paired(scores, base, metric, settings.confidence, resolution, noise)

    trains = check_trains(base, metric)
    better = [name for name, found in tried.items() if found.verdict == "better"]
    findings = [trains, floor, *(_rung(name, found) for name, found in tried.items())]
    winner, won = incumbent, None
    if better:
        combined = incumbent.replace(_combined([r for r in ladder if r.name in better], tried))
        with folder.progress("confirming", 2 * len(fresh)) as advance:
            kept_in = folder.checkpoint
            base_again = score_seeds(incumbent, data, fresh, advance, "incumbent", kept_in)
            scores = score_seeds(combined, data, fresh, advance, " + ".join(better), kept_in)
        won = paired(scores, base_again, metric, settings.confidence, resolution, noise)
        findings.append(_rung("the combination, on fresh seeds", won))
        if won.verdict == "better":
            winner = combined

    said = f"{np.mean(base):.4f}"
    if won and winner is not incumbent:
        said = f"{won.old:.4f} -> {won.new:.4f}"
    kept = " + ".join(better) if winner is not incumbent else "nothing"
    folder.write_config(
        "regularized.yaml",
        winner,
        f"from: recipe regularize, keeping {kept}" + (f"\n{won}" if won else ""),
    )
    shown = {**tried, **({"combination (fresh seeds)": won} if won else {})}
    rows = [(name, c.difference, c.low, c.high, c.verdict) for name, c in shown.items()]
    folder.figure(
        "ladder",
        figures.intervals(rows, f"One change at a time, {len(seeds)} seeds each",
                          f"gain in validation {metric}, {settings.confidence:.0%} interval"),
    )  # fmt: skip
    return StageResult(
        stage="regularize",
        verdict=overall(findings),
        headline=f"{len(ladder)} rungs x {len(seeds)} seeds: kept {kept}; val {metric} {said}",
        metrics={
            "rungs": len(ladder),
            "seeds": len(seeds),
            f"val_{metric}": float(np.mean(base)),
            f"val_{metric}_std": float(np.std(base, ddof=1)),
            "detectable_gain": detectable,
            **{f"gain_{name}": found.difference for name, found in shown.items()},
        },
        findings=findings,
    )


def _rung(name: str, found: Comparison) -> Finding:
    """A rung measured is a rung passed: "it did not help" is an answer, not a fault."""
    return judge(
        name,
        Verdict.PASS,
        str(found),
        measured=found.difference,
        expected="better: the whole interval above 0",
        source=SOURCE,
    )


def _combined(rungs: list[Rung], tried: dict[str, Comparison]) -> Changes:
    """All changes that helped; where two set the same key, the one that gained more."""
    combined: Changes = {}
    for rung in sorted(rungs, key=lambda rung: tried[rung.name].difference):
        combined |= rung.changes
    return combined
