"""Laboratory. Initializers: do signals and gradients pass through all layers, before and after?

Plain dense nets on your data, of several depths and activations, are given the weights of each
initializer. What comes out of each layer, and the gradient that reaches it, is measured before the
first step and after some. The deepest ReLU nets are then trained with He's and with Glorot's.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from recipe.checks.lab import answer, beyond, check_own_signal
from recipe.compare import Comparison
from recipe.config import Config
from recipe.findings import Finding, StageResult
from recipe.lab.bench import OF_BLOCKS, Bench, Changes, Trained
from recipe.runs import RunFolder, figures
from recipe.training.profiles import Profile, profile

NORMAL = {"class_name": "RandomNormal", "config": {"stddev": 1.0}}
SMALL = {"class_name": "RandomNormal", "config": {"stddev": 0.01}}
CONSTANT = {"class_name": "Constant", "config": {"value": 0.1}}

INITIALIZERS = {
    "He": "he_normal",
    "Glorot": "glorot_uniform",
    "1/√fan-in": "uniform_fan_in",
    "N(0, 1)": NORMAL,
    "N(0, 0.01²)": SMALL,
    "LSUV": "lsuv",
}
"""Name for the reader -> initializer."""

DEMONSTRATIONS = {"zeros": "zeros", "constant 0.1": CONSTANT, "He": "he_normal"}

ACTIVATIONS = ("relu", "tanh", "sigmoid")

WIDEST = 64
"""Units of each layer, if yours has no fewer: thirty layers of them train in a second."""

EXAMPLES = 256
"""That are passed through."""

PROFILED_SEEDS = 2
"""Draws over which profiles are averaged; what they differ in is a thousand times larger than what
two draws do."""

SOONER = 8
"""Part of the steps after which profiles are taken again: what is bad by then has stayed so."""

SOURCE = "Glorot and Bengio 2010; He et al. 2015; course notes"

Profiles = Mapping[tuple[str, str, int], Profile]
"""(activation, initializer, depth)."""


def run(config: Config, folder: RunFolder) -> StageResult:
    """Measure signals, then train the deepest nets."""
    bench = Bench(config, folder, needs=())
    depths = sorted({2, max(bench.settings.depth // 3, 3), bench.settings.depth})
    deepest = depths[-1]
    before, after = _profiles(bench, depths)
    deep = {name: bench.arm(_net(bench, "relu", deepest), initializer=INITIALIZERS[name])
            for name in ("He", "Glorot")}  # fmt: skip
    same = {name: bench.arm(_net(bench, "relu", 2), initializer=given)
            for name, given in DEMONSTRATIONS.items()}  # fmt: skip
    won = bench.compare(deep["He"], deep["Glorot"])
    _draw(bench, before, after, deep, same, won)

    distinct = {name: _distinct(arm) for name, arm in same.items()}
    findings = [
        bench.trains(deep["He"]),
        *_own(bench),
        *(_signal(before, activation, deepest) for activation in ACTIVATIONS),
        answer(
            "he_against_glorot",
            f"{deepest} ReLU layers, He against Glorot: {won}",
            (won.difference, won.low, won.high),
            "above 0: He learns where Glorot stalls",
            SOURCE,
        ),
        answer(
            "units_stay_equal",
            "Different units of the first hidden layer after training: "
            + ", ".join(f"{name} {count:.0f}" for name, count in distinct.items())
            + f" of {_width(bench)}.",
            (distinct["constant 0.1"],) * 3,
            "1 where all weights start equal",
            "Goodfellow et al. 2016, section 8.4; course notes",
        ),
    ]
    fades = {name: _kept(before["relu", name, deepest]) for name in INITIALIZERS}
    summary = [
        f"A signal that passes {deepest} ReLU layers keeps {fades['He']:.2g} of its spread with "
        f"He's initializer, {fades['Glorot']:.2g} with Glorot's and {fades['N(0, 1)']:.2g} with "
        "N(0, 1): below 1 it fades, above it grows, and gradients do the same on their way back.",
        f"After {bench.settings.steps} steps He's nets score {won.new:.4f} and Glorot's "
        f"{won.old:.4f} (val {bench.metric}): {_verdict(won)}.",
        f"With equal weights the units of a layer stay equal: {distinct['constant 0.1']:.0f} "
        f"different of {_width(bench)}; with zeros nothing but the head's bias learns.",
    ]
    metrics = {f"kept_{name}": value for name, value in fades.items()}
    metrics |= {"he_gain": won.difference, "he_gain_low": won.low, "he_gain_high": won.high}
    headline = f"{deepest} ReLU layers, He against Glorot: {won}"
    return bench.result("lab-init", headline, summary, findings, metrics)


def _net(bench: Bench, activation: str, depth: int) -> Changes:
    """A plain net: no norm and no shortcut, which would help what is looked at."""
    return {
        "model.family": "mlp",
        "model.widths": [_width(bench)] * depth,
        "model.activation": activation,
        "model.norm": "none",
        "model.residual": False,
        "model.kernel_initializer": "glorot_uniform",
    }


def _width(bench: Bench) -> int:
    widths = bench.config.model.widths or (WIDEST,)
    return max(min(widths[0], WIDEST), 2)


def _profiles(bench: Bench, depths: list[int]) -> tuple[Profiles, Profiles]:
    """Profiles before the first step; and at full depth, after some."""
    some = bench.data.train.drawn(EXAMPLES)
    seeds = list(bench.seeds)[:PROFILED_SEEDS]
    steps = max(bench.settings.steps // SOONER, 1)
    before, after = {}, {}
    with bench.folder.progress("profiles", len(ACTIVATIONS) * len(depths)) as advance:
        for activation in ACTIVATIONS:
            for depth in depths:
                net = _net(bench, activation, depth)
                for name, given in INITIALIZERS.items():
                    changed = bench.config.replace(net)
                    models = {seed: bench.fresh(changed, seed, given) for seed in seeds}
                    key = activation, name, depth
                    before[key] = _mean([profile(model, some) for model in models.values()])
                    if depth < depths[-1]:
                        continue
                    for seed, model in models.items():
                        bench.go_on(model, changed, seed, steps=steps)
                    after[key] = _mean([profile(model, some) for model in models.values()])
                advance(f"{activation}, {depth} layers, {len(INITIALIZERS)} initializers")
    return before, after


def _mean(profiles: list[Profile]) -> Profile:
    """The mean over seeds, layer by layer."""
    return Profile(
        *(np.mean([getattr(p, part) for p in profiles], axis=0)
          for part in ("mean", "std", "gradient"))
    )  # fmt: skip


def _kept(seen: Profile) -> float:
    """Spread of the last layer's output over that of the first's."""
    return float(seen.std[-1] / seen.std[0]) if seen.std[0] > 0 else float("nan")


def _signal(before: Profiles, activation: str, depth: int) -> Finding:
    seen = {name: before[activation, name, depth] for name in INITIALIZERS}
    each = [f"{name} {_kept(p):.2g} and {p.gradient[0]:.2g}" for name, p in seen.items()]
    chosen = seen["He" if activation == "relu" else "Glorot"]
    return answer(
        f"signal_{activation}",
        f"{depth} {activation} layers at the start, spread of the last layer's output over the "
        f"first's, and norm of the gradient in the first: {'; '.join(each)}.",
        (float(chosen.gradient[0]),) * 3,
        "with the initializer that auto takes, a gradient that neither vanishes nor explodes",
        SOURCE,
    )


def _own(bench: Bench) -> list[Finding]:
    """Your net as it is configured, if its layers are ours."""
    if bench.config.model.family not in OF_BLOCKS:
        return []
    model = bench.fresh(bench.config, bench.config.seed)
    seen = profile(model, bench.data.train.drawn(EXAMPLES))
    return [check_own_signal(seen.gradient.tolist())] if len(seen.gradient) > 1 else []


def _distinct(arm: list[Trained]) -> float:
    """Different units in the first hidden layer, mean over seeds."""
    kernels = [np.asarray(trained.model.get_layer("dense_1").kernel) for trained in arm]
    return float(np.mean([len(np.unique(kernel.round(6), axis=1).T) for kernel in kernels]))


def _verdict(won: Comparison) -> str:
    return beyond((won.difference, won.low, won.high), 0, ("He learns more", "Glorot learns more"))


def _draw(
    bench: Bench,
    before: Profiles,
    after: Profiles,
    deep: Mapping[str, list[Trained]],
    same: Mapping[str, list[Trained]],
    won: Comparison,
) -> None:
    depth = max(key[2] for key in before)
    folder, seeds = bench.folder, bench.settings.seeds
    steps = max(bench.settings.steps // SOONER, 1)
    for name, profiles, when in (
        ("at_the_start", before, "Before the first step"),
        ("after_training", after, f"After {steps} steps"),
    ):
        seen = {
            activation: {key: profiles[activation, key, depth] for key in INITIALIZERS}
            for activation in ACTIVATIONS
        }
        folder.figure(name, figures.layer_profiles(
            {activation: {key: {"std": p.std, "gradient": p.gradient, "mean": p.mean}
                          for key, p in each.items()} for activation, each in seen.items()},
            f"{when}: what the initializer lets through {depth} layers",
        ))  # fmt: skip
        for activation, each in seen.items():
            for key, p in each.items():
                _board(bench, f"{name}/{activation}, {key}", p)
    depths = sorted({key[2] for key in before})
    folder.figure("depth", figures.gradient_over_depth(
        {a: {k: {d: float(before[a, k, d].gradient[0]) for d in depths} for k in INITIALIZERS}
         for a in ACTIVATIONS},
        "With depth, the initializer decides what gradient reaches layer 1",
    ))  # fmt: skip
    learns = _verdict(won) == "He learns more"
    title = f"{depth} ReLU layers: He's initializer learns, Glorot's stalls" if learns else (
        f"{depth} ReLU layers: He against Glorot, {won.verdict}")  # fmt: skip
    folder.figure("deep_relu", figures.loss_bands(
        {name: np.stack([t.smoothed for t in arm]) for name, arm in deep.items()},
        f"{title} ({seeds} seeds)",
    ))  # fmt: skip
    folder.figure("equal_weights", figures.loss_bands(
        {name: np.stack([t.smoothed for t in arm]) for name, arm in same.items()},
        "Equal weights stay equal: zeros never learn, a constant acts as one unit",
    ))  # fmt: skip
    for name, arm in deep.items():
        bench.curve(f"{depth} ReLU layers, {name}", arm)


def _board(bench: Bench, name: str, seen: Profile) -> None:
    """A profile for TensorBoard: a step is a layer."""
    with bench.folder.board(name) as board:
        for layer in range(len(seen.std)):
            tags = {"layer/activation_mean": seen.mean, "layer/activation_std": seen.std,
                    "layer/gradient_norm": seen.gradient}  # fmt: skip
            board.scalars({tag: float(v[layer]) for tag, v in tags.items()}, layer + 1)
