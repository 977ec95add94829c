"""Compare: is one config better than another? The same seeds, splits and steps for both.

An experiment beside the stages: it needs none of them. After each seed from the third on it looks,
and stops once it is settled; the intervals are so wide that all looks together err as seldom as
was asked for. What they know is chance by seed: another draw of the validation examples is not
in them, and the test set stays closed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import zip_longest

import numpy as np

from recipe.checks import compare as checks
from recipe.compare import Comparison, Looks, Scored, resolution_of, score_seed, seeds_needed
from recipe.config import Config, RequestError
from recipe.config.differences import called, differences, file_name, groups_of
from recipe.config.stages import CompareStage
from recipe.data import Dataset, load
from recipe.findings import Finding, StageResult, overall
from recipe.runs import RunFolder, figures
from recipe.runs.console import Advance
from recipe.runs.files import write_atomically
from recipe.training import (
    deciding_metric,
    gain,
    prepare_runtime,
    steps_per_epoch,
)

FIRST_SEED = 2000
"""Above the config's own: no stage has chosen anything by these seeds."""


@dataclass(frozen=True)
class Side:
    """One of the two configs, and what it has scored."""

    name: str
    config: Config
    data: Dataset
    trained: list[Scored] = field(default_factory=list)

    @property
    def scores(self) -> list[float]:
        """Of each seed."""
        return [each.score for each in self.trained]

    @property
    def steps(self) -> int:
        """That it asks for; it may stop early."""
        return self.config.train.epochs * steps_per_epoch(self.config, len(self.data.train))


def run(config: Config, folder: RunFolder) -> StageResult:
    """Train both, seed by seed, until it is settled."""
    prepare_runtime(config.train.threads)
    old, new = _sides(config, folder)
    settings = new.config.stages.compare
    metric = deciding_metric(config, old.data.task)
    seen = _looked_at(old, new, metric, folder)
    found = seen[-1]
    answer, needed = _answer(found, new.config), _needed(found, settings)
    _show(old, new, seen, folder)
    findings = [*_is_fair(old, new), *_answers(new, found, needed)]
    return StageResult(
        stage=str(folder.stage),
        verdict=overall(findings),
        headline=f"{new.name} against {old.name}: {found}{answer and f'; hypothesis {answer}'}",
        metrics={
            f"val_{metric}_old": found.old,
            f"val_{metric}_new": found.new,
            "gain": found.difference,
            "gain_low": found.low,
            "gain_high": found.high,
            "gain_std": found.spread,
            "effect": found.effect,
            "seeds": found.seeds,
            "smallest": settings.smallest,
            **({} if needed is None else {"seeds_needed": needed}),
        },
        findings=findings,
    )


def _sides(config: Config, folder: RunFolder) -> tuple[Side, Side]:
    """Both configs, with the same examples."""
    other = folder.given(str(folder.stage))
    if other is None:
        raise RequestError(
            f"{folder.stage} has no second config; write: recipe compare A.yaml B.yaml"
        )
    data = load(config.data)
    theirs = data if other.data == config.data else load(other.data)
    for part in ("train", "val"):
        mine, them = getattr(data, part), getattr(theirs, part)
        if not np.array_equal(mine.ids, them.ids):
            keys = [key for key in differences(config, other) if key.startswith("data.")]
            raise RequestError(
                f"{', '.join(keys)}: the configs have other {part} examples "
                f"({len(mine):,} and {len(them):,}), so their scores are not about the same"
            )
    units = [
        key for key in ("train.loss", "data.target_scaling") if config.get(key) != other.get(key)
    ]
    if units and deciding_metric(config, data.task) == "loss":
        raise RequestError(
            f"{', '.join(units)}: losses in two units can't be compared; write train.metric: r2"
        )
    expected, metric = other.hypothesis, deciding_metric(config, data.task)
    if expected.direction and expected.metric not in ("auto", metric):
        raise RequestError(
            f"hypothesis.metric: {expected.metric}, but configs are compared by {metric}; write "
            f"hypothesis.metric: auto, or train.metric: {expected.metric} in both"
        )
    return Side(str(config.name), config, data), Side(called(config, other), other, theirs)


def _looked_at(old: Side, new: Side, metric: str, folder: RunFolder) -> list[Comparison]:
    """Train a seed of each after another, and what each look said until it was settled."""
    settings = new.config.stages.compare
    plan = Looks(settings.seeds, settings.confidence)
    resolution = resolution_of(metric, old.data)
    seen: list[Comparison] = []
    with folder.progress("trainings", 2 * plan.most) as advance:
        for count in range(1, plan.most + 1):
            for side in (old, new):
                seed = old.config.seed + FIRST_SEED + count - 1
                _train(side, seed, plan.most, folder, advance)
            if count in plan.seeds:
                scores = new.scores, old.scores
                seen.append(plan.look(*scores, metric, resolution, settings.smallest))
                if _is_over(plan, seen[-1], new.config):
                    break
    return seen


