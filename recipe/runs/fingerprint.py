"""What a stage's numbers depend on, as a hash: equal hash, nothing new to do.

Of code, the syntax tree counts and not the text: a comment or a docstring does not void a
night's search.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import json
import os
import sys
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import recipe

PACKAGE = recipe.__name__
ROOT = Path(recipe.__file__).parent


def digest(*parts: Any) -> str:
    """A short hash of JSON-able values."""
    text = json.dumps(parts, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def of_code(module: str, plugins: Iterable[str] = ()) -> str:
    """Hash of a module, and of all that it imports of this package.

    Args:
        module: dotted name in this package.
        plugins: `module:function` names whose files count too.
    """
    trees: dict[str, str | None] = {**_trees(module, ROOT)}
    for plugin in plugins:
        trees[plugin] = _plugin_hash(plugin.partition(":")[0])
    return digest(trees)


def of_bytes(parts: Iterable[bytes]) -> str:
    """Hash of raw content, such as weights."""
    whole = hashlib.sha256()
    for part in parts:
        whole.update(part)
    return whole.hexdigest()[:16]


def of_file(path: Path) -> str | None:
    """Hash of a file's content, None if there is no such file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16] if path.exists() else None


@cache
def _trees(module: str, root: Path) -> Mapping[str, str]:
    """Module -> hash of its tree, for a module of this package and all that it imports of it."""
    found: dict[str, str] = {}
    waiting = [module]
    while waiting:
        name = waiting.pop()
        path = _file_of(name, root)
        if name in found or path is None:
            continue
        found[name], imports = _parsed(path)
        waiting += imports
        if "." in name:
            waiting.append(name.rpartition(".")[0])
    return found


def _file_of(module: str, root: Path) -> Path | None:
    """The file of a module of this package, None for anything else."""
    first, *rest = module.split(".")
    if first != PACKAGE:
        return None
    path = root.joinpath(*rest)
    if path.is_dir():
        path = path / "__init__"
    path = path.with_suffix(".py")
    return path if path.exists() else None


@cache
def _parsed(path: Path) -> tuple[str, tuple[str, ...]]:
    """Hash of a file's tree, and the names that it imports, at the top or inside of functions."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            # `from recipe.data import splits` may name a module or a function: try both
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    # last, for it changes the tree
    return hashlib.sha256(_without_docstrings(tree).encode()).hexdigest(), tuple(names)


def _without_docstrings(tree: ast.Module) -> str:
    """The tree as text, without bare strings: docstrings of modules, functions and fields."""

    class Strip(ast.NodeTransformer):
        def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
            is_text = isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
            return None if is_text else self.generic_visit(node)

    return ast.dump(Strip().visit(tree))


def _plugin_hash(module: str) -> str | None:
    """Hash of the user's module, if it can be found; it is looked for as `load_function` does."""
    here = os.getcwd()
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        spec = importlib.util.find_spec(module)
    except (ImportError, ValueError):
        return None
    path = Path(spec.origin) if spec and spec.origin else None
    try:
        return _parsed(path)[0] if path else None
    except (SyntaxError, ValueError, OSError):  # no Python: importing it will say why
        return of_file(path) if path else None
