"""Small data with known faults, and stages run on it in this process, as the command does."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from recipe.config import Config, read
from recipe.findings import Finding, StageResult, Verdict
from recipe.runs import RunFolder
from recipe.runs.console import Console
from recipe.stages.runner import Runner
from tests.data.planted import landscapes

EXAMPLES = 240

TINY = {
    "model.widths": "[32]",
    "train.epochs": "2",
    "stages.baseline.epochs": "4",
    "stages.baseline.min_steps": "40",
    "stages.baseline.seeds": "2",
    "stages.baseline.size_steps": "40",
    "stages.overfit.range_steps": "50",
    "stages.baseline.learning_rate": "0.01",
}


def write(folder: Path, data: Mapping[str, Any]) -> Path:
    """A config file; its runs are in `folder / "runs"`."""
    lines = ["data:", *(f"  {key}: {value}" for key, value in data.items())]
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "my.yaml"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def run(path: Path, *settings: str, stages: tuple[str, ...] = ("data",)) -> dict[str, StageResult]:
    """Run stages of a config, stopping at the first that fails."""
    config, folder = opened(path, *settings)
    results = {}
    with folder.locked("a test"):
        runner = Runner(config, path, folder, settings, "a test")
        for stage in stages:
            results[stage] = runner.run(stage).result
            if results[stage].verdict is Verdict.FAIL:
                break
    return results


def opened(path: Path, *settings: str) -> tuple[Config, RunFolder]:
    """A config and its run folder."""
    config = read(path, settings)
    return config, RunFolder(path.parent / "runs" / str(config.name), Console(quiet=True))


def pretend(runner: Runner, stage: str, verdict: Verdict, **said: Any) -> StageResult:
    """A result as if the stage had just ended so: it stands, and nothing was trained for it."""
    depends_on = runner.fingerprint(stage)
    runner.folder.begin(stage, runner.config, depends_on)
    result = StageResult(
        stage=stage, verdict=verdict, headline="pretended", fingerprint=depends_on, **said
    )
    runner.folder.complete(result)
    return result


def wait_for(path: Path, seconds: float = 60) -> None:
    """Until another process has made it."""
    end = time.monotonic() + seconds
    while not path.exists():
        assert time.monotonic() < end, f"{path} never came"
        time.sleep(0.05)


def finding(result: StageResult, check: str) -> Finding:
    """What one check said."""
    (found,) = [one for one in result.findings if one.check == check]
    return found


def table(seed: int = 0) -> pd.DataFrame:
    """A sound table of two overlapping classes."""
    rng = np.random.default_rng(seed)
    size, rooms = rng.normal(80, 20, EXAMPLES), rng.integers(1, 7, EXAMPLES)
    town = rng.choice(["Basel", "Bern", "Biel"], EXAMPLES)
    drive = (size - 80) / 20 + (rooms - 3.5) / 2 + (town == "Bern") + rng.normal(0, 0.5, EXAMPLES)
    built = pd.Series(pd.Timestamp("1990-01-01") + pd.to_timedelta(rng.integers(0, 9999, EXAMPLES),
                                                                   unit="D"))  # fmt: skip
    return pd.DataFrame(
        {
            "size": size.round(2),
            "rooms": rooms,
            "town": town,
            "built": built.dt.strftime("%Y-%m-%d"),
            "target": np.where(drive > np.median(drive), "sold", "free"),
        }
    )


def images(folder: Path, examples: int = 160, corrupt: bool = False) -> Path:
    """Two classes in a folder: landscapes of 12 x 12, and the same by night."""
    rng = np.random.default_rng(0)
    for n, image in enumerate(landscapes(examples, seed=0, side=12)):
        place = folder / ("day" if n % 2 else "night")
        place.mkdir(parents=True, exist_ok=True)
        shown = image if n % 2 else (image * rng.uniform(0.3, 0.6)).astype(np.uint8)
        Image.fromarray(shown.squeeze()).save(place / f"{n}.png")
    if corrupt:
        whole = (folder / "day" / "1.png").read_bytes()
        (folder / "day" / "broken.png").write_bytes(whole[: len(whole) // 2])
    return folder
