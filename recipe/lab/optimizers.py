"""Laboratory. Optimizers: their paths on small surfaces, and their losses on your data.

Each is given its own best rate first: an optimizer at another's rate shows nothing. At the end it
is asked whether it has come to rest in a valley, by the curvature around it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np

from recipe.checks.lab import answer
from recipe.compare import Comparison, paired
from recipe.config import Config
from recipe.findings import Finding, StageResult
from recipe.lab.bench import Bench, Changes, Trained, interval
from recipe.runs import RunFolder, figures
from recipe.runs.figures import Points
from recipe.training.landscape import curvature
from recipe.training.range_test import Estimate
from recipe.training.surfaces import SURFACES, path

FULL = 2048
"""Examples of a step of gradient descent, if train has more: as good as all, and affordable."""

PLAIN_RATES = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0)
ADAPTIVE_RATES = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2)
DECAY = 0.01
"""AdamW's (Loshchilov and Hutter 2019)."""

BETA_1, BETA_2 = 0.9, 0.999
"""Adam's, Keras's defaults."""

SEARCHED = 3
"""Seeds on which the best rate is chosen, none of them among those that are compared."""

EXAMPLES = 256
"""Over which the Hessian is taken."""

PATH_STEPS = 60
NOISE = 0.6
"""Standard deviation of SGD's gradients on the small surfaces."""

KINGMA = "Kingma and Ba 2015; course notes"
DAUPHIN = "Dauphin et al. 2014; Ghorbani et al. 2019; course notes"


@dataclass(frozen=True)
class Method:
    """An optimizer in its settings."""

    optimizer: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    rates: Sequence[float] = PLAIN_RATES
    path_rate: float = 0.04
    """On the small surfaces."""

    def changes(self, rate: float) -> Changes:
        """As keys of a config."""
        given = {"class_name": self.optimizer, "config": dict(self.settings)}
        decay = DECAY if self.optimizer == "AdamW" else 0.0
        return {"train.optimizer": given, "train.learning_rate": rate, "train.weight_decay": decay}


METHODS = {
    "GD": Method("SGD"),
    "SGD": Method("SGD"),
    "momentum": Method("SGD", {"momentum": 0.9}, path_rate=0.015),
    "Nesterov": Method("SGD", {"momentum": 0.9, "nesterov": True}, path_rate=0.015),
    "RMSprop": Method("RMSprop", {}, ADAPTIVE_RATES, 0.06),
    "Adam": Method("Adam", {}, ADAPTIVE_RATES, 0.1),
    "AdamW": Method("AdamW", {}, ADAPTIVE_RATES, 0.1),
}


