"""Which files a source is made of, and their bytes. What stands in them is for others to read."""

from __future__ import annotations

import bz2
import difflib
import gzip
import lzma
import re
import zipfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from recipe.config import RequestError
from recipe.data.sources.examples import KEY, PARTS
from recipe.findings import listed

WHOLE = "whole"
"""Instead of a part, where the source is not divided."""

ALIASES = {"train": "train", "test": "test", "val": "val", "valid": "val", "validation": "val"}
"""What files and folders of parts are called."""

_PART = re.compile(r"(?:^|,)\s*(train|val|test)=")


def located(rest: str, suffixes: Sequence[str]) -> dict[str, Path]:
    """The file of each part, or one file of all.

    Args:
        rest: PATH of a file, of a folder that holds train.csv, test.csv and perhaps val.csv, or
            train=PATH,test=PATH[,val=PATH].
        suffixes: such as .csv, .csv.gz, the likeliest first.

    Raises:
        RequestError: they are not there.
    """
    if parts := named_parts(rest):
        for path in parts.values():
            _must_be_file(path)
        return parts
    path = Path(rest).expanduser()
    if not path.is_dir():
        _must_be_file(path)
        return {WHOLE: path}
    found: dict[str, Path] = {}
    for file in sorted(path.iterdir()):
        stem = file.name.lower()
        suffix = next((s for s in suffixes if stem.endswith(s)), None)
        part = ALIASES.get(stem.removesuffix(suffix)) if suffix else None
        if part in found:
            raise RequestError(
                f"{KEY}: {path}: holds {found[part].name} and {file.name}, which of them is "
                f"{part}? Write train=PATH,test=PATH"
            )
        if part:
            found[part] = file
    if not {"train", "test"} <= set(found):
        raise RequestError(
            f"{KEY}: {path}: a folder must hold train{suffixes[0]} and test{suffixes[0]} (or "
            f"{', '.join(suffixes[1:])}), or write the path of one file; it holds "
            + listed(sorted(file.name for file in path.iterdir()))
        )
    return {part: found[part] for part in PARTS if part in found}


def named_parts(rest: str) -> dict[str, Path]:
    """The paths of train=PATH,test=PATH[,val=PATH]; none if it does not begin like this."""
    if not _PART.match(rest):
        return {}
    _, *pieces = _PART.split(rest)
    names, paths = pieces[::2], pieces[1::2]
    if len(set(names)) < len(names) or not {"train", "test"} <= set(names):
        raise RequestError(
            f"{KEY}: must be train=PATH,test=PATH[,val=PATH], each once, got {rest!r}"
        )
    given = dict(zip(names, paths, strict=True))
    return {part: Path(given[part].strip()).expanduser() for part in PARTS if part in given}


def read_bytes(path: Path) -> bytes:
    """What is in a file, after unpacking .gz, .bz2, .xz and .zip.

    Raises:
        RequestError: it can't be read or unpacked.
    """
    unpack = _UNPACK.get(path.suffix.lower())
    try:
        data = path.read_bytes()
    except OSError as error:
        raise RequestError(f"{KEY}: {path}: can't be read: {error.strerror}") from error
    if unpack is None:
        return data
    try:
        return unpack(data)
    except EOFError:
        raise RequestError(
            f"{KEY}: {path}: ends in the middle; copy or download it again"
        ) from None
    except (OSError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, ValueError) as error:
        raise RequestError(
            f"{KEY}: {path}: is no {path.suffix} file, or damaged ({first_line(error)}); "
            "a file that is not packed needs a name without that ending"
        ) from error


def first_line(error: Exception) -> str:
    """What an error says, shortly; its type if it says nothing."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def missing_file(path: Path) -> str:
    """That there is no such file, and which one may be meant."""
    folder = path.parent
    near: Sequence[str] = ()
    if folder.is_dir():
        near = difflib.get_close_matches(path.name, [p.name for p in folder.iterdir()], 1)
    hint = f"; did you mean {str(folder / near[0])!r}?" if near else ""
    return f"no such file (in {Path.cwd()}){hint}"


def _must_be_file(path: Path) -> None:
    if path.is_dir():
        raise RequestError(f"{KEY}: {path}: must be a file, it is a folder")
    if not path.exists():
        raise RequestError(f"{KEY}: {path}: {missing_file(path)}")


def _unzip(data: bytes) -> bytes:
    import io

    with zipfile.ZipFile(io.BytesIO(data)) as packed:
        files = [name for name in packed.namelist() if not name.endswith("/")]
        if len(files) != 1:
            raise ValueError(f"it must hold one file, it holds {listed(files)}")
        return packed.read(files[0])


_UNPACK: Mapping[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.decompress,
    ".bz2": bz2.decompress,
    ".xz": lzma.decompress,
    ".zip": _unzip,
}
