"""What a run's manifest holds: who, with what, and how often the test set was opened."""

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import keras
import numpy as np
import pytest

from recipe import __version__
from recipe.config import Config, RequestError
from recipe.runs import RunFolder
from recipe.runs import manifest as records
from recipe.runs.manifest import now, record_opening, refuse_foreign


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunFolder:
    monkeypatch.chdir(tmp_path)
    return RunFolder(tmp_path / "runs" / "digits")


def record(folder: RunFolder, path: str = "configs/digits.yaml", command: str = "data") -> None:
    """As a command does: the folder must be the config's, then it is noted."""
    refuse_foreign(folder, Path(path))
    config = Config().replace({"name": "digits"})
    records.record(folder, config, Path(path), command, ("seed=0",), {"config": command})


def test_what_is_needed_to_run_it_again(folder: RunFolder) -> None:
    record(folder, command="recipe data configs/digits.yaml --set seed=0")
    manifest = json.loads((folder.path / "manifest.json").read_text())
    assert manifest["name"] == "digits"
    assert manifest["config_path"] == "configs/digits.yaml"
    assert manifest["command"] == "recipe data configs/digits.yaml --set seed=0"
    assert manifest["settings"] == ["seed=0"]
    assert manifest["seed"] == 0
    assert manifest["threads"] == manifest["machine"]["cores"] == os.cpu_count()
    assert manifest["versions"]["recipe"] == __version__
    assert manifest["versions"]["keras"] == keras.__version__
    assert manifest["versions"]["numpy"] == np.__version__
    assert manifest["created"] == manifest["updated"]


def test_the_threads_of_the_config_are_recorded(folder: RunFolder) -> None:
    config = Config().replace({"train.threads": 1, "seed": 7})
    records.record(folder, config, Path("a.yaml"), "", (), {})
    manifest = folder.read_manifest()
    assert (manifest["threads"], manifest["seed"]) == (1, 7)


def test_a_later_command_keeps_what_earlier_ones_recorded(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    record(folder)
    record_opening(folder, "a")
    created = folder.read_manifest()["created"]
    monkeypatch.setattr("recipe.runs.manifest.now", lambda: "later")
    record(folder, command="tune")
    manifest = folder.read_manifest()
    assert (manifest["created"], manifest["updated"]) == (created, "later")
    assert manifest["command"] == "tune"
    assert len(manifest["test_openings"]) == 1


@pytest.mark.parametrize(
    "path",
    [
        pytest.param("configs/digits.yaml", id="as before"),
        pytest.param("configs/../configs/digits.yaml", id="in other words"),
        pytest.param("{here}/configs/digits.yaml", id="as an absolute path"),
    ],
)
def test_the_same_config_file_goes_on(folder: RunFolder, path: str) -> None:
    record(folder)
    record(folder, path.format(here=Path.cwd()))
    assert folder.read_manifest()["config_path"] == "configs/digits.yaml"


@pytest.mark.parametrize("path", ["other/digits.yaml", "/elsewhere/digits.yaml"])
def test_the_folder_of_another_config_is_refused_and_stays(folder: RunFolder, path: str) -> None:
    record(folder)
    before = folder.read_manifest()
    with pytest.raises(RequestError) as caught:
        record(folder, path)
    assert str(caught.value) == (
        f"{folder.path} holds the run of configs/digits.yaml, not of {path}; "
        "give this one a folder of its own with --name"
    )
    assert folder.read_manifest() == before


def test_a_moved_checkout_still_fits(folder: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    record(folder)
    moved = folder.path.parents[1].with_name("moved")
    moved.mkdir()
    monkeypatch.chdir(moved)
    record(folder)


def test_openings_are_counted_once_for_each_fingerprint(folder: RunFolder) -> None:
    assert [record_opening(folder, mark) for mark in ("a", "a", "b", "a", "b", "c")] == [
        *(1, 1, 2, 2, 2, 3)
    ]
    openings = folder.read_manifest()["test_openings"]
    assert [opening["fingerprint"] for opening in openings] == ["a", "b", "c"]


def test_fingerprints_replace_the_earlier_ones(folder: RunFolder) -> None:
    record(folder, command="one")
    record(folder, command="two")
    assert folder.read_manifest()["fingerprints"] == {"config": "two"}


def test_the_time_is_utc_to_the_second() -> None:
    time = datetime.fromisoformat(now())
    assert time.tzinfo is UTC
    assert abs(datetime.now(UTC) - time) < timedelta(seconds=2)
    assert time.microsecond == 0
