"""The six stages, in the recipe's order; the experiments and the laboratory stand beside them.

Each is a module with a `run(config, folder)`. To add one, write its module and put a line here:
the order of the stages is that of the gates. An experiment has none: it may be run at any time,
and nothing waits for it. One of the laboratory shows a technique at work, and changes no config.
"""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Stage:
    """What the runner must know of a stage or an experiment before it imports it."""

    help: str
    """What it does, in a line, for `recipe --help`."""

    module: str
    """Imported only when the stage runs: it brings TensorFlow."""

    sections: tuple[str, ...]
    """Config keys that its numbers depend on."""

    inputs: tuple[str, ...] = ()
    """Files of earlier stages that it reads, relative to the run folder."""

    settings: str = ""
    """Its section of `stages` in the config; empty: the one of its own name."""


_NET = ("seed", "data", "model", "train")

STAGES: dict[str, Stage] = {
    "data": Stage(
        "Look at the data: what is in it, how it is divided, what a person should see.",
        "recipe.stages.data",
        ("data",),
    ),
    "baseline": Stage(
        "Prove the pipeline: loss at init, one batch, dumb baselines, inputs that help.",
        "recipe.stages.baseline",
        _NET,
    ),
    "overfit": Stage(
        "Drive the training loss to its floor, with a larger net if need be.",
        "recipe.stages.overfit",
        _NET,
        inputs=("baseline/result.json",),
    ),
    "regularize": Stage(
        "Try one regularizer at a time, with seeds and intervals; keep what helps.",
        "recipe.stages.regularize",
        _NET,
        inputs=("overfit/overfit.yaml", "baseline/result.json"),
    ),
    "tune": Stage(
        "Search the hyperparameters, and confirm the winner on fresh seeds.",
        "recipe.stages.tune",
        (*_NET, "search"),
        inputs=("regularize/regularized.yaml",),
    ),
    "squeeze": Stage(
        "Ensemble, train longer, and open the test set once.",
        "recipe.stages.squeeze",
        _NET,
        inputs=("tune/best.yaml",),
    ),
}

EXPERIMENTS: dict[str, Stage] = {
    "lr-find": Stage(
        "Find a learning rate: a range test, and short trainings that verify it.",
        "recipe.stages.lr_find",
        _NET,
    ),
    "doctor": Stage(
        "Say why a net does not learn, each cause proven by taking it away.",
        "recipe.stages.doctor",
        _NET,
    ),
    "compare": Stage(
        "Say whether one config is better than another: paired seeds, looked at one by one.",
        "recipe.stages.compare",
        _NET,
        settings="compare",
    ),
    "recalibrate": Stage(
        "Measure batch norm's statistics anew with dropout off, and whether it helps.",
        "recipe.stages.recalibrate",
        _NET,
        inputs=("squeeze/model.keras", "squeeze/squeezed.yaml"),
    ),
}

LAB: dict[str, Stage] = {
    "lab-bn": Stage(
        "What batch norm does to your net: speed, rates, drift, the loss along a step.",
        "recipe.lab.bn",
        _NET,
        settings="lab",
    ),
    "lab-dropout": Stage(
        "Where dropout stands, how much of it, and what it does to batch norm.",
        "recipe.lab.dropout",
        _NET,
        settings="lab",
    ),
    "lab-init": Stage(
        "What initializers do to signals and gradients, layer by layer.",
        "recipe.lab.init",
        _NET,
        settings="lab",
    ),
    "lab-norms": Stage(
        "Batch, layer and group norm over batch sizes from 2 to 128.",
        "recipe.lab.norms",
        _NET,
        settings="lab",
    ),
    "lab-optimizers": Stage(
        "Optimizers at their own best rates, their paths, and where they end.",
        "recipe.lab.optimizers",
        _NET,
        settings="lab",
    ),
}
"""`recipe lab init` and so on."""

BESIDE: dict[str, Stage] = {**EXPERIMENTS, **LAB}
"""All that has no gate."""


def entry(name: str) -> Stage:
    """What is known of a stage or of what stands beside them.

    "compare/wider" is one of several: it reads the second config from `compare/wider.yaml`.
    """
    kind, slash, _ = name.partition("/")
    known = STAGES[kind] if kind in STAGES else BESIDE[kind]
    return replace(known, inputs=(*known.inputs, f"{name}.yaml")) if slash else known
