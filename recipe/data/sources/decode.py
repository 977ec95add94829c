"""One image file to an array of a given size: any mode, any orientation, any format of Pillow's."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from recipe.data.sources.files import first_line

THREADS = 4
"""That decode at the same time; Pillow lets go of the interpreter meanwhile."""

FEW = 8
"""Files for which threads do not pay."""

ORIENTATION = 0x0112
"""The EXIF tag of how the camera was held; 5 to 8 exchange height and width."""

Given = TypeVar("Given")
Got = TypeVar("Got")


@dataclass(frozen=True)
class Header:
    """What a file says of itself before it is decoded."""

    size: tuple[int, int]
    """Height and width, as a person sees the image."""

    gray: bool
    animated: bool
    """It has several frames, of which the first is used."""


def header(path: Path) -> Header | str:
    """What a file says of itself, or why it can't be read."""
    try:
        with Image.open(path) as image:
            width, height = image.size
            if _turned(image) >= 5:
                width, height = height, width
            animated = image.format in _ANIMATED and bool(getattr(image, "is_animated", False))
            return Header((height, width), _is_gray(image), animated)
    except Exception as error:  # each of Pillow's formats has errors of its own
        return _reason(path, error)


def decode(path: Path, size: tuple[int, int], gray: bool) -> np.ndarray | str:
    """An image as (height, width, 1 or 3) uint8, or why it can't be read."""
    try:
        with Image.open(path) as image:
            # a JPEG is decoded at a half or a quarter, where that is still twice what is wanted
            image.draft(None, (2 * size[1], 2 * size[0]))
            shown = ImageOps.exif_transpose(image) if _turned(image) > 1 else image
            shown = _plain(shown).convert("L" if gray else "RGB")
            if shown.size != size[::-1]:
                shown = shown.resize(size[::-1], Image.Resampling.BILINEAR)  # it antialiases
            return np.asarray(shown, np.uint8).reshape(*size, 1 if gray else 3)
    except Exception as error:  # each of Pillow's formats has errors of its own
        return _reason(path, error)


def on_threads(function: Callable[[Given], Got], items: Sequence[Given]) -> Iterator[Got]:
    """`map` on a few threads, in order."""
    if len(items) < FEW:
        yield from map(function, items)
        return
    with ThreadPoolExecutor(THREADS) as pool:
        yield from pool.map(function, items)


@contextmanager
def strict_about_size() -> Iterator[None]:
    """Images of more than 89 million pixels are refused, other oddities read in silence."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        yield


_ANIMATED = ("GIF", "WEBP", "PNG", "TIFF")


def _turned(image: Image.Image) -> int:
    if image.format == "TIFF":
        return 1  # Pillow turns these itself
    if image.format == "PNG" and "exif" not in image.info:
        return 1  # Pillow would decode the file to look for it behind the pixels
    return int(image.getexif().get(ORIENTATION, 1))


def _is_gray(image: Image.Image) -> bool:
    if image.mode in ("P", "PA"):
        red, green, blue = np.asarray(image.convert("RGB")).reshape(-1, 3).T
        return bool((red == green).all() and (green == blue).all())
    return image.mode in ("1", "L", "LA", "La") or image.mode.startswith(("I", "F"))


def _plain(image: Image.Image) -> Image.Image:
    """Eight bits, and white where it is transparent."""
    if image.mode == "F":
        raise ValueError("its pixels are floating-point numbers of no known range; save it as PNG")
    if image.mode.startswith("I"):
        deep = np.asarray(image)
        if deep.min() < 0 or deep.max() > 65535:
            raise ValueError("its pixels have more than 16 bits; save it with 16 or 8")
        return Image.fromarray((deep.astype(np.uint32) >> 8).astype(np.uint8))
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        seen = image.convert("RGBA")
        paper = Image.new("RGBA", seen.size, "white")
        return Image.alpha_composite(paper, seen).convert("RGB")
    return image


def _reason(path: Path, error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    if isinstance(error, Image.DecompressionBombError | Image.DecompressionBombWarning):
        return f"more than {(Image.MAX_IMAGE_PIXELS or 0) // 10**6} million pixels; make it smaller"
    if isinstance(error, UnidentifiedImageError):
        return "it is empty" if not path.stat().st_size else "it is no image that Pillow knows"
    return first_line(error)
