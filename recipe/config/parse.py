"""From YAML text to plain values and the place of each. Which keys exist is not asked here.

YAML 1.2 by ruamel.yaml, and of it what JSON has too: `3e-4` is a number, `no` and `2024-01-31`
are text. Anchors and aliases work; tags are refused, and so is the `<<` of YAML 1.1, whose work
`extends` does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ruamel.yaml import YAML, Node
from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.nodes import MappingNode, ScalarNode, SequenceNode
from ruamel.yaml.reader import ReaderError

Key = tuple[str, ...]
Place = Callable[[int, int], str]
"""From a line and a column, both counted from 0, to where that is, for an error."""

CORE = "tag:yaml.org,2002:"
TEXT = ("str", "timestamp", "value", "merge")
DEPTH = 30
"""No config is nested as deep; an alias that holds itself is."""


@dataclass
class Source:
    """Plain values, where each key was last set, and what is wrong with the text of some."""

    values: Any = field(default_factory=dict)
    places: dict[Key, str] = field(default_factory=dict)
    problems: list[tuple[Key, str]] = field(default_factory=list)


def parse(text: str, place: Place, below: Key = ()) -> Source:
    """The values of one YAML document.

    Args:
        text: the document; its value is None if there is nothing in it.
        place: names a position in it.
        below: the key at which its values stand in the config.
    """
    source = Source(values=None)
    yaml = YAML(typ="safe", pure=True)
    yaml.max_depth = DEPTH
    yaml.composer.warn_double_anchors = False
    try:
        root = yaml.compose(text)
        if root is not None:
            source.values = _Reader(yaml, place, source).plain(root, below)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = place(mark.line, mark.column) if mark else place(0, 0)
        source.problems.append((below, f"{where}: not valid YAML: {_sentence(error)}"))
    except ReaderError as error:
        where = place(*position(text, error.position))
        said = f"the character {error.character:#x} can't stand in a text"
        source.problems.append((below, f"{where}: not valid YAML: {said}"))
    return source


def position(text: str, index: int) -> tuple[int, int]:
    """Line and column of a character, counted from 0."""
    before = text[:index]
    return before.count("\n"), index - before.rfind("\n") - 1


def _sentence(error: MarkedYAMLError) -> str:
    problem = (error.problem or str(error)).split("\n")[0]
    if "'\\t'" in problem:
        return "a tab; indent with spaces"
    if "maximum depth" in problem:
        return f"nested deeper than {DEPTH}"
    return f"{error.context}, {problem}" if problem.startswith("but ") else problem


@dataclass
class _Reader:
    """Walks ruamel's nodes: unlike its values, these know their line, tag and duplicates."""

    yaml: YAML
    place: Place
    source: Source

    def plain(self, node: Node, key: Key) -> Any:
        """The node as plain Python; a placeholder, and a problem, where it isn't plain."""
        tag = str(node.tag)
        kind = tag.removeprefix(CORE)
        if len(key) > DEPTH:
            raise MarkedYAMLError(problem="an alias holds itself", problem_mark=node.start_mark)
        if isinstance(node, MappingNode) and kind == "map":
            return self.mapping(node, key)
        if isinstance(node, SequenceNode) and kind == "seq":
            return [self.item(child, (*key, str(i))) for i, child in enumerate(node.value)]
        if isinstance(node, ScalarNode) and kind in (*TEXT, "null", "bool", "int", "float"):
            return self.scalar(node, key, kind)
        return self.refuse(node, key, f"a config has no YAML tags, got {tag.replace(CORE, '!!')}")

    def mapping(self, node: Node, key: Key) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for name_node, value_node in node.value:
            kind = str(name_node.tag).removeprefix(CORE)
            name = (*key, str(name_node.value))
            if kind == "merge":
                self.refuse(name_node, name, "'<<' is not YAML 1.2; use 'extends'")
            elif kind not in TEXT:
                self.refuse(name_node, key, f"a key is text, got {_short(name_node)}")
            elif name[-1] in values:
                first = self.source.places[name]
                self.refuse(name_node, name, f"set twice, first at {first}")
            else:
                self.source.places[name] = self.at(name_node)
                values[name[-1]] = self.plain(value_node, name)
        return values

    def item(self, node: Node, key: Key) -> Any:
        self.source.places[key] = self.at(node)
        return self.plain(node, key)

    def scalar(self, node: Node, key: Key, kind: str) -> Any:
        if kind in TEXT:
            return node.value
        try:
            value = self.yaml.constructor.construct_object(node)
        except (KeyError, ValueError):
            return self.refuse(node, key, f"can't be read as {kind}, got {_short(node)}")
        if isinstance(value, int) and value.bit_length() > 63:
            return self.refuse(node, key, f"must be less than 2**63, got {_short(node)}")
        return value

    def refuse(self, node: Node, key: Key, problem: str) -> None:
        name = f"{'.'.join(key)}: " if key else ""
        self.source.problems.append((key, f"{self.at(node)}: {name}{problem}"))

    def at(self, node: Node) -> str:
        return self.place(node.start_mark.line, node.start_mark.column)


def _short(node: Node) -> str:
    if not isinstance(node, ScalarNode):
        return "a list" if isinstance(node, SequenceNode) else "a mapping"
    text = node.value or "nothing"
    return text if len(text) <= 40 else f"{text[:37]}..."