def run(config: Config, folder: RunFolder) -> StageResult:
    """Draw the paths; find each one's rate; compare; look around at the end."""
    bench = Bench(config, folder, needs=())
    searched = _searched(bench)
    rates = {name: best_rate(by_rate) for name, by_rate in searched.items()}
    trained: dict[str, list[Trained]] = {}
    with bench.progress(len(METHODS)) as advance:
        for name, rate in rates.items():
            trained[name] = bench.arm(_changes(bench, name, rate))
            advance(f"{name}, rate {rate:g}", trained[name])
    against = {name: _losses(bench, arm, trained["SGD"], "last")
               for name, arm in trained.items() if name != "SGD"}  # fmt: skip
    plain = _uncorrected(bench, rates["Adam"])
    corrected = _losses(bench, trained["Adam"], plain, "first")
    curved = _curvature(bench, trained)
    _draw(bench, searched, rates, trained, plain, curved)

    edges = [name for name, rate in rates.items()
             if rate in (METHODS[name].rates[0], METHODS[name].rates[-1])]  # fmt: skip
    findings = [bench.trains(trained["SGD"]), *_answers(bench, rates, trained, against)]
    findings.append(
        answer(
            "bias_correction",
            f"Adam at {rates['Adam']:g} with its bias correction against without, mean loss of the "
            f"first tenth of the steps: {corrected}. Without, the first steps are up to six times "
            "as long.",
            (corrected.difference, corrected.low, corrected.high),
            "above 0: the correction helps the start",
            KINGMA,
        )
    )
    findings += [
        answer(
            f"curvature_{name}",
            f"Where {name} ends, the loss curves down in {interval(share)} of the directions "
            f"(eigenvalues of the Hessian below -0.001 of the largest; {EXAMPLES} examples).",
            (share.value, share.low, share.high),
            "0 in a valley",
            DAUPHIN,
        )
        for name, share in curved.items()
    ]
    ends = {name: float(np.mean([t.last for t in arm])) for name, arm in trained.items()}
    order = sorted(ends, key=lambda name: (not np.isfinite(ends[name]), ends[name]))
    decided = [name for name, found in against.items() if found.verdict == "better"]
    summary = [
        f"Each at its own best rate, after {bench.settings.steps} steps the training loss is "
        + ", ".join(f"{ends[name]:.3g} with {name} ({rates[name]:g})" for name in order)
        + f"; beyond noise better than plain SGD: {', '.join(decided) or 'none'}.",
        f"The best rates span {max(rates.values()) / min(rates.values()):.0f} times: a rate is no "
        "property of the data alone.",
        "Adam's bias correction makes its first steps up to six times shorter: over the first "
        f"tenth of the steps the loss is {corrected.new:.3g} with it and {corrected.old:.3g} "
        f"without ({corrected.verdict}).",
        f"Nowhere is the end a pure valley: the loss curves down in "
        f"{min(e.value for e in curved.values()):.1%} to "
        f"{max(e.value for e in curved.values()):.1%} of the directions."
        if curved and min(e.value for e in curved.values()) > 0
        else "",
    ]
    if edges:
        summary.append(f"At the edge of what was tried: {', '.join(edges)}.")
    metrics = {f"rate_{name}": rate for name, rate in rates.items()}
    metrics |= {f"loss_{name}": value for name, value in ends.items()}
    metrics |= {f"negative_{name}": e.value for name, e in curved.items()}
    headline = f"lowest training loss: {order[0]}, {ends[order[0]]:.3g} at rate {rates[order[0]]:g}"
    said = [sentence for sentence in summary if sentence]
    return bench.result("lab-optimizers", headline, said, findings, metrics)


def _changes(bench: Bench, name: str, rate: float) -> Changes:
    changes = METHODS[name].changes(rate)
    if name == "GD":
        return {**changes, "train.batch_size": min(len(bench.data.train), FULL)}
    return changes


def _searched(bench: Bench) -> dict[str, dict[float, list[float]]]:
    """The training loss at the end for each rate, on seeds of their own."""
    seeds = range(bench.seeds.stop, bench.seeds.stop + SEARCHED)
    found: dict[str, dict[float, list[float]]] = {}
    with bench.folder.progress("rates", len(METHODS)) as advance:
        for name, method in METHODS.items():
            found[name] = {}
            for rate in method.rates:
                arm = [bench.train(_changes(bench, name, rate), seed) for seed in seeds]
                found[name][rate] = [trained.last for trained in arm]
            advance(f"{name}, {len(method.rates)} rates: best {best_rate(found[name]):g}")
    return found


def best_rate(by_rate: Mapping[float, Sequence[float]]) -> float:
    """The rate of the lowest mean loss; one that diverged on a seed is none, if others are."""
    means = {rate: float(np.mean(losses)) for rate, losses in by_rate.items()}
    return min(means, key=lambda rate: (not np.isfinite(means[rate]), means[rate]))


def uncorrected(rate: float, steps: int) -> np.ndarray:
    """The rates at which Adam makes the steps that it would make without its bias correction.

    Its step is rate * sqrt(1 - beta_2^t) / (1 - beta_1^t) * m / (sqrt(v) + epsilon): what stands
    between is the correction, and a rate divided by it takes it back (Kingma and Ba 2015, end of
    section 2; Keras computes it in this form).

    Args:
        rate: of Adam.
        steps: of the training.
    """
    t = np.arange(1, steps + 1, dtype=np.float64)
    return np.asarray(rate * (1 - BETA_1**t) / np.sqrt(1 - BETA_2**t))


def _uncorrected(bench: Bench, rate: float) -> list[Trained]:
    rates = uncorrected(rate, bench.settings.steps)
    return bench.arm(_changes(bench, "Adam", rate), rates=rates)


