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
    plan = Looks(settings.seeds, settings.confidence)
    seen: list[Comparison] = []
    with folder.progress("trainings", 2 * plan.most) as advance:
        for count in range(1, plan.most + 1):
            for side in (old, new):
                _train(side, config.seed + FIRST_SEED + count - 1, plan.most, folder, advance)
            if count in plan.seeds:
                seen.append(
                    plan.look(
                        new.scores, old.scores, metric,
                        resolution_of(metric, old.data), settings.smallest,
                    )
                )  # fmt: skip
                if plan.is_over(seen[-1]):
                    break
    found = seen[-1]
    needed = _needed(found, settings)
    _show(old, new, seen, folder)
    findings = [*_is_fair(old, new), *_answers(new.name, found, needed, settings)]
    return StageResult(
        stage=str(folder.stage),
        verdict=overall(findings),
        headline=f"{new.name} against {old.name}: {found}",
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
    return Side(str(config.name), config, data), Side(called(config, other), other, theirs)


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


def _answers(
    name: str, found: Comparison, needed: int | None, settings: CompareStage
) -> list[Finding]:
    error = 1 - settings.confidence
    answer = checks.check_compared(str(found), found.difference, found.effect, error, name)
    if not np.isfinite(found.spread):
        return [answer]
    return [
        answer,
        checks.check_seeds(found.verdict, found.seeds, needed, settings.smallest, found.spread),
    ]


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
