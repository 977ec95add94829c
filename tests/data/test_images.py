"""Images in files become arrays of one size, in memory or on disk."""

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from recipe.config import DataConfig
from recipe.data.sources import RawExamples, read_anew
from recipe.data.sources.decode import THREADS, decode, header
from recipe.data.stored import Stored

RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)


def write(path: Path, color: Any, size: tuple[int, int] = (8, 6), mode: str = "RGB") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, color).save(path)


def fill(root: Path, files: Mapping[str, Any], **more: Any) -> None:
    for name, color in files.items():
        write(root / name, color, **more)


def read(source: str, **config: Any) -> RawExamples:
    return read_anew(DataConfig(source=source, **config))


COLORS = {"dog/1.png": RED, "dog/0.png": GREEN, "cat/b.png": BLUE, "cat/A.jpeg": RED,
          "cat/sub/c.PNG": GREEN}  # fmt: skip


def test_a_folder_of_folders_in_the_order_of_names(tmp_path: Path) -> None:
    fill(tmp_path, COLORS)
    raw = read(f"images:{tmp_path}")
    assert isinstance(raw.x, np.ndarray)
    assert raw.x.shape == (5, 6, 8, 3)
    assert raw.x.dtype == np.uint8
    assert raw.class_names == ("cat", "dog")
    assert raw.y.tolist() == [0, 0, 0, 1, 1]
    assert raw.names is not None
    assert raw.names.tolist() == ["cat/A.jpeg", "cat/b.png", "cat/sub/c.PNG", "dog/0.png",
                                  "dog/1.png"]  # fmt: skip
    assert raw.x[1, 0, 0].tolist() == list(BLUE)
    assert raw.x[4, -1, -1].tolist() == list(RED)
    assert raw.parts is None
    assert raw.remarks == raw.corrupt == ()


@pytest.mark.parametrize("where", ["a folder of parts", "folders by name"])
def test_parts_come_as_train_val_test(where: str, tmp_path: Path) -> None:
    folders = {"train": "train", "validation": "val", "test": "test"}
    for folder in folders:
        fill(tmp_path / folder, {"a/x.png": RED, "b/y.png": BLUE})
    write(tmp_path / "extra" / "z.png", RED)
    source = f"images:{tmp_path}"
    if where == "folders by name":
        named = [f"{part}={tmp_path}/{folder}" for folder, part in folders.items()]
        source = f"images:{','.join(named)}"
    raw = read(source)
    assert raw.parts is not None
    assert raw.parts.tolist() == ["train", "train", "val", "val", "test", "test"]
    assert raw.y.tolist() == [0, 1] * 3
    assert raw.names is not None
    assert raw.names[2] == "validation/a/x.png"
    assert any("ignored: extra" in line for line in raw.remarks) == (where == "a folder of parts")


