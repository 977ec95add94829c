"""Stage 5. Tune: search the hyperparameters, and believe only what fresh seeds confirm.

Random search comes before grids and clever models: it tries more values of the few parameters
that matter. The best of many trials is partly luck, so it must beat the incumbent again.
"""

from __future__ import annotations

import shutil

from recipe.compare import paired, resolution_of, score_seeds
from recipe.config import Config
from recipe.data import load
from recipe.findings import Finding, StageResult, Verdict, judge, overall
from recipe.runs import RunFolder, figures
from recipe.runs.tensorboard import Board, Status
from recipe.search import Trial, run_study, space_of
from recipe.training import HIGHER_IS_BETTER, deciding_metric, gain, prepare_runtime

SOURCE = 'Karpathy, "A Recipe for Training Neural Networks" (2019), step 5; checklist P11, P14'


def run(config: Config, folder: RunFolder) -> StageResult:
    """Search, confirm, and write the best config."""
    prepare_runtime(config.train.threads)
    settings = config.stages.tune
    incumbent = folder.winner("regularize", "regularized.yaml", config)
    data = load(incumbent.data)
    metric = deciding_metric(incumbent, data.task)

    with folder.progress("trials", config.search.max_trials) as advance:
        trials = run_study(incumbent, data, folder.path / "search", advance)
    feasible = [trial for trial in trials if trial.feasible]
    findings = [_check_feasible(len(trials) - len(feasible), len(trials), settings.infeasible)]
    winner, best, confirmed = incumbent, None, None
    if feasible:
        best = max(feasible, key=lambda trial: gain(metric, trial.score, 0.0))
        challenger = incumbent.replace(best.changes)
        seeds = range(config.seed + 1000, config.seed + 1000 + settings.seeds)
        with folder.progress("confirming", 2 * len(seeds)) as advance:
            kept_in, name = folder.checkpoint, f"trial {best.number + 1}"
            old = score_seeds(incumbent, data, seeds, advance, "incumbent", kept_in)
            new = score_seeds(challenger, data, seeds, advance, name, kept_in)
        confirmed = paired(new, old, metric, settings.confidence, resolution_of(metric, data))
        findings.append(
            judge(
                "winner_confirmed",
                Verdict.PASS,
                f"Trial {best.number + 1} against the incumbent, fresh seeds: {confirmed}",
                measured=confirmed.difference,
                expected="better: the whole interval above 0; else the incumbent stays",
                source=SOURCE,
            )
        )
        if confirmed.verdict == "better":
            winner = challenger

    said = "none was feasible"
    if confirmed:
        said = (
            f"val {metric} {confirmed.old:.4f} -> {confirmed.new:.4f} "
            f"on {confirmed.seeds} fresh seeds ({confirmed.verdict})"
        )
    kept = "the incumbent" if winner is incumbent or best is None else f"trial {best.number + 1}"
    folder.write_config(
        "best.yaml",
        winner,
        f"from: recipe tune, {len(trials)} trials, keeping {kept}"
        + (f"\n{confirmed}" if confirmed else ""),
    )
    values = {key: [trial.changes[key] for trial in trials] for key in space_of(incumbent)}
    shown = {key: [v if isinstance(v, float) else str(v) for v in column]
             for key, column in values.items()}  # fmt: skip
    folder.figure(
        "trials",
        figures.trials(
            shown,
            [t.score for t in trials],
            f"validation {metric}",
            direction="max" if HIGHER_IS_BETTER[metric] else "min",
        ),
    )
    _write_hparams(trials, incumbent, metric, folder)
    return StageResult(
        stage="tune",
        verdict=overall(findings),
        headline=f"{len(trials)} trials: kept {kept}; {said}",
        metrics={
            "trials": len(trials),
            "infeasible": len(trials) - len(feasible),
            **({f"best_trial_val_{metric}": best.score} if best else {}),
            **({"gain": confirmed.difference} if confirmed else {}),
        },
        findings=findings,
    )


def _check_feasible(bad: int, trials: int, most: float) -> Finding:
    """A space in which most trials diverge is wrong, or hides a bug."""
    share = bad / trials
    return judge(
        "feasible_trials",
        share <= most,
        f"{bad} of {trials} trials diverged.",
        measured=share,
        expected=f"at most {most:.0%}",
        source="checklist P11",
        prescription="search.space: lower the upper end of train.learning_rate",
    )


def _write_hparams(trials: list[Trial], config: Config, metric: str, folder: RunFolder) -> None:
    """Each trial as a session of TensorBoard's HParams, with the score that decided."""
    space = space_of(config)
    home = folder.path / "search" / "tensorboard"
    shutil.rmtree(home, ignore_errors=True)
    with Board(home) as board:
        board.hparams_config(space, {"score": f"validation {metric}"})
    for trial in trials:
        with Board(home / f"trial_{trial.number + 1:03}") as board:
            status: Status = "success" if trial.feasible else "failure"
            board.trial(trial.changes, trial.score, "score", status, space)
