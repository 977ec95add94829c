"""From files and `--set` to a Config, or to every error at once with its place.

`extends: other.yaml` reads that file first. Sections merge key by key; any other value, a list
or a Keras object too, is replaced whole. A later file wins over an earlier, `--set` over both.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from recipe.config.errors import ConfigError
from recipe.config.explain import explain
from recipe.config.fields import section_of
from recipe.config.parse import Key, Source, parse, position
from recipe.config.render import flow
from recipe.config.types import Config


def read(path: str | Path, settings: Iterable[str] = ()) -> Config:
    """The config of a file, its `extends`, and `a.b=value` settings on top.

    Raises:
        ConfigError: with one line for each thing that is wrong.
    """
    path = Path(path)
    source = _read_file(path, chain=())
    for setting in settings:
        _merge(source, _read_setting(setting))
    if source.values.get("name") is None:
        source.values["name"] = path.stem
        source.places[("name",)] = f"{path}: (the file's stem is the run's name)"
    lines = [line for _, line in source.problems]
    try:
        config = Config.model_validate(source.values)
    except ValidationError as error:
        lines += explain(error, source, str(path))
    if lines:
        raise ConfigError(sorted(lines, key=_position))
    return config


def _position(line: str) -> tuple[str, int, int]:
    """File, line and column that an error begins with, to sort by."""
    place = re.match(r"(.+?):(\d+):(\d+): ", line)
    return (place[1], int(place[2]), int(place[3])) if place else (line, 0, 0)


def _read_file(path: Path, chain: tuple[Path, ...]) -> Source:
    """One file merged over what it extends. `chain`: the files that led here."""
    own = _parse_file(path)
    if "extends" not in own.values:
        return own
    parent = own.values.pop("extends")
    target = path.parent / str(parent)
    chain = (*chain, path)
    source = Source()
    if not isinstance(parent, str):
        _refuse_extends(own, f"must be a file name, got {flow(parent)}")
    elif os.path.isdir(target):
        _refuse_extends(own, f"{str(target)!r} is a folder; name a file in it")
    elif not os.path.isfile(target):
        hint = _near_file(target)
        _refuse_extends(own, f"no file {str(target)!r} (paths are relative to this file){hint}")
    elif os.path.realpath(target) in map(os.path.realpath, chain):
        circle = " -> ".join(str(file) for file in (*chain, target))
        _refuse_extends(own, f"goes in a circle: {circle}")
    else:
        source = _read_file(target, chain)
    _merge(source, own)
    return source


def _refuse_extends(source: Source, problem: str) -> None:
    key = ("extends",)
    if key not in (bad for bad, _ in source.problems):
        source.problems.append((key, f"{source.places[key]}: extends: {problem}"))


def _parse_file(path: Path) -> Source:
    source = Source(values=None)
    try:
        text = path.read_bytes().decode("utf-8")
        source = parse(text, lambda line, column: f"{path}:{line + 1}:{column + 1}")
        problem = _no_mapping(source)
    except FileNotFoundError:
        problem = f": there is no such config file{_near_file(path)}"
    except UnicodeDecodeError as error:
        before = error.object[: error.start].decode()
        line, column = position(before, len(before))
        byte = error.object[error.start]
        problem = f":{line + 1}:{column + 1}: a config is UTF-8 text, got byte {byte:#x}"
    except (OSError, ValueError) as error:
        problem = f": can't be read: {getattr(error, 'strerror', error)}"
    if problem:
        source.values = {}
        source.problems.append(((), f"{path}{problem}"))
    return source


def _no_mapping(source: Source) -> str:
    if isinstance(source.values, dict) or source.problems:
        source.values = source.values or {}
        return ""
    if source.values is None:
        return ": the file is empty; a config has at least one line, e.g. 'seed: 0'"
    kind = "a list" if isinstance(source.values, list) else flow(source.values)
    return f":1:1: a config is a mapping of keys to values, got {kind}"


def _near_file(path: Path) -> str:
    if not os.path.isdir(path.parent):
        return ""
    files = {file.stem: file for file in path.parent.glob("*.yaml") if os.path.isfile(file)}
    near = difflib.get_close_matches(path.stem, files, 1)
    return f"; did you mean {str(files[near[0]])!r}?" if near else ""


def _read_setting(setting: str) -> Source:
    """One `a.b=value`; the value is read as YAML, and nothing means null."""
    place = f"--set {setting}"
    dotted, equals, text = setting.partition("=")
    key = tuple(dotted.strip().split("."))
    if not equals or not all(key):
        return Source(problems=[((), f"{place}: must be KEY=VALUE, e.g. --set model.dropout=0.2")])
    if key == ("extends",):
        return Source(problems=[((), f"{place}: 'extends' stands in a file, --set changes keys")])
    section: type[BaseModel] = Config
    for depth, name in enumerate(key[:-1], start=1):
        if name not in section.model_fields:
            break  # an unknown key: validation reports it with a suggestion
        inner = section_of(section, name)
        if inner is None:
            parent = ".".join(key[:depth])
            said = f"{parent!r} is a value, not a section: give it whole, e.g. --set '{parent}=...'"
            return Source(problems=[((), f"{place}: {said}")])
        section = inner
    source = parse(text, lambda line, column: place, key)
    for depth in range(len(key), 0, -1):
        source.values = {key[depth - 1]: source.values}
        source.places[key[:depth]] = place
    return source


def _merge(base: Source, over: Source) -> None:
    """Lay one source over another."""
    base.problems += over.problems
    _merge_section(base, over, Config, (), base.values, over.values)


def _merge_section(
    base: Source,
    over: Source,
    section: type[BaseModel],
    below: Key,
    old: dict[str, Any],
    new: dict[str, Any],
) -> None:
    for name, value in new.items():
        key = (*below, name)
        inner = section_of(section, name)
        if inner and isinstance(value, dict) and name in old:
            if isinstance(old[name], dict):
                base.places[key] = over.places[key]
                _merge_section(base, over, inner, key, old[name], value)
            # else it is no section: validation says so, at the place that made it none
        else:
            old[name] = value
            base.places |= {k: at for k, at in over.places.items() if k[: len(key)] == key}
