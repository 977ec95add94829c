"""Stage 4. Regularize: give up training loss for validation score, one change at a time.

How much chance alone moves a score is measured first. Each rung of the ladder is a single config
change, at a learning rate that suits it. What is better beyond noise is combined, and must win
again on fresh seeds, beside the best of a few cocktails of all rungs.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from recipe.checks.compare import check_noise_floor
from recipe.checks.learning import check_trains
from recipe.checks.regularize import check_does_not_apply, check_not_tried
from recipe.compare import gain_found
from recipe.config import Config
from recipe.config.stages import RegularizeStage
from recipe.data import load
from recipe.findings import Finding, StageResult, overall
from recipe.runs import RunFolder
from recipe.stages.regularize import records
from recipe.stages.regularize.budget import Budget
from recipe.stages.regularize.climb import Climbed, Confirmed, candidates, climb, confirmed, winner
from recipe.stages.regularize.evidence import gather
from recipe.stages.regularize.first_layer import look_inside
from recipe.stages.regularize.loss_curves import loss_curves
from recipe.stages.regularize.more_data import best_of, more_data
from recipe.stages.regularize.race import Race
from recipe.stages.regularize.rungs import NotTried, Rung, promising, rungs
from recipe.training import prepare_runtime


def run(config: Config, folder: RunFolder) -> StageResult:
    """Climb the ladder and keep what helps."""
    prepare_runtime(config.train.threads)
    settings = config.stages.regularize
    incumbent = folder.winner("overfit", "overfit.yaml", config)
    data = load(config.data)
    race = Race(incumbent, data, folder, settings)
    with folder.progress("noise floor", settings.seeds) as race.advance:
        floor = race.scores(incumbent, "incumbent", race.seeds)
    findings = _noise_first(race, floor, folder)
    if not np.isfinite(floor).all():
        return _ended(race, floor, findings)

    nets = [race.net(incumbent, seed) for seed in race.seeds]
    trained = [race.trained(incumbent, "incumbent", seed) for seed in race.seeds]
    logs = [each.history for each in trained]
    fit, diagnosis = loss_curves(incumbent, data, nets, logs, folder)
    folder.say(diagnosis.message)
    findings += [diagnosis, *look_inside(incumbent, data, nets[0], config.seed, folder)]
    seen = gather(incumbent, data, nets[0], folder)
    found, unfit = rungs(incumbent, data, seen)
    ladder = promising(found, fit.answer)
    budget = Budget.of(settings, len(ladder))
    folder.say(f"{len(ladder)} rungs apply, {len(unfit)} do not; {budget}")
    with folder.progress("trainings", budget.most - race.made) as race.advance:
        climbed = climb(race, floor, ladder[: budget.looked_at], budget)
        sides = confirmed(race, candidates(race, climbed, budget.cocktails))

    won = winner(race, sides)
    # scores as they were back-tested, with the luck of the best epoch: the parts have it too
    whole = [each.score for each in trained]
    more = more_data(incumbent, data, whole, best_of(won, sides), folder)
    findings += [*seen.findings, *records.findings_of(race, climbed, sides)]
    findings += [more.finding, *_not_tried(ladder, unfit, budget, settings)]
    records.write(race, climbed, won, folder)
    records.draw(race, climbed, sides, folder)
    return StageResult(
        stage="regularize",
        verdict=overall(findings),
        headline=_headline(race, climbed, floor, won),
        metrics={
            **_measured(race, floor),
            "rungs": len(climbed.entries),
            "compared": len(climbed.entries) - len(climbed.dropped),
            "trainings": race.made,
            **{f"gain_{each.entry.rung.name}": each.found.difference for each in climbed.tried},
            **more.metrics,
            **{f"gain_{each.mixture.name} (fresh seeds)": each.found.difference for each in sides},
        },
        findings=findings,
    )


def _noise_first(race: Race, floor: Sequence[float], folder: RunFolder) -> list[Finding]:
    """What chance alone does, known before anything is said to help."""
    race.noise = max(float(np.std(floor, ddof=1)), race.resolution)
    detectable = gain_found(race.noise, len(floor), race.settings.confidence)
    found = check_noise_floor(race.noise, detectable, len(floor), race.metric)
    folder.say(found.message)
    return [check_trains(floor, race.metric), found]


def _ended(race: Race, floor: Sequence[float], findings: list[Finding]) -> StageResult:
    """With an incumbent that diverges nothing can be compared."""
    return StageResult(
        stage="regularize",
        verdict=overall(findings),
        headline=findings[0].message,
        metrics=_measured(race, floor),
        findings=findings,
    )


def _measured(race: Race, floor: Sequence[float]) -> dict[str, float]:
    return {
        "seeds": len(floor),
        f"val_{race.metric}": float(np.mean(floor)),
        f"val_{race.metric}_std": float(np.std(floor, ddof=1)),
        "detectable_gain": gain_found(race.noise, len(floor), race.settings.confidence),
    }


def _not_tried(
    ladder: Sequence[Rung], unfit: Sequence[NotTried], budget: Budget, settings: RegularizeStage
) -> list[Finding]:
    return [
        check_does_not_apply({each.name: each.why for each in unfit}),
        check_not_tried(
            [rung.name for rung in ladder[budget.looked_at :]],
            Budget.needed(settings, len(ladder)),
        ),
    ]


def _headline(race: Race, climbed: Climbed, floor: Sequence[float], won: Confirmed | None) -> str:
    kept = won.mixture.called if won else "nothing"
    compared = len(climbed.entries) - len(climbed.dropped)
    scores = f"{won.found.old:.4f} -> {won.found.new:.4f}" if won else f"{np.mean(floor):.4f}"
    return (
        f"{len(climbed.entries)} rungs, the best {compared} x {len(race.seeds)} seeds: "
        f"kept {kept}; val {race.metric} {scores}"
    )
