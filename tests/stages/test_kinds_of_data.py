"""Data of every kind goes through the first two stages: a net learns from it, and says so.

Of one kind a person has answered some examples: the score stands beside the net's.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from recipe.findings import Verdict
from recipe.stages import human, look
from tests.stages.running import TINY, finding, images, opened, run, table, write

pytestmark = pytest.mark.slow

EXAMPLES = 240
RNG = np.random.default_rng(0)
BUDGET = tuple(f"{key}={value}" for key, value in TINY.items())


def several_labels(folder: Path) -> str:
    x = RNG.normal(size=(EXAMPLES, 4))
    drive = x[:, :3] + x[:, 1:]
    np.savez(folder / "my.npz", x=x, y=(drive > [0, 0.3, -0.3]).astype(int))
    return f"npz:{folder / 'my.npz'}"


def several_quantities(folder: Path) -> str:
    x = RNG.normal(size=(EXAMPLES, 4))
    y = x @ RNG.normal(size=(4, 2)) * [100, 0.01] + [5000, 3]
    np.savez(folder / "my.npz", x=x, y=y + RNG.normal(size=y.shape) * [20, 0.002])
    return f"npz:{folder / 'my.npz'}"


def text(folder: Path) -> str:
    words = {"good": ["fine", "lovely", "great"], "bad": ["poor", "awful", "broken"]}
    labels = [["good", "bad"][n % 2] for n in range(EXAMPLES)]
    said = [f"it is {RNG.choice(words[label])} and came on {n}" for n, label in enumerate(labels)]
    pd.DataFrame({"said": said, "label": labels}).to_csv(folder / "my.csv", index=False)
    return f"csv:{folder / 'my.csv'}"


def columns_of_every_kind(folder: Path) -> str:
    some = table()
    some["rooms"] = some["rooms"].where(np.arange(EXAMPLES) % 9 > 0)
    some.to_csv(folder / "my.csv", index=False)
    return f"csv:{folder / 'my.csv'}"


def pictures(folder: Path) -> str:
    return f"images:{images(folder / 'pets', EXAMPLES)}"


@pytest.mark.parametrize(
    ("make", "metric"),
    [
        pytest.param(several_labels, "val_net_accuracy", id="several labels"),
        pytest.param(several_quantities, "val_net_r2", id="several quantities"),
        pytest.param(text, "val_net_accuracy", id="text"),
        pytest.param(columns_of_every_kind, "val_net_accuracy", id="columns of every kind"),
        pytest.param(pictures, "val_net_accuracy", id="images"),
    ],
)
def test_a_net_learns_from_it(tmp_path: Path, make: Callable[[Path], str], metric: str) -> None:
    path = write(tmp_path, {"source": make(tmp_path)})
    a_person_answered = make is columns_of_every_kind
    if a_person_answered:
        human.ask(*opened(path), 20, lambda question: "sold", lambda said: None)
    results = run(path, *BUDGET, stages=("data", "baseline"))
    assert results["data"].verdict is not Verdict.FAIL, results["data"]
    baseline = results["baseline"]
    for check in ("labels_fit_head", "input_scale", "loss_at_init", "prior_bias", "init_spread",
                  "one_batch_overfit", "seed_repeats"):  # fmt: skip
        assert finding(baseline, check).verdict is Verdict.PASS, finding(baseline, check)
    person = finding(baseline, "human_baseline")
    assert person.verdict is (Verdict.PASS if a_person_answered else Verdict.SKIP)
    assert ("human accuracy 0." in person.message) is a_person_answered
    assert baseline.metrics[metric] > 0.6
    known = look.known_of(*opened(path))
    assert known["loss"].notna().sum() == (known["part"] == "val").sum()
