"""Files are whole or absent, and what can't be written says why."""

import json
import os
from pathlib import Path

import pytest

from recipe.config import RequestError
from recipe.runs.files import explained, read_json, write_atomically


class Killed(BaseException):
    """Stands for a kill: nothing catches it."""


@pytest.mark.parametrize("content", ["text, ünï", b"\x00\xff", ""], ids=["text", "bytes", "empty"])
def test_what_is_written_is_there_and_nothing_else(tmp_path: Path, content: str | bytes) -> None:
    path = tmp_path / "deep" / "er" / "a.txt"
    for _ in range(2):  # new, and over an old one
        write_atomically(path, content)
        written = path.read_bytes() if isinstance(content, bytes) else path.read_text("utf-8")
        assert written == content
        assert [file.name for file in path.parent.iterdir()] == ["a.txt"]
    assert path.stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("step", ["write", "fsync", "replace"])
@pytest.mark.parametrize("old", [None, "old"], ids=["no file before", "an old file"])
def test_a_crash_on_the_way_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, old: str | None
) -> None:
    path = tmp_path / "a.txt"
    if old is not None:
        path.write_text(old)

    def crash(*_: object) -> None:
        raise Killed

    if step == "write":
        monkeypatch.setattr(os, "fdopen", crash)
    else:
        monkeypatch.setattr(os, step, crash)
    with pytest.raises(Killed):
        write_atomically(path, "new and longer")
    assert (path.read_text() if path.exists() else None) == old
    assert [file for file in tmp_path.iterdir() if file != path] == []


def test_a_full_disk_is_explained_and_leaves_the_old_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(RequestError) as caught:
        write_atomically(path, "new")
    assert str(caught.value) == f"{path}: can't be written: No space left on device"
    assert path.read_text() == "old"


def test_a_place_that_cannot_be_written_is_explained(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    path = tmp_path / "file" / "a.txt"
    with pytest.raises(RequestError) as caught:
        write_atomically(path, "new")
    assert str(caught.value) == f"{path}: can't be written: {path.parent} is a file, not a folder"


def test_only_errors_of_the_file_system_are_explained(tmp_path: Path) -> None:
    with pytest.raises(KeyError), explained(tmp_path):
        raise KeyError("a bug")
    with explained(tmp_path):
        pass


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        pytest.param(b'{"a": [1, NaN]}', '{"a": [1, NaN]}', id="JSON"),
        pytest.param(b'{"a": [1, ', "null", id="half of it"),
        pytest.param(b"", "null", id="empty"),
        pytest.param(b"\xff\xfe\x00", "null", id="no text"),
        pytest.param(None, "null", id="no file"),
    ],
)
def test_read_json(tmp_path: Path, content: bytes | None, expected: str) -> None:
    path = tmp_path / "a.json"
    if content is not None:
        path.write_bytes(content)
    assert json.dumps(read_json(path)) == expected


def test_a_folder_is_no_json(tmp_path: Path) -> None:
    assert read_json(tmp_path) is None
