"""From pydantic's errors to one line for each wrong key, in the words of a config file.

`place: key: rule, got value; did you mean ...?`
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel, ValidationError

from recipe.config.fields import leaf_keys, model_in
from recipe.config.parse import Key, Source
from recipe.config.render import flow
from recipe.config.types import UNKNOWN_IN_SPACE, Config

WORDS = (
    (r"Value error, ", ""),
    (r"(Input|String|Tuple|Value) should", "must"),
    (r"be a valid dictionary or instance of Range", "be a range, e.g. {log: [0.001, 0.1]}"),
    (r"be a valid dictionary or instance of \w+", "be a section (a mapping of keys to values)"),
    (r"be a valid dictionary", "be a mapping of keys to values"),
    (r"be a valid tuple", "be a list"),
    (r"be a valid integer", "be a whole number"),
    (r"be a valid number", "be a number"),
    (r"be a valid string", "be text"),
    (r" after validation", ""),
    (r"Extra inputs are not permitted", "unknown key in it"),
)
"""pydantic's words and ours."""

ELSEWHERE = 0.8
"""How alike, by difflib's ratio, a key of another section must be to be suggested: at its usual 0.6
"nostage" is a "target"."""


def explain(error: ValidationError, source: Source, file: str) -> list[str]:
    """One line for each wrong key that the text's own problems don't name already."""
    rules: dict[Key, list[str]] = {}
    unknown: dict[Key, str] = {}
    said_before = {key for key, _ in source.problems}
    for item in error.errors():
        key = _path_in(source.values, tuple(str(part) for part in item["loc"]))
        if key in said_before:
            continue
        if item["type"] == "extra_forbidden":
            unknown[key] = _unknown_key(key)
        elif item["type"] == UNKNOWN_IN_SPACE:
            unknown[key] = f"unknown key {key[-1]!r}{_hint(key[-1], leaf_keys(Config))}"
        elif item["type"] == "missing":
            rules.setdefault(key, []).append(f"{item['loc'][-1]!r} is missing")
        else:
            rules.setdefault(key, []).append(_rule(item["msg"]))
    lines = [f"{_place(source, key, file)}: {text}" for key, text in unknown.items()]
    for key, alternatives in rules.items():
        value = _value_at(source.values, key)
        said = " or ".join(dict.fromkeys(alternatives))
        got = "" if ", got" in said else f", got {_shown(value)}"
        name = f"{'.'.join(key)}: " if key else ""
        lines.append(f"{_place(source, key, file)}: {name}{said}{got}{_near_value(value, said)}")
    return lines


def _rule(message: str) -> str:
    """pydantic's sentence as a rule: what the value must be."""
    for theirs, ours in WORDS:
        message = re.sub(theirs, ours, message)
    return message[0].lower() + message[1:]


def _shown(value: Any) -> str:
    """The value as a file has it, text in quotes, cut where it is long."""
    text = repr(value) if isinstance(value, str) else flow(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _unknown_key(key: Key) -> str:
    section: type[BaseModel] = Config
    for name in key[:-1]:
        info = section.model_fields.get(name)
        section = (model_in(info.annotation) if info else None) or section
    here = [*section.model_fields, *(["extends"] if section is Config else [])]
    dotted = ".".join(key)
    everywhere = {name.split(".")[-1]: name for name in reversed(leaf_keys(Config))}
    if dotted in everywhere.values():
        sections, _, last = dotted.rpartition(".")
        hint = f"; write {last!r} below '{sections.replace('.', ': ')}:'"
    elif near := _hint(key[-1], here):
        hint = near
    elif far := difflib.get_close_matches(key[-1], everywhere, 1, ELSEWHERE):
        hint = f"; did you mean {everywhere[far[0]]!r}?"
    else:
        hint = f"; known here: {', '.join(here)}"
    return f"unknown key {dotted!r}{hint}"


def _hint(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, known, 1)
    return f"; did you mean {near[0]!r}?" if near else ""


def _near_value(value: Any, rule: str) -> str:
    """A suggestion where a name is close to one that the rule lists."""
    if isinstance(value, dict):  # a Keras object
        value = value.get("class_name")
    if not isinstance(value, str):
        return ""
    listed = [*rule.partition("one of ")[2].split(", "), *rule.split("'")[1::2]]
    names = {name.lower(): name for name in listed if name}
    near = difflib.get_close_matches(value.lower(), names, 1)
    return f"; did you mean {names[near[0]]!r}?" if near else ""


def _path_in(values: Any, location: Key) -> Key:
    """pydantic's location without the names of union members, which stand in no file."""
    path: list[str] = []
    for position, part in enumerate(location):
        last = position == len(location) - 1
        if isinstance(values, dict) and part in values:
            values = values[part]
        elif isinstance(values, list) and part.isdigit() and int(part) < len(values):
            values = values[int(part)]
        elif not last or not isinstance(values, dict):
            continue
        else:
            break  # a missing key is reported at the section that lacks it
        path.append(part)
    return tuple(path)


def _value_at(values: Any, key: Key) -> Any:
    for part in key:
        values = values[int(part)] if isinstance(values, list) else values[part]
    return values


def _place(source: Source, key: Key, file: str) -> str:
    """Where the key was set, or the nearest key above it."""
    for depth in range(len(key), 0, -1):
        if key[:depth] in source.places:
            return source.places[key[:depth]]
    return file
