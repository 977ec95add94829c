"""Hashes of what a number rests on: code counts, comments don't."""

import importlib
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from recipe.runs import fingerprint

PLUGIN = "def load():\n    return 1\n"

FILES = {
    "__init__.py": "",
    "train.py": '''
"""Trains."""
import numpy
from recipe.parts import loss
import recipe.data

def train(epochs):
    """Train.

    Long words.
    """
    from recipe.late import step
    return loss.mean(epochs) + step() # sum
''',
    "parts/__init__.py": "WHOLE = 1\n",
    "parts/loss.py": "def mean(x):\n    return x / 2\n",
    "data.py": "from recipe.deep import ROWS\n",
    "deep.py": "ROWS = 3\n",
    "late.py": "def step():\n    return 1\n",
    "other.py": "from recipe import train\n",
}
"""A package in which `train` imports the rest but for `other`, in every way there is."""

Make = Callable[[dict[str, str]], str]


@pytest.fixture
def of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Make:
    """The hash of `recipe.train` with some files changed, each time in a package of its own."""
    made: list[Path] = []

    def hashed(changes: dict[str, str]) -> str:
        root = tmp_path / str(len(made)) / "recipe"
        made.append(root)
        for name, text in (FILES | changes).items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        monkeypatch.setattr(fingerprint, "ROOT", root)
        return fingerprint.of_code("recipe.train")

    return hashed


TRAIN = FILES["train.py"]


@pytest.mark.parametrize(
    ("changes", "same"),
    [
        pytest.param({}, True, id="nothing"),
        pytest.param({"train.py": TRAIN.replace("# sum", "# the sum of both")}, True,
                     id="a comment"),
        pytest.param({"train.py": TRAIN.replace("Trains.", "Trains well.")}, True,
                     id="the docstring of a module"),
        pytest.param({"train.py": TRAIN.replace("Long words", "Short")}, True,
                     id="the docstring of a function"),
        pytest.param({"train.py": TRAIN.replace("(epochs) + step()", "(\n  epochs\n  )+step()")},
                     True, id="formatting"),
        pytest.param({"deep.py": 'ROWS = 3\n"""What is read."""\n'}, True,
                     id="the docstring of a field, two imports down"),
        pytest.param({"other.py": "A = 1\n"}, True, id="a module that is not imported"),
        pytest.param({"train.py": TRAIN.replace("+ step()", "- step()")}, False, id="an operator"),
        pytest.param({"train.py": TRAIN.replace("mean(epochs)", "mean(-epochs)")}, False,
                     id="an argument"),
        pytest.param({"parts/loss.py": "def mean(x):\n    return x / 3\n"}, False,
                     id="a module imported by `from package import module`"),
        pytest.param({"parts/__init__.py": "WHOLE = 2\n"}, False, id="the package of a module"),
        pytest.param({"deep.py": "ROWS = 4\n"}, False, id="a module two imports down"),
        pytest.param({"late.py": "def step():\n    return 2\n"}, False,
                     id="a module imported inside of a function"),
        pytest.param({"__init__.py": "import os\n"}, False, id="the package itself"),
    ],
)  # fmt: skip
def test_code_counts_and_words_do_not(of: Make, changes: dict[str, str], same: bool) -> None:
    assert (of(changes) == of({})) is same


def test_each_stage_rests_on_its_own_code() -> None:
    stages = ("data", "baseline", "overfit", "regularize", "tune", "squeeze")
    hashes = {fingerprint.of_code(f"recipe.stages.{stage}") for stage in stages}
    assert len(hashes) == len(stages)
    assert fingerprint.of_code("recipe.stages.data") in hashes


# ---- the user's own code ------------------------------------------------------------------------


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], str]]:
    """The hash with a plugin of this text, which lies in the current folder."""
    made: list[str] = []
    monkeypatch.setattr(sys, "path", [p for p in sys.path if p not in ("", str(Path.cwd()))])

    def hashed(text: str) -> str:
        home = tmp_path / str(len(made))
        made.append(text)
        home.mkdir()
        (home / "my_plugin.py").write_text(text)
        monkeypatch.chdir(home)
        importlib.invalidate_caches()
        sys.path[:] = [path for path in sys.path if not path.startswith(str(tmp_path))]
        return fingerprint.of_code("recipe.findings", ["my_plugin:load"])

    yield hashed
    sys.modules.pop("my_plugin", None)


@pytest.mark.parametrize(
    ("text", "same"),
    [
        pytest.param(PLUGIN, True, id="nothing"),
        pytest.param(f"# loads\n{PLUGIN}", True, id="a comment"),
        pytest.param(PLUGIN.replace("1", "2"), False, id="its code"),
        pytest.param(f"{PLUGIN}\ndef other(): pass\n", False, id="another function of the file"),
        pytest.param("def load(:\n", False, id="what is no Python"),
    ],
)
def test_a_plugin_counts(plugin: Callable[[str], str], text: str, same: bool) -> None:
    assert (plugin(text) == plugin(PLUGIN)) is same


@pytest.mark.parametrize(
    "name",
    ["no_such_module:load", "math:sqrt", "sys:exit", ".relative:load", "numpy.linalg:norm"],
)
def test_any_plugin_has_some_hash(name: str) -> None:
    with_it = fingerprint.of_code("recipe.findings", [name])
    assert with_it == fingerprint.of_code("recipe.findings", [name])
    assert with_it != fingerprint.of_code("recipe.findings")


# ---- values and files ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        pytest.param([{"a": 1, "b": 2}], [{"b": 2, "a": 1}], True, id="keys in another order"),
        pytest.param([(1, 2)], [[1, 2]], True, id="a tuple and a list"),
        pytest.param([1, 2], [[1, 2]], False, id="two values and one list"),
        pytest.param(["ab", "c"], ["a", "bc"], False, id="the same letters"),
        pytest.param([0.1], [0.1 + 1e-18], True, id="the same float"),
        pytest.param([0.1], [0.1 + 1e-16], False, id="another float"),
        pytest.param([1], ["1"], False, id="a number and its text"),
        pytest.param([None], [], False, id="nothing and no value"),
    ],
)
def test_digest(first: list[object], second: list[object], same: bool) -> None:
    assert (fingerprint.digest(*first) == fingerprint.digest(*second)) is same


def test_a_digest_is_the_same_in_every_process() -> None:
    code = "from recipe.runs.fingerprint import digest; print(digest({'a': {1, 2} and 1}, 'x'))"
    said = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout
    assert said.strip() == fingerprint.digest({"a": 1}, "x")


def test_of_bytes() -> None:
    weights = [np.ones(3, np.float32).tobytes(), b"ids"]
    assert fingerprint.of_bytes(weights) == fingerprint.of_bytes(iter(weights))
    assert fingerprint.of_bytes(weights) != fingerprint.of_bytes([weights[0], b"idx"])


def test_of_file(tmp_path: Path) -> None:
    path = tmp_path / "best.yaml"
    assert fingerprint.of_file(path) is None
    path.write_text("seed: 0")
    first = fingerprint.of_file(path)
    path.write_text("seed: 0")
    assert fingerprint.of_file(path) == first is not None
    path.write_text("seed: 1")
    assert fingerprint.of_file(path) != first