def test_parts_may_be_given_by_absolute_and_relative_paths(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(tmp_path, {"one/a/x.png": RED, "two/a/y.png": BLUE})
    monkeypatch.chdir(tmp_path)
    raw = read(f"images:train={tmp_path}/one,test=two")
    assert raw.names is not None
    assert raw.names.tolist() == ["one/a/x.png", "two/a/y.png"]


def test_a_csv_of_paths_with_any_target(tmp_path: Path) -> None:
    fill(tmp_path / "pictures", {"1.png": RED, "2.png": BLUE, "3.png": GREEN})
    (tmp_path / "prices.csv").write_text(
        "price,Filename\n2.5,pictures/2.png\n1,pictures/1.png\n7,pictures/gone.png\n"
        f"3.5,{tmp_path}/pictures/3.png\n"
    )
    raw = read(f"images:{tmp_path}/prices.csv", target="price")
    assert isinstance(raw.x, np.ndarray)
    assert raw.y.tolist() == [2.5, 1, 3.5]
    assert raw.x[:, 0, 0].tolist() == [list(BLUE), list(RED), list(GREEN)]
    assert raw.class_names is None
    assert raw.corrupt == ("pictures/gone.png: no such file or directory",)


def test_csvs_of_paths_in_parts(tmp_path: Path) -> None:
    fill(tmp_path, {"1.png": RED, "2.png": BLUE})
    (tmp_path / "a.csv").write_text("path,label\n1.png,x\n2.png,y\n")
    (tmp_path / "b.csv").write_text("path,label\n2.png,x\n")
    raw = read(f"images:train={tmp_path}/a.csv,test={tmp_path}/b.csv")
    assert raw.parts is not None
    assert raw.parts.tolist() == ["train", "train", "test"]
    assert raw.y.tolist() == ["x", "y", "x"]


@pytest.mark.parametrize(
    ("modes", "asked", "channels", "value"),
    [
        pytest.param({"a/x.png": "L", "b/y.png": "L"}, "auto", 1, 100, id="all gray"),
        pytest.param({"a/x.png": "L", "b/y.png": "1"}, "auto", 1, 100, id="gray, and one bit"),
        pytest.param({"a/x.png": "L", "b/y.png": "RGB"}, "auto", 3, 100, id="one in color"),
        pytest.param({"a/x.png": "L", "b/y.png": "L"}, "rgb", 3, 100, id="gray, rgb wanted"),
        pytest.param({"a/x.png": "RGB", "b/y.png": "RGB"}, "gray", 1, 30, id="color, gray wanted"),
    ],
)
def test_the_mode_is_that_of_all_or_the_one_asked_for(
    modes: dict[str, str], asked: str, channels: int, value: int, tmp_path: Path
) -> None:
    for name, mode in modes.items():
        write(tmp_path / name, {"RGB": (100, 0, 0), "L": 100, "1": 1}[mode], mode=mode)
    raw = read(f"images:{tmp_path}", image_mode=asked)
    assert raw.x.shape == (2, 6, 8, channels)
    assert np.asarray(raw.x)[0, 0, 0, 0] == value


def test_color_is_found_in_any_class(tmp_path: Path) -> None:
    """The first hundred files are all of the first class."""
    for i in range(120):
        write(tmp_path / "a" / f"{i:03}.png", 9, mode="L", size=(2, 2))
        write(tmp_path / "b" / f"{i:03}.png", RED, size=(2, 2))
    assert read(f"images:{tmp_path}").x.shape[-1] == 3


@pytest.mark.parametrize(
    ("asked", "size"),
    [
        pytest.param(None, (6, 8), id="the most frequent"),
        pytest.param((4, 4), (4, 4), id="the one asked for"),
        pytest.param((20, 30), (20, 30), id="larger than any"),
    ],
)
def test_all_images_have_one_size(
    asked: tuple[int, int] | None, size: tuple[int, int], tmp_path: Path
) -> None:
    fill(tmp_path, {"a/1.png": RED, "a/2.png": RED})
    write(tmp_path / "b" / "3.png", BLUE, size=(50, 40))
    raw = read(f"images:{tmp_path}", image_size=asked)
    assert raw.x.shape == (3, *size, 3)
    assert (np.asarray(raw.x)[2] == BLUE).all()
    changed = 3 if asked else 1
    assert f"{changed} of 3 images are resized to {size[0]} x {size[1]}" in raw.remarks[0]


def test_resizing_averages_and_does_not_skip(tmp_path: Path) -> None:
    """Stripes of one pixel become gray; taking each tenth pixel would give black or white."""
    stripes = np.tile(np.array([0, 255], np.uint8), (40, 20))
    Image.fromarray(stripes).save(tmp_path / "x.png")
    small = decode(tmp_path / "x.png", (4, 4), gray=True)
    assert isinstance(small, np.ndarray)
    assert np.abs(small.astype(int) - 127).max() < 16


@pytest.mark.parametrize("deep", [0, 255, 32768, 65535])
@pytest.mark.parametrize("kind", ["png", "tiff"])
def test_sixteen_bits_are_scaled_to_eight(deep: int, kind: str, tmp_path: Path) -> None:
    path = tmp_path / f"x.{kind}"
    Image.fromarray(np.full((6, 8), deep, np.uint16)).save(path)
    found = decode(path, (6, 8), gray=True)
    assert isinstance(found, np.ndarray)
    assert (found == deep // 256).all()


@pytest.mark.parametrize(
    ("mode", "color", "format", "seen"),
    [
        pytest.param("RGBA", (255, 0, 0, 255), "PNG", (255, 0, 0), id="opaque"),
        pytest.param("RGBA", (255, 0, 0, 0), "PNG", (255, 255, 255), id="transparent"),
        pytest.param("RGBA", (0, 0, 0, 128), "PNG", (127, 127, 127), id="half transparent"),
        pytest.param("LA", (0, 0), "PNG", (255, 255, 255), id="gray and transparent"),
        pytest.param("CMYK", (0, 255, 255, 0), "TIFF", (255, 0, 0), id="CMYK"),
        pytest.param("YCbCr", (255, 128, 128), "TIFF", (255, 255, 255), id="YCbCr"),
        pytest.param("1", 1, "PNG", (255, 255, 255), id="one bit"),
        pytest.param("P", 0, "GIF", (0, 0, 0), id="a palette"),
    ],
)
def test_any_mode_becomes_color(
    mode: str, color: Any, format: str, seen: tuple[int, ...], tmp_path: Path
) -> None:
    path = tmp_path / "x"
    Image.new(mode, (8, 6), color).save(path, format)
    found = decode(path, (6, 8), gray=False)
    assert isinstance(found, np.ndarray)
    assert np.abs(found.astype(int) - seen).max() <= 1


@pytest.mark.parametrize("kind", ["png", "tif"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_images_stand_as_the_camera_was_held(orientation: int, kind: str, tmp_path: Path) -> None:
    """All eight ways to store the same picture: red above, blue on the left below."""
    path = tmp_path / f"x.{kind}"
    shown = np.zeros((6, 8, 3), np.uint8)
    shown[:3], shown[3:, :4] = RED, BLUE
    stored = {
        1: shown, 2: shown[:, ::-1], 3: shown[::-1, ::-1], 4: shown[::-1],
        5: shown.swapaxes(0, 1), 6: np.rot90(shown, 1), 7: np.rot90(shown, 2).swapaxes(0, 1),
        8: np.rot90(shown, -1),
    }[orientation]  # fmt: skip
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(np.ascontiguousarray(stored)).save(path, exif=exif)
    said = header(path)
    assert not isinstance(said, str)
    assert said.size == (6, 8)
    assert np.array_equal(decode(path, (6, 8), gray=False), shown)


def noisy(root: Path, count: int) -> None:
    rng = np.random.default_rng(0)
    for i in range(count):
        path = root / "ab"[i % 2] / f"{i:02}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(rng.integers(0, 255, (6, 8, 3), np.uint8)).save(path)


@pytest.mark.parametrize("count", [3, 5 * THREADS])
def test_what_is_larger_than_memory_stays_on_disk_and_is_the_same(
    count: int, tmp_path: Path
) -> None:
    noisy(tmp_path, count)
    (tmp_path / "a" / "01.png").write_bytes(b"broken")
    whole = read(f"images:{tmp_path}")
    stored = read(f"images:{tmp_path}", max_memory_gb=1e-6)
    assert isinstance(whole.x, np.ndarray)
    assert isinstance(stored.x, Stored)
    assert stored.x.shape == whole.x.shape == (count, 6, 8, 3)
    assert stored.x.dtype == np.uint8
    assert np.array_equal(np.asarray(stored.x), whole.x)
    some = np.array([count - 1, 0, 1])
    assert np.array_equal(stored.x[some], whole.x[some])
    taken = stored.take(some)
    assert np.array_equal(np.asarray(taken.x), whole.x[some])
    assert stored.corrupt == whole.corrupt == ("a/01.png: it is no image that Pillow knows",)
    assert stored.remarks == (
        f"{count} images stay on disk: as float32 they take more than data.max_memory_gb",
    )


def test_damage_is_found_beforehand_on_disk_too(tmp_path: Path) -> None:
    noisy(tmp_path, 4)
    file = io.BytesIO()
    pixels = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    Image.fromarray(pixels).save(file, "JPEG")
    (tmp_path / "a" / "x.jpg").write_bytes(file.getvalue()[:2000])  # its header is fine
    raw = read(f"images:{tmp_path}", max_memory_gb=1e-6)
    assert len(raw.x) == 4
    assert raw.corrupt[0].startswith("a/x.jpg: image file is truncated")


def test_a_source_repeats_itself(tmp_path: Path) -> None:
    noisy(tmp_path, 20)
    one, other = read(f"images:{tmp_path}"), read(f"images:{tmp_path}")
    assert np.array_equal(one.x, other.x)  # type: ignore[arg-type]
    assert np.array_equal(one.y, other.y)
