"""Laboratory. Norms: batch, layer and group norm over batch sizes from 2 to 128.

Batch norm's statistics are those of the batch, so it needs one; the others look at one example at
a time, and do not care.
"""

from __future__ import annotations

from collections.abc import Mapping

from recipe.checks.lab import answer
from recipe.compare import Comparison
from recipe.config import Config
from recipe.findings import StageResult
from recipe.lab.bench import Bench, Trained
from recipe.runs import RunFolder, figures
from recipe.runs.figures import Points

NORMS = {"no norm": "none", "batch": "batch", "layer": "layer", "group": "group"}
"""Name for the reader -> `model.norm`."""

BATCHES = (2, 4, 8, 16, 32, 64, 128)
SOURCE = "Wu and He 2018; Ba et al. 2016; course notes"


def run(config: Config, folder: RunFolder) -> StageResult:
    """Train each norm at each batch size, for as many steps."""
    bench = Bench(config, folder)
    sizes = [size for size in BATCHES if size <= len(bench.data.train)]
    trained: dict[str, dict[int, list[Trained]]] = {name: {} for name in NORMS}
    with bench.progress(len(NORMS) * len(sizes)) as advance:
        for name, norm in NORMS.items():
            for size in sizes:
                arm = bench.arm({"model.norm": norm, "train.batch_size": size})
                trained[name][size] = arm
                advance(f"{name}, batches of {size}", arm)
    against = {
        name: {size: bench.compare(trained[name][size], trained["batch"][size]) for size in sizes}
        for name in ("layer", "group")
    }
    _draw(bench, trained, against)
    findings = [bench.trains(trained["no norm"][sizes[-1]])]
    findings += [
        answer(
            f"{name}_at_{size}",
            f"Batches of {size}, {name} norm against batch norm: {compared}",
            (compared.difference, compared.low, compared.high),
            "above 0: the batch is too small for batch norm",
            SOURCE,
        )
        for name, by_size in against.items()
        for size, compared in by_size.items()
    ]
    small, large = sizes[0], sizes[-1]
    costs = {name: bench.compare(trained[name][small], trained[name][large]) for name in NORMS}
    findings += [
        answer(
            f"small_batches_{norm}",
            f"{name}, batches of {small} against {large}, in as many steps: {costs[name]}",
            (costs[name].difference, costs[name].low, costs[name].high),
            "below 0: small batches cost; with batch norm they cost the more",
            SOURCE,
        )
        for name, norm in NORMS.items()
    ]
    metrics = {
        f"{norm}_at_{size}": compared.new if norm != "batch" else compared.old
        for norm, by_size in {**against, "batch": against["layer"]}.items()
        for size, compared in by_size.items()
    }
    better = [size for size, found in against["layer"].items() if found.verdict == "better"]
    worse = [size for size, found in against["layer"].items() if found.verdict == "worse"]
    summary = [
        f"From batches of {large} to batches of {small}, in as many steps, val {bench.metric} "
        f"changes by {costs['batch'].difference:+.4f} with batch norm, by "
        f"{costs['layer'].difference:+.4f} with layer norm, by {costs['group'].difference:+.4f} "
        f"with group norm and by {costs['no norm'].difference:+.4f} without any: what all lose, "
        "they lose because they have seen fewer examples.",
        f"Layer norm is better than batch norm at batches of {_listed(better)}, worse at "
        f"{_listed(worse)}, and elsewhere the seeds do not decide.",
    ]
    headline = (
        f"batches of {small}: layer {against['layer'][small].new:.4f}, group "
        f"{against['group'][small].new:.4f}, batch {against['layer'][small].old:.4f}"
    )
    return bench.result("lab-norms", headline, summary, findings, metrics)


def _listed(sizes: list[int]) -> str:
    return ", ".join(map(str, sizes)) or "none"


def _draw(
    bench: Bench,
    trained: Mapping[str, Mapping[int, list[Trained]]],
    against: Mapping[str, Mapping[int, Comparison]],
) -> None:
    seeds, level = bench.settings.seeds, f"{bench.settings.confidence:.0%}"
    points: dict[str, Points] = {}
    for name, by_size in trained.items():
        found = {size: bench.mean([t.score for t in arm], bench.resolution)
                 for size, arm in by_size.items()}  # fmt: skip
        points[name] = {size: (e.value, e.low, e.high) for size, e in found.items()}
        with bench.folder.board(name) as board:
            for size, estimate in found.items():
                board.scalars({f"by_batch_size/val_{bench.metric}": estimate.value}, size)
    bench.folder.figure("batch_sizes", figures.over(
        points, f"Small batches cost batch norm the most ({seeds} seeds)"
        if _minds(against) else f"Norms by batch size ({seeds} seeds)",
        "examples in a batch", f"val {bench.metric}, mean and {level} interval", log=2,
    ))  # fmt: skip
    rows = [(f"{name}, batches of {size}", c.difference, c.low, c.high, c.verdict)
            for name, by_size in against.items() for size, c in by_size.items()]  # fmt: skip
    bench.folder.figure("against_batch", figures.intervals(
        rows, f"Layer and group norm against batch norm ({seeds} seeds)",
        f"gain in val {bench.metric}, {level} interval", zero="batch norm"))  # fmt: skip


def _minds(against: Mapping[str, Mapping[int, Comparison]]) -> bool:
    """Whether both others are better at the smallest size, and neither is at the largest."""
    return all(
        by_size[min(by_size)].verdict == "better" and by_size[max(by_size)].verdict != "better"
        for by_size in against.values()
    )