def _is_over(plan: Looks, found: Comparison, config: Config) -> bool:
    """Whether it is settled, and so is what was expected, as far as the seeds go."""
    is_open = _answer(found, config) == "inconclusive" and not np.isnan(found.difference)
    return plan.is_over(found) and (not is_open or found.seeds >= plan.most)


def _answer(found: Comparison, config: Config) -> str:
    """To what was expected of a config: confirmed, refuted or inconclusive; "" if nothing was."""
    expected = config.hypothesis
    return found.against(expected.direction, expected.size) if expected.direction else ""


def _train(side: Side, seed: int, most: int, folder: RunFolder, advance: Advance) -> None:
    training = f"{side.name}, seed {seed}"
    kept = folder.checkpoint(training)
    side.trained.append(score_seed(side.config, side.data, seed, kept, most))
    metric = deciding_metric(side.config, side.data.task)
    advance(f"{training}: val {metric} {side.trained[-1].score:.4f}")


def _needed(found: Comparison, settings: CompareStage) -> int | None:
    if not np.isfinite(found.spread):
        return None
    return seeds_needed(found.spread, found.seeds, settings.smallest, settings.confidence)


def _is_fair(old: Side, new: Side) -> list[Finding]:
    diverged = {side.name: int((~np.isfinite(side.scores)).sum()) for side in (old, new)}
    keys = list(differences(old.config, new.config))
    return [
        checks.check_both_train(diverged, len(old.trained)),
        checks.check_same_steps(old.steps, new.steps),
        checks.check_one_change(groups_of(keys), keys),
    ]


def _answers(new: Side, found: Comparison, needed: int | None) -> list[Finding]:
    settings, expected = new.config.stages.compare, new.config.hypothesis
    error = 1 - settings.confidence
    said = f"{found.metric} {expected.direction} by more than {expected.size:g}"
    findings = [
        checks.check_compared(str(found), found.difference, found.effect, error, new.name),
        checks.check_hypothesis(
            said if expected.direction else None, _answer(found, new.config), str(found)
        ),
    ]
    if np.isfinite(found.spread):
        seeds = found.verdict, found.seeds, needed, settings.smallest, found.spread
        findings.append(checks.check_seeds(*seeds))
    return findings


def _show(old: Side, new: Side, seen: Sequence[Comparison], folder: RunFolder) -> None:
    """The figure, a table of the seeds, and the mean curves of both in TensorBoard."""
    found = seen[-1]
    gains = [gain(found.metric, *pair) for pair in zip(new.scores, old.scores, strict=True)]
    folder.figure(
        "pairs",
        figures.pairs(
            {old.name: old.scores, new.name: new.scores},
            gains,
            [(each.seeds, each.difference, each.low, each.high) for each in seen],
            new.config.stages.compare.smallest,
            f"{new.name} against {old.name}: {found.verdict}, "
            f"{found.difference:+.4f} [{found.low:+.4f}, {found.high:+.4f}]",
            f"validation {found.metric}",
        ),
    )
    first = old.config.seed + FIRST_SEED
    rows = zip(range(first, first + len(gains)), old.scores, new.scores, gains, strict=True)
    lines = ["seed,old,new,gain", *(",".join(map(str, row)) for row in rows)]
    write_atomically(folder.file("seeds.csv"), "\n".join(lines) + "\n")
    for side in (old, new):
        _draw_curves(side, folder)


def _draw_curves(side: Side, folder: RunFolder) -> None:
    """Mean over the seeds that made an epoch: a curve for each seed would be too many to tick."""
    parts = {"train": "", "validation": "val_"}
    names = list(side.trained[0].history)
    for part, prefix in parts.items():
        own = [n for n in names if n.startswith("val_") == bool(prefix)]
        curves = {n: zip_longest(*(each.history[n] for each in side.trained)) for n in own}
        with folder.board(f"{file_name(side.name)}/{part}") as board:
            for epoch, values in enumerate(zip(*curves.values(), strict=True)):
                points = {
                    f"epoch_{name.removeprefix(prefix)}": float(
                        np.mean([value for value in seeds if value is not None])
                    )
                    for name, seeds in zip(curves, values, strict=True)
                }
                board.scalars(points, epoch)
