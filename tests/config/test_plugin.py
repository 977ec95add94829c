"""`module:function` finds the user's own code, and says what is wrong with it."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from recipe.config import RequestError, load_function


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A current folder with one module; what is imported from it is forgotten afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "my_data.py").write_text("def load():\n    return 42\n\nnumber = 3\n")
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        del sys.modules[name]


def test_a_function_in_the_current_folder_is_found() -> None:
    assert load_function("my_data:load", "data.source")() == 42


def test_a_function_in_a_package_is_found(folder: Path) -> None:
    (folder / "package").mkdir()
    (folder / "package" / "part.py").write_text("def load():\n    return 43\n")
    assert load_function("package.part:load", "data.source")() == 43


def test_an_installed_function_is_found() -> None:
    assert load_function("json:loads", "data.source")("[1]") == [1]


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        pytest.param("my_data", "must be module:function, got 'my_data'", id="no function"),
        pytest.param(":load", "must be module:function, got ':load'", id="no module"),
        pytest.param("my_data:", "must be module:function, got 'my_data:'", id="nothing after :"),
        pytest.param("", "must be module:function, got ''", id="nothing"),
        pytest.param(
            "my_data:lod", "'my_data' has no function 'lod'; did you mean 'load'?", id="a typo"
        ),
        pytest.param("my_data:zzz", "'my_data' has no function 'zzz'", id="a missing function"),
        pytest.param("my_data:number", "'my_data' has no function 'number'", id="a number"),
        pytest.param("my_data:a:b", "'my_data' has no function 'a:b'", id="two colons"),
    ],
)
def test_a_name_that_finds_no_function(name: str, problem: str) -> None:
    with pytest.raises(RequestError) as caught:
        load_function(name, "data.source")
    assert str(caught.value) == f"data.source: {problem}"


def test_a_missing_module_says_where_it_was_looked_for(folder: Path) -> None:
    with pytest.raises(RequestError) as caught:
        load_function("my_dat:load", "model.family")
    expected = f"model.family: 'my_dat:load': no module 'my_dat' in {folder} or installed"
    assert str(caught.value) == expected


@pytest.mark.parametrize(
    ("code", "problem"),
    [
        pytest.param("1 / 0", "ZeroDivisionError: division by zero", id="raises"),
        pytest.param("def (", "SyntaxError: ", id="is no Python"),
        pytest.param("raise SystemExit(3)", "SystemExit: 3", id="exits"),
    ],
)
def test_a_module_that_cannot_be_imported_says_why(folder: Path, code: str, problem: str) -> None:
    (folder / "broken.py").write_text(code)
    with pytest.raises(RequestError) as caught:
        load_function("broken:load", "data.source")
    assert str(caught.value).startswith(f"data.source: importing 'broken' failed: {problem}")


def test_a_module_that_needs_a_missing_one_names_that_one(folder: Path) -> None:
    (folder / "needs.py").write_text("import no_such_module")
    with pytest.raises(RequestError, match="no module 'no_such_module'"):
        load_function("needs:load", "data.source")


def test_a_relative_name_is_a_request_error() -> None:
    with pytest.raises(RequestError, match=r"importing '\.my_data' failed"):
        load_function(".my_data:load", "data.source")
