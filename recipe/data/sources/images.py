"""Images in files: a folder with one folder for each class, or a CSV of their paths.

How a file becomes numbers stands in `decode`. Images of any size and mode are read; those that
can't be are left out and listed.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from recipe.config import DataConfig, RequestError
from recipe.data.sources.decode import Header, decode, header, on_threads, strict_about_size
from recipe.data.sources.examples import KEY, PARTS, RawExamples
from recipe.data.sources.files import ALIASES, missing_file, named_parts
from recipe.data.sources.tables import CSV, from_csv
from recipe.data.stored import FLOAT32, Stored, said_to_stay
from recipe.findings import listed

SUFFIXES = (
    ".jpg", ".jpeg", ".jfif", ".png", ".gif", ".bmp", ".tif", ".tiff", ".webp", ".ppm", ".pgm",
    ".pbm", ".avif", ".jp2",
)  # fmt: skip

NOT_MEANT = ("thumbs.db", "desktop.ini", "__macosx")
"""What systems put beside images; and all that begins with a dot."""

PATH_COLUMNS = ("path", "file", "filename", "file_name", "image", "image_path", "filepath")
"""Names of the column of paths in a CSV."""

MODE_FROM = 100
"""Images, spread over all, by which gray or color is decided."""


@dataclass
class _Files:
    """Image files, before any is opened."""

    paths: list[Path] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    labels: list[int] = field(default_factory=list)
    parts: list[str] = field(default_factory=list)
    corrupt: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)


def from_images(name: str, config: DataConfig) -> RawExamples:
    """A folder of class folders, perhaps under train, test and val; or a CSV of paths.

    They become uint8 (examples, height, width, 1 or 3) in memory, or `Stored` if they would take
    more than `data.max_memory_gb` as float32.
    """
    where = named_parts(name)
    path = Path(name).expanduser()
    if not where and path.is_dir():
        parts = _parts_of(path)
        beside = [top.name for top in _folders(path) if parts and top not in parts.values()]
        said = [f"beside {', '.join(parts)}, ignored: {listed(beside)}"] if beside else []
        return _from_folders(path, parts, config, said)
    if where and all(folder.is_dir() for folder in where.values()):
        where = {part: folder.absolute() for part, folder in where.items()}
        return _from_folders(Path(os.path.commonpath(list(where.values()))), where, config, [])
    if not where and not path.exists():
        raise RequestError(f"{KEY}: {path}: {missing_file(path)}")
    if where or path.name.lower().endswith(CSV):
        return _from_paths(name, path.parent, config, where)
    raise RequestError(
        f"{KEY}: {path}: must be a folder with a folder of images for each class, or a CSV with "
        "the paths of images"
    )


def _parts_of(root: Path) -> dict[str, Path]:
    """The folders of train, test and val, where a folder has them."""
    found: dict[str, Path] = {}
    for folder in _folders(root):
        part = ALIASES.get(folder.name.lower())
        if part in found:
            raise RequestError(
                f"{KEY}: {root}: holds {found[part].name} and {folder.name}, which of them is "
                f"{part}? Write train=PATH,test=PATH"
            )
        if part:
            found[part] = folder
    if "train" not in found or len(found) == 1:
        return {}
    return {part: found[part] for part in PARTS if part in found}


def _from_folders(
    root: Path, parts: dict[str, Path], config: DataConfig, said: list[str]
) -> RawExamples:
    tops = parts or {"": root}
    first = next(iter(tops.values()))
    classes = tuple(folder.name for folder in _folders(first))
    if not classes:
        raise RequestError(
            f"{KEY}: {first}: must hold a folder of images for each class, it holds "
            + listed(sorted(entry.name for entry in first.iterdir()))
        )
    positions = {name: position for position, name in enumerate(classes)}
    files = _Files(remarks=said)
    ignored: Counter[str] = Counter()
    for part, top in tops.items():
        here = _folders(top)
        strange = [folder.name for folder in here if folder.name not in classes]
        if strange:
            raise RequestError(
                f"{KEY}: {top}: class {strange[0]!r} is not among those of {first}: "
                f"{listed(classes, 10)}"
            )
        if not here:
            raise RequestError(
                f"{KEY}: {top}: must hold a folder of images for each class, as {first} does"
            )
        lacking = [name for name in classes if name not in {folder.name for folder in here}]
        if lacking:
            files.remarks.append(f"{top.name} has no class {listed(lacking)}")
        for folder in here:
            for path in _images_below(folder, ignored):
                files.paths.append(path)
                files.names.append(path.relative_to(root).as_posix())
                files.labels.append(positions[folder.name])
                files.parts.append(part)
        ignored.update(
            path.suffix.lower() or path.name
            for path in top.iterdir()
            if path.is_file() and _is_meant(path.name)
        )
    if ignored:
        kinds = [f"{count:,} {suffix}" for suffix, count in sorted(ignored.items())]
        files.remarks.append(f"no images, or in no class's folder, ignored: {listed(kinds)}")
    x, kept = _read(files, str(root), config)
    labels = np.array(files.labels)[kept]
    part_of = np.array(files.parts)[kept]
    for label, name in enumerate(classes):
        learnt = (labels == label) & (part_of == next(iter(tops)))
        if not learnt.any():
            why = [line for line in files.corrupt if f"/{name}/" in f"/{line}"]
            raise RequestError(
                f"{KEY}: {first / name}: class {name!r} has no image that can be read"
                + (f": {why[0]}" if why else "; put some in, or remove the folder")
            )
    return RawExamples(
        x=x,
        y=labels,
        class_names=classes,
        parts=part_of if parts else None,
        names=np.array(files.names)[kept],
        corrupt=tuple(files.corrupt),
        remarks=tuple(files.remarks),
    )


def _from_paths(name: str, folder: Path, config: DataConfig, where: dict[str, Path]) -> RawExamples:
    """A CSV with a column of paths, relative to its folder, and the target."""
    table = from_csv(name, config)
    inputs = pd.DataFrame(table.x)
    column = next((c for c in inputs.columns if c.lower().replace(" ", "_") in PATH_COLUMNS), None)
    if column is None:
        raise RequestError(
            f"{KEY}: {name}: one column must be called {', '.join(PATH_COLUMNS)} and hold the "
            f"paths of images, got {listed(list(inputs.columns))}"
        )
    files = _Files(remarks=list(table.remarks))
    others = [c for c in inputs.columns if c != column]
    if others:
        files.remarks.append(f"columns beside {column} and the target, ignored: {listed(others)}")
    rows, outside = [], 0
    folders = {part: path.parent for part, path in where.items()}
    for row, written in enumerate(inputs[column]):
        if not isinstance(written, str):
            files.corrupt.append(f"example {row}: no path")
            continue
        base = folder if table.parts is None else folders.get(table.parts[row], folder)
        path = base / written
        if "\\" in written and not path.exists():
            path = base / written.replace("\\", "/")
        outside += not path.resolve().is_relative_to(base.resolve())
        rows.append(row)
        files.paths.append(path)
        files.names.append(written)
    if outside:
        files.remarks.append(f"images outside of the CSV's folder: {outside:,}")
    x, kept = _read(files, name, config)
    rows_kept = np.array(rows)[kept]
    return RawExamples(
        x=x,
        y=table.y[rows_kept],
        target_names=table.target_names,
        parts=None if table.parts is None else table.parts[rows_kept],
        names=np.array(files.names)[kept],
        corrupt=tuple(files.corrupt),
        remarks=tuple(files.remarks),
    )


def _read(files: _Files, where: str, config: DataConfig) -> tuple[np.ndarray | Stored, np.ndarray]:
    """The images that can be read, and their positions among the files."""
    if not files.paths:
        raise RequestError(f"{KEY}: {where}: holds no images ({', '.join(SUFFIXES[:5])}, ...)")
    with strict_about_size():
        headers = list(on_threads(header, files.paths))
        good = [i for i, found in enumerate(headers) if isinstance(found, Header)]
        _list_corrupt(files, headers)
        if not good:
            raise _none(files, where)
        size, gray = _size_and_mode([headers[i] for i in good], files.remarks, config)
        shape = (*size, 1 if gray else 3)
        in_memory = len(good) * np.prod(shape) * FLOAT32 <= config.max_memory_gb * 1e9
        paths = [files.paths[i] for i in good]
        pixels = np.empty((len(good), *shape), np.uint8) if in_memory else None
        whole = np.ones(len(good), bool)
        # those that stay on disk are decoded too: a file that breaks off must be known beforehand
        for i, image in enumerate(on_threads(partial(decode, size=size, gray=gray), paths)):
            if isinstance(image, str):
                whole[i] = False
                files.corrupt.append(f"{files.names[good[i]]}: {image}")
            elif pixels is not None:
                pixels[i] = image
    if not whole.any():
        raise _none(files, where)
    kept = np.array(good)[whole]
    if pixels is not None:
        return pixels if whole.all() else pixels[whole], kept
    files.remarks.append(said_to_stay(len(kept)))
    readable = [path for path, fine in zip(paths, whole, strict=True) if fine]
    return Stored(partial(_decoded, readable, size, gray), np.arange(len(kept)), shape), kept


def _decoded(paths: list[Path], size: tuple[int, int], gray: bool, rows: np.ndarray) -> np.ndarray:
    """Images (rows, height, width, 1 or 3) uint8 of files known to be good."""
    images = np.empty((len(rows), *size, 1 if gray else 3), np.uint8)
    wanted = [paths[row] for row in rows]
    for i, image in enumerate(on_threads(partial(decode, size=size, gray=gray), wanted)):
        if isinstance(image, str):
            raise RequestError(
                f"{KEY}: {wanted[i]}: could be read at the start and can't be any more: {image}"
            )
        images[i] = image
    return images


def _size_and_mode(
    headers: Sequence[Header | str], remarks: list[str], config: DataConfig
) -> tuple[tuple[int, int], bool]:
    """(height, width) of all images, and whether they are gray; says what is changed for it."""
    known = [found for found in headers if isinstance(found, Header)]
    sizes = Counter(found.size for found in known)
    most = max(sizes.values())
    size = config.image_size or min(size for size, count in sizes.items() if count == most)
    others = len(known) - sizes[size]
    if others:
        remarks.append(
            f"{others:,} of {len(known):,} images are resized to {size[0]} x {size[1]} (height x "
            "width); their proportions are not kept"
        )
    every = max(1, len(known) // MODE_FROM)
    auto = all(found.gray for found in known[::every])
    gray = auto if config.image_mode == "auto" else config.image_mode == "gray"
    changed = sum(found.gray != gray for found in known)
    if changed:
        now = "gray" if gray else "rgb"
        remarks.append(f"{changed:,} of {len(known):,} images are converted to {now}")
    animated = sum(found.animated for found in known)
    if animated:
        remarks.append(f"images of several frames, of which the first is used: {animated:,}")
    return size, gray


def _list_corrupt(files: _Files, found: Sequence[object]) -> None:
    files.corrupt += [
        f"{name}: {reason}"
        for name, reason in zip(files.names, found, strict=True)
        if isinstance(reason, str)
    ]


def _none(files: _Files, where: str) -> RequestError:
    return RequestError(
        f"{KEY}: {where}: none of {len(files.paths):,} images can be read, the first: "
        f"{files.corrupt[0]}"
    )


def _folders(top: Path) -> list[Path]:
    return sorted(entry for entry in top.iterdir() if entry.is_dir() and _is_meant(entry.name))


def _is_meant(name: str) -> bool:
    return not name.startswith(".") and name.lower() not in NOT_MEANT


def _images_below(folder: Path, ignored: Counter[str]) -> list[Path]:
    """All images in a folder and the folders in it, in the order of their names."""
    found = []
    for top, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if _is_meant(name)]
        for name in filter(_is_meant, names):
            if name.lower().endswith(SUFFIXES):
                found.append(Path(top, name))
            else:
                ignored[Path(name).suffix.lower() or name] += 1
    return sorted(found)
