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
from recipe.config import SIZES, Config, grown
from recipe.data import load
from recipe.findings import Finding, StageResult, Verdict, judge, overall
from recipe.runs import RunFolder, figures
from recipe.training import deciding_metric, prepare_runtime

SOURCE = 'Karpathy, "A Recipe for Training Neural Networks" (2019), step 4; checklist 4.0 to 4.12'
Changes = dict[str, object]


def ladder(config: Config) -> dict[str, Changes]:
    """The rungs that change something, in the essay's order, as dotted keys and values."""
    smaller, larger = _sizes(grown(config, width=0.5)), _sizes(grown(config, width=2))
    rungs: dict[str, Changes] = {
        "smaller": smaller,
        "dropout 0.2": {"model.dropout": 0.2},
        "weight decay 0.1": {"train.weight_decay": 0.1},
        "L2 1e-4": {"model.l2": 1e-4},
        "input noise 0.1": {"model.noise.input": 0.1},
        "batch norm": {"model.norm": "batch"},
        # every training ends with its best epoch, so these are stopped early without a rung
        "larger": larger,
    }
    kept: dict[str, Changes] = {}
    for name, changes in rungs.items():
        new = {key: value for key, value in changes.items() if _is_new(config, key, value)}
        if new and new not in kept.values():
            kept[name] = new
    return kept


def run(config: Config, folder: RunFolder) -> StageResult:
    """Climb the ladder and keep what helps."""
    prepare_runtime(config.train.threads)
    settings = config.stages.regularize
    incumbent = folder.winner("overfit", "overfit.yaml", config)
    data = load(config.data)
    metric = deciding_metric(config, data.task)
    resolution = resolution_of(metric, data)
    rungs = ladder(incumbent)
    seeds = range(config.seed, config.seed + settings.seeds)
    fresh = range(seeds.stop, seeds.stop + settings.seeds)

    with folder.progress("trainings", (len(rungs) + 1) * len(seeds)) as advance:
        base = score_seeds(incumbent, data, seeds, advance, "incumbent", folder.checkpoint)
        noise = max(float(np.std(base, ddof=1)), resolution)
        detectable = gain_found(noise, len(seeds), settings.confidence)
        floor = check_noise_floor(noise, detectable, len(seeds), metric)
        folder.say(floor.message)
        tried: dict[str, Comparison] = {}
        for name, changes in rungs.items():
            rung = incumbent.replace(changes)
            scores = score_seeds(rung, data, seeds, advance, name, folder.checkpoint)
            tried[name] = paired(scores, base, metric, settings.confidence, resolution, noise)

    trains = check_trains(base, metric)
    better = [name for name, found in tried.items() if found.verdict == "better"]
    findings = [trains, floor, *(_rung(name, found) for name, found in tried.items())]
    winner, won = incumbent, None
    if better:
        combined = incumbent.replace(_combined([rungs[name] for name in better], tried, better))
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
        headline=f"{len(rungs)} rungs x {len(seeds)} seeds: kept {kept}; val {metric} {said}",
        metrics={
            "rungs": len(rungs),
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


def _combined(rungs: list[Changes], tried: dict[str, Comparison], names: list[str]) -> Changes:
    """All changes that helped; where two set the same key, the one that gained more."""
    combined: Changes = {}
    for _, changes in sorted(zip([tried[n].difference for n in names], rungs, strict=True),
                             key=lambda pair: pair[0]):  # fmt: skip
        combined |= changes
    return combined


def _sizes(config: Config) -> Changes:
    """The sizes of a net as changes; nothing for a family that has none here."""
    keys = [f"model.{name}" for name in SIZES.get(config.model.family, ())]
    return {key: config.get(key) for key in keys}


def _is_new(config: Config, key: str, value: object) -> bool:
    """Whether the change changes anything, and does not weaken what the config already has."""
    now = config.get(key)
    return now in (None, 0.0, "none") or (isinstance(now, tuple) and now != value)
