"""Where examples come from: a name in the config to examples.

To add a source, write a function from (what stands after the colon, the data config) to
`RawExamples`, and put it into `SOURCES`. Your own code needs no line here: `module:function`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from recipe.config import DataConfig, RequestError
from recipe.data.sources.arrays import from_keras, from_npz, from_sklearn
from recipe.data.sources.examples import KEY, RawExamples, checked
from recipe.data.sources.function import from_function
from recipe.data.sources.images import from_images
from recipe.data.sources.tables import from_csv, from_parquet

__all__ = ["SOURCES", "RawExamples", "forget", "read_anew", "read_source"]

SOURCES: dict[str, Callable[[str, DataConfig], RawExamples]] = {
    "sklearn": from_sklearn,
    "keras": from_keras,
    "npz": from_npz,
    "csv": from_csv,
    "parquet": from_parquet,
    "images": from_images,
}

READ_FROM = ("source", "target", "image_size", "image_mode", "max_memory_gb")
"""Keys of the data section on which the raw examples depend."""


def read_source(config: DataConfig) -> RawExamples:
    """Read all examples of a `data.source`, once in a process: all who ask see the same.

    Raises:
        RequestError: the source is unknown, fails, or returns what can't be used.
    """
    return _remembered(config.model_dump_json(include=set(READ_FROM)))


def read_anew(config: DataConfig) -> RawExamples:
    """`read_source` without its memory, to see whether a source repeats itself."""
    name = config.source
    kind, colon, rest = name.partition(":")
    if not colon or not rest:
        raise RequestError(f"{KEY}: must be KIND:NAME, e.g. sklearn:digits, got {name!r}")
    read = SOURCES.get(kind)
    try:
        raw = read(rest, config) if read else from_function(name, config)
    except OSError as error:  # a folder that may not be listed, a disk that is gone
        raise RequestError(f"{KEY}: {name}: can't be read: {error}") from error
    return checked(name, raw)


def forget() -> None:
    """Read every source anew when it is next asked for."""
    _remembered.cache_clear()


@lru_cache(maxsize=1)
def _remembered(read_from: str) -> RawExamples:
    return read_anew(DataConfig.model_validate_json(read_from))