def _losses(bench: Bench, new: Sequence[Trained], old: Sequence[Trained], part: str) -> Comparison:
    """Training loss of the last or first tenth of the steps, paired by seed."""

    def of(trained: Trained) -> float:
        tenth = max(len(trained.losses) // 10, 1)
        return trained.last if part == "last" else float(trained.losses[:tenth].mean())

    ours, theirs = ([of(t) for t in side] for side in (new, old))
    return paired(ours, theirs, "loss", bench.settings.confidence)


def _curvature(bench: Bench, trained: Mapping[str, list[Trained]]) -> dict[str, Estimate]:
    """The share of negative curvature at the end, for those that did not diverge."""
    some = bench.data.train.drawn(EXAMPLES)
    probe = bench.fresh(bench.config, bench.config.seed)  # one net, so that it compiles once
    found = {}
    with bench.folder.progress("curvature", len(trained)) as advance:
        for name, arm in trained.items():
            shares = []
            for t in arm:
                if not t.diverged:
                    probe.set_weights(t.model.get_weights())
                    shares.append(curvature(probe, some, bench.config.seed).negative)
            if len(shares) > 1:
                found[name] = bench.mean(shares)
            advance(f"{name}: {np.mean(shares) if shares else float('nan'):.3f} negative")
    return found


def _answers(
    bench: Bench,
    rates: Mapping[str, float],
    trained: Mapping[str, list[Trained]],
    against: Mapping[str, Comparison],
) -> list[Finding]:
    found = []
    for name, compared in against.items():
        score = bench.compare(trained[name], trained["SGD"])
        found.append(
            answer(
                f"against_sgd_{name}",
                f"{name} at {rates[name]:g} against SGD at {rates['SGD']:g}, training {compared}; "
                f"on val {score}",
                (compared.difference, compared.low, compared.high),
                "above 0: it has fitted more in as many steps",
                "course notes; Choi et al. 2019",
            )
        )
    return found


def _draw(
    bench: Bench,
    searched: Mapping[str, Mapping[float, Sequence[float]]],
    rates: Mapping[str, float],
    trained: Mapping[str, list[Trained]],
    plain: list[Trained],
    curved: Mapping[str, Estimate],
) -> None:
    folder, seeds, level = bench.folder, bench.settings.seeds, f"{bench.settings.confidence:.0%}"
    drawn = []
    for surface in SURFACES:
        paths = {}
        for name, method in METHODS.items():
            made = getattr(keras.optimizers, method.optimizer)(method.path_rate, **method.settings)
            noise = NOISE if name == "SGD" else 0.0
            paths[name] = path(made, surface, PATH_STEPS, noise, bench.config.seed)
        drawn.append((surface.name, surface.loss, surface.lowest, paths))
    folder.figure("paths", figures.paths(
        drawn, f"{PATH_STEPS} steps on three surfaces: zigzags, overshoots, ways downhill"
    ))  # fmt: skip
    start = float(np.mean([t.losses[0] for t in trained["SGD"]]))
    nothing = (float("nan"),) * 3
    lines: dict[str, Points] = {}
    for name, by_rate in searched.items():
        ends = {rate: (float(np.mean(v)), min(v), max(v)) for rate, v in by_rate.items()}
        lines[name] = {rate: e if e[0] < 1.2 * start else nothing for rate, e in ends.items()}
    folder.figure("rates", figures.over(
        lines, "Each optimizer has its own best rate (cross: nothing learnt)",
        "learning rate (log scale)", f"training loss at the end, {SEARCHED} seeds",
        log=10, logy=True,
    ))  # fmt: skip
    folder.figure("losses", figures.loss_bands(
        {f"{name} ({rates[name]:g})": np.stack([t.smoothed for t in arm])
         for name, arm in trained.items()},
        f"Each optimizer at its own best rate ({seeds} seeds)", log=True,
    ))  # fmt: skip
    adam = {"with correction": trained["Adam"], "without": plain}
    folder.figure("bias_correction", figures.loss_bands(
        {name: np.stack([t.smoothed for t in arm]) for name, arm in adam.items()},
        f"Adam with and without its bias correction (rate {rates['Adam']:g})", log=True,
    ))  # fmt: skip
    if curved:
        folder.figure("curvature", figures.ladder_of_scores(
            [(name, e.value, e.low, e.high) for name, e in curved.items()],
            f"At the end the loss still curves down in some directions ({seeds} seeds)",
            f"share of negative eigenvalues of the Hessian, mean and {level} interval",
        ))  # fmt: skip
    for name, arm in trained.items():
        bench.curve(f"{name}, rate {rates[name]:g}", arm)
