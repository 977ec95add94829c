"""`module:function` in a config: the user's own code, found and imported."""

from __future__ import annotations

import difflib
import importlib
import os
import sys
from collections.abc import Callable
from typing import Any

from recipe.config.errors import RequestError


def load_function(name: str, key: str) -> Callable[..., Any]:
    """Import `package.module:function`, looking in the current folder first.

    Args:
        name: the value in the config.
        key: the config key that holds it, for the error.

    Raises:
        RequestError: the module can't be found or imported, or has no such function.
    """
    module_name, _, function_name = name.partition(":")
    if not module_name or not function_name:
        raise RequestError(f"{key}: must be module:function, got {name!r}")
    here = os.getcwd()
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        raise RequestError(
            f"{key}: {name!r}: no module {error.name!r} in {here} or installed"
        ) from None
    except (Exception, SystemExit) as error:
        raise RequestError(
            f"{key}: importing {module_name!r} failed: {type(error).__name__}: {error}"
        ) from error
    function = getattr(module, function_name, None)
    if not callable(function):
        functions = [name for name, value in vars(module).items() if callable(value)]
        near = difflib.get_close_matches(function_name, functions, 1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise RequestError(f"{key}: {module_name!r} has no function {function_name!r}{hint}")
    return function
