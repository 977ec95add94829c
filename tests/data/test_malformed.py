"""What people give for a data set: read, and said what was done, or refused by file and line.

`docs/data.md` has these cases as a table: `python -m tests.data.test_malformed` prints it.
"""

import bz2
import gzip
import io
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from recipe.config import DataConfig, RequestError
from recipe.data.columns import infer
from recipe.data.sources import RawExamples
from recipe.data.sources import read_anew as read

ROWS = "a,b,target\n1,x,yes\n2,y,no\n"


@dataclass(frozen=True)
class Case:
    """One input, and what happens."""

    given: str
    happens: str
    files: Mapping[str, str | bytes] = field(default_factory=dict)
    source: str = "csv:a.csv"
    target: str | None = None
    refused: str = ""
    """Part of the error."""
    said: str = ""
    """Part of a remark, of `corrupt`, or of why a column is what it is."""
    check: Callable[[RawExamples], Any] = bool
    config: Mapping[str, Any] = field(default_factory=dict)


def csv(given: str, happens: str, text: str | bytes, **more: Any) -> Case:
    return Case(given, happens, {"a.csv": text}, **more)


def npz(given: str, happens: str, refused: str, content: bytes = b"", **arrays: Any) -> Case:
    if arrays:
        file = io.BytesIO()
        np.savez(file, **arrays)
        content = file.getvalue()
    return Case(given, happens, {"a.npz": content}, "npz:a.npz", refused=refused)


def parquet(given: str, happens: str, refused: str, data: bytes | pa.Table, **more: Any) -> Case:
    if isinstance(data, pa.Table):
        file = io.BytesIO()
        pq.write_table(data, file)
        data = file.getvalue()
    return Case(given, happens, {"a.parquet": data}, "parquet:a.parquet", refused=refused, **more)


def image(format: str = "PNG", mode: str = "RGB", fill: Any = 100, size: Any = (8, 6),
          **more: Any) -> bytes:  # fmt: skip
    file = io.BytesIO()
    Image.new(mode, size, fill).save(file, format, **more)
    return file.getvalue()


def noise(format: str) -> bytes:
    """An image that does not shrink, so that it can break off in the middle."""
    file = io.BytesIO()
    pixels = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    Image.fromarray(pixels).save(file, format)
    return file.getvalue()


GOOD = {f"d/{name}/{i}.png": image() for name in ("cat", "dog") for i in range(2)}


def images(given: str, happens: str, files: Mapping[str, str | bytes], **more: Any) -> Case:
    return Case(given, happens, {**GOOD, **files}, **{"source": "images:d", **more})


def packed(**files: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as made:
        for name, text in files.items():
            made.writestr(name, text)
    return file.getvalue()


def turned() -> bytes:
    """Stored 8 wide and 6 high, to be shown 6 wide and 8 high."""
    exif = Image.Exif()
    exif[0x0112] = 6
    return image("JPEG", exif=exif)


def one_array() -> bytes:
    file = io.BytesIO()
    np.save(file, np.zeros(3))
    return file.getvalue()


def two_frames() -> bytes:
    file = io.BytesIO()
    second = Image.new("RGB", (8, 6), "white")
    Image.new("RGB", (8, 6), "black").save(file, "GIF", save_all=True, append_images=[second])
    return file.getvalue()


def see_through_palette() -> bytes:
    image = Image.new("P", (8, 6), 0)
    image.putpalette([255, 0, 0, 0, 255, 0])
    file = io.BytesIO()
    image.save(file, "PNG", transparency=0)
    return file.getvalue()


def deep() -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.full((6, 8), 32768, np.uint16)).save(file, "PNG")
    return file.getvalue()


def pixel(name: str, value: Any, mode: str = "rgb") -> Callable[[RawExamples], bool]:
    def check(raw: RawExamples) -> bool:
        names = [] if raw.names is None else list(raw.names)
        return bool((np.asarray(raw.x)[names.index(name), 2, 2] == value).all())

    return check


NUMBERS = "\n".join(["a,b,target", *(f"{i / 4},{i},yes" for i in range(97))])
PARTS = {"train.csv": ROWS, "test.csv": ROWS}
NESTED = pa.table({"a": [[1, 2], [3]], "target": [0, 1]})

CASES = (
    # --- a text file that is hardly a table
    csv("empty file", "refused", "", refused="a.csv: is empty"),
    csv("nothing but blank lines", "refused", "\n  \n\n", refused="a.csv: is empty"),
    csv("header and no rows", "refused", "a,target\n",
        refused="a.csv: has a header and no row below it"),
    csv("one row", "read; too few to divide, the split refuses", "a,target\n1,yes\n",
        check=lambda raw: raw.y.tolist() == ["yes"]),
    csv("no header", "refused where its line holds numbers with a point", "5.1,3.5,0\n4.9,3,1\n",
        refused="a.csv:1: must hold the names of the columns, it holds numbers: 5.1, 3.5, 0"),
    csv("row with too many values", "refused with its line", "a,target\n1,2\n1,2,3\n",
        refused="a.csv:3: has 3 values, the header has 2 names; a value with commas in it must be"),
    csv("row with too few values", "refused with its line", "a,b,target\n1,2,3\n4,5\n",
        refused="a.csv:3: has 2 values, the header has 3 names"),
    csv("broken row below a quoted line break", "refused with the line of the file",
        'a,target\n"x\ny",1\n2\n', refused="a.csv:4: has 1 values"),
    csv("quote that is never closed", "refused with the line where it opens",
        'a,target\n1,no\n"2,yes\n3,no\n', refused="a.csv:3: a quote is opened and never closed"),
    csv("quote that is never closed, in the last column", "refused with the line where it opens",
        'a,target\n1,"no\n2,yes\n', refused="a.csv:2: a quote is opened and never closed"),
    csv("line of nothing but quotes", "refused", 'a,target\n1,2\n""\n3,4\n',
        refused="a.csv: has 2 rows or 3, by how its quotes are read"),
    csv("quotes inside of a quoted value", "refused with its line, unless doubled",
        'a,target\n"say "hi" now",1\n', refused="a.csv:2: ',' expected after '\"'; double the quo"),
    csv("line breaks inside of quotes", "read", 'a,target\n"x\ny",1\nz,0\n',
        check=lambda raw: raw.x["a"].tolist() == ["x\ny", "z"]),
    csv("blank lines between rows", "skipped", "a,target\n\n1,2\n  \n3,4\n\n",
        check=lambda raw: raw.x["a"].tolist() == [1, 3]),
    csv("Windows line ends", "read", "a,target\r\n1,x\r\n2,y\r\n",
        check=lambda raw: raw.y.tolist() == ["x", "y"]),
    csv("line ends of old Macs", "read", "a,target\r1,x\r2,y\r",
        check=lambda raw: raw.y.tolist() == ["x", "y"]),
    csv("separator at the end of every line", "read; the empty column is dropped",
        "a,target,\n1,x,\n2,y,\n", said="Unnamed: 2: drop: it is empty"),
    csv("cell of a million characters", "read", f"a,target\n{'x' * 10**6},1\ny,0\n",
        check=lambda raw: len(raw.x["a"][0]) == 10**6),
    # --- separators, encodings
    csv("semicolons", "read and said", "a;target\n1;x\n2;y\n",
        said="values are separated by semicolons"),
    csv("tabs", "read and said", "a\ttarget\n1\tx\n2\ty\n", said="are separated by tabs"),
    csv("bars", "read and said", "a|target\n1|x\n2|y\n", said="are separated by bars"),
    csv("blanks after the commas", "cut off", "a, target\n1, x\n2, y\n",
        check=lambda raw: raw.y.tolist() == ["x", "y"]),
    csv("blanks after values", "cut off and said", "a,target\n1,x \n2,x\n", target="target",
        said="target: blanks around values are cut off",
        check=lambda raw: raw.y.tolist() == ["x", "x"]),
    csv("UTF-8 with a mark (BOM)", "read", b"\xef\xbb\xbf" + ROWS.encode(),
        check=lambda raw: list(raw.x) == ["a", "b"]),
    csv("UTF-16 with a mark, as Excel has it", "read and said", ROWS.encode("utf-16"),
        said="read as UTF-16"),
    csv("UTF-16 without a mark, or a binary file", "refused with the line of the NUL byte",
        ROWS.encode("utf-16-le"), refused="a.csv:1: holds a NUL byte"),
    csv("NUL byte in a row", "refused with its line", "a,target\n1,x\n2\0,y\n",
        refused="a.csv:3: holds a NUL byte"),
    csv("Latin-1 or Windows-1252", "read as Windows-1252 and said, with the first such line",
        "a,target\nx,0\ncafé,1\n".encode("cp1252"),
        said="read as Windows-1252, since line 3 is not UTF-8",
        check=lambda raw: raw.x["a"][1] == "café"),
    csv("UTF-8 with a broken byte", "refused with its line", b"a,target\ncaf\xc3\xa9,0\nb\xe9,1\n",
        refused="a.csv:3: byte 0xe9 is no UTF-8, though other characters of the file are"),
    csv("bytes of no known encoding", "refused with its line", b"a,target\nx,0\n\x81\xfe,1\n",
        refused="a.csv:3: byte 0x81 is neither UTF-8 nor Windows-1252"),
    # --- columns
    csv("two columns of the same name", "refused with their places", "a,b,a,target\n1,2,3,4\n",
        refused="a.csv:1: every column needs a name of its own, columns 1 and 3 are both 'a'"),
    csv("column without a name", "named `Unnamed: 0` and said", ",a,target\n5,1,x\n7,2,y\n",
        said="column 1 has no name, here it is called 'Unnamed: 0'"),
    csv("row numbers, ids", "dropped and said", ",a,target\n" + "".join(
        f"{i},{i % 3},{i % 2}\n" for i in range(60)), said="Unnamed: 0: drop: it numbers the rows"),
    csv("column with one value", "dropped and said", "a,b,target\n1,x,0\n1,y,1\n",
        said="a: drop: it is 1 everywhere"),
    csv("column without any value", "dropped and said", "a,b,target\n,x,0\nNA,y,1\n",
        said="a: drop: it is empty"),
    csv("a few words among numbers", "numeric; the words count as missing and are listed",
        NUMBERS + "\nlow,1,no\nhigh,1,no\n", said="a: numeric: 98.0% of it are numbers: low, high"),
    csv("as many words as numbers", "a category", "a,target\n1,x\nlow,y\n2,x\nhigh,y\n",
        said="a: category: 4 different values"),
    csv("`inf`, `-inf` and 1e400 among numbers", "kept as infinite; `data.missing` decides",
        "a,target\n1,0\ninf,1\n-inf,0\n1e400,1\n2,0\n",
        check=lambda raw: np.isinf(raw.x["a"]).tolist() == [False, True, True, True, False]),
    csv("`?` beside other values", "counts as missing, and said",
        "a,b,target\n1,?,0\n?,x,1\n2,y,1\n",
        said="? counts as missing in a, b: 2 values",
        check=lambda raw: raw.x["a"].dtype == np.float64),
    csv("`NA`, `NaN`, `null`, `None`, `n/a`", "missing",
        "a,target\nNA,0\nnull,1\nn/a,1\nNone,0\n1,1\n",
        check=lambda raw: raw.x["a"].isna().sum() == 4),
    csv("decimal commas", "numbers, and said", "a;target\n1,5;x\n1.234,25;y\n",
        said="a: numbers with decimal commas",
        check=lambda raw: raw.x["a"].tolist() == [1.5, 1234.25]),
    csv("commas between thousands", "numbers, and said", 'a,target\n"1,234",x\n"5.5",y\n',
        said="a: numbers with commas between thousands",
        check=lambda raw: raw.x["a"].tolist() == [1234, 5.5]),
    csv("`true` and `False`", "1 and 0", "a,target\ntrue,x\nFalse,y\n",
        check=lambda raw: raw.x["a"].tolist() == [1, 0]),
    csv("`true`, `False` and another word", "a category",
        "a,target\ntrue,x\nFalse,y\nTrue,x\nfalse,y\nTRUE,x\nmaybe,y\n",
        check=lambda raw: raw.x["a"].tolist()[-1] == "maybe"),
    # --- the target
    csv("`data.target` is no column", "refused with the nearest", ROWS, target="targt",
        refused="data.target: a.csv has no column 'targt'; did you mean 'target'?"),
    csv("no `data.target`, and no column with a usual name", "refused with the columns",
        "a,price\n1,2\n", refused="write which column of a.csv is to be predicted"),
    csv("no column beside the target", "refused", "target\n1\n2\n",
        refused="data.target: a.csv has no column beside the target"),
    csv("target missing in every row", "refused", "a,target\n1,\n2,NA\n",
        refused="data.target: a.csv: column 'target' is empty in every row"),
    csv("target missing in some rows", "read; `data.missing` decides", "a,target\n1,x\n2,\n",
        check=lambda raw: pd.isna(raw.y).tolist() == [False, True]),
    csv("target with one class", "read; refused when classes are counted", "a,target\n1,x\n2,x\n",
        check=lambda raw: set(raw.y) == {"x"}),
    csv("target of numbers and words", "read as text, so classes", "a,target\n1,1\n2,low\n",
        check=lambda raw: raw.y.tolist() == ["1", "low"]),
    # --- files
    Case("no such file", "refused with the nearest", {"adult.csv": ROWS}, "csv:adlt.csv",
         refused="adlt.csv: no such file (in "),
    Case("folder without train.csv and test.csv", "refused with what it holds",
         {"d/a.csv": ROWS}, "csv:d", refused="d: a folder must hold train.csv and test.csv"),
    Case("two files for one part", "refused", {"d/train.csv": ROWS, "d/train.csv.gz": b"",
         "d/test.csv": ROWS}, "csv:d", refused="holds train.csv and train.csv.gz, which of them"),
    Case("folder given for a part", "refused", {"d/a.csv": ROWS}, "csv:train=d,test=d/a.csv",
         refused="d: must be a file, it is a folder"),
    Case("a part without test", "refused", {"a.csv": ROWS}, "csv:train=a.csv,val=a.csv",
         refused="must be train=PATH,test=PATH[,val=PATH], each once"),
    Case("test.csv without a column of train.csv", "refused with its name",
         {"d/train.csv": ROWS, "d/test.csv": "a,b\n1,x\n"}, "csv:d",
         refused="test.csv: has no column 'target', which d/train.csv has"),
    Case("test.csv with a column more", "refused with its name",
         {"d/train.csv": ROWS, "d/test.csv": "a,b,c,target\n1,x,2,y\n"}, "csv:d",
         refused="train.csv: has no column 'c', which d/test.csv has"),
    Case("test.csv with its columns in another order", "read",
         {"d/train.csv": ROWS, "d/test.csv": "b,target,a\nx,no,7\n"}, "csv:d",
         check=lambda raw: raw.x["a"].tolist() == [1, 2, 7]),
    Case("numbers in train.csv, words in test.csv", "text in both",
         {"d/train.csv": ROWS, "d/test.csv": "a,b,target\nhigh,x,no\n"}, "csv:d",
         check=lambda raw: raw.x["a"].tolist() == ["1", "2", "high"]),
    Case(".gz that is none", "refused", {"a.csv.gz": ROWS}, "csv:a.csv.gz",
         refused="a.csv.gz: is no .gz file, or damaged"),
    Case(".gz that breaks off", "refused", {"a.csv.gz": gzip.compress(ROWS.encode())[:-12]},
         "csv:a.csv.gz", refused="a.csv.gz: ends in the middle; copy or download it again"),
    Case(".bz2 that breaks off", "refused", {"a.csv.bz2": bz2.compress(ROWS.encode())[:-12]},
         "csv:a.csv.bz2", refused="a.csv.bz2: is no .bz2 file, or damaged"),
    Case(".zip with two files", "refused", {"a.zip": packed(a=ROWS, b=ROWS)}, "csv:a.zip",
         refused="it must hold one file, it holds a, b"),
    csv("packed file without its ending", "refused", gzip.compress(ROWS.encode()),
        refused="a.csv: this is a gzip file; its name must end in .gz"),
    csv("Excel file", "refused", packed(a=ROWS), refused="this is a zip or Excel file; save the"),
    csv("parquet file", "refused with what to write", b"PAR1....",
        refused="this is a parquet file; write parquet:a.csv"),
    # --- parquet
    parquet("parquet: damaged", "refused", "a.parquet: is no parquet file, or damaged", b"PAR1..."),
    parquet("parquet: empty file", "refused", "a.parquet: is no parquet file, or damaged", b""),
    parquet("parquet: no rows", "refused", "holds no examples", NESTED.slice(0, 0)),
    parquet("parquet: lists or structs in cells", "refused with the column",
            "column 'a' holds list<element: int64>; a cell must be a number", NESTED),
    parquet("parquet: bytes in cells", "refused with the column", "column 'a' holds binary",
            pa.table({"a": [b"x"], "target": [1]})),
    parquet("parquet: two columns of the same name", "refused", "needs a name of its own: 'a'",
            pa.table([[1], [2], [0]], ["a", "a", "target"])),
    # --- npz
    Case("npz: no such file", "refused", {}, "npz:b.npz", refused="b.npz: no such file"),
    npz("npz: pickled objects", "refused, never unpickled", "no .npz file of plain arrays",
        x=np.array([{}, []], object), y=np.zeros(2)),
    npz("npz: other names", "refused with the names", "must hold x and y, or x_train, y_train and "
        "so on for test and val; got data, labels", data=np.zeros((2, 2)), labels=np.zeros(2)),
    npz("npz: x and y of different lengths", "refused", "x and y must be equally long, got 3 and 2",
        x=np.zeros((3, 2)), y=np.zeros(2)),
    npz("npz: x_test of another shape", "refused", "x_test has examples of (3,), x_train of (2,)",
        x_train=np.zeros((2, 2)), y_train=np.zeros(2), x_test=np.zeros((2, 3)), y_test=np.zeros(2)),
    npz("npz: y_test of another shape", "refused", "y_test has targets of (1,), y_train of ()",
        x_train=np.zeros((2, 2)), y_train=np.zeros(2), x_test=np.zeros((2, 2)),
        y_test=np.zeros((2, 1))),
    npz("npz: single numbers", "refused", "x_train is a single value, it must be an array",
        x_train=1, y_train=2),
    npz("npz: text in x", "refused", "x must hold numbers, got dtype <U1",
        x=np.array([["a"], ["b"]]), y=np.zeros(2)),
    npz("npz: a text file", "refused", "no .npz file of plain arrays", content=b"x,y\n1,2\n"),
    npz("npz: breaks off", "refused", "no .npz file of plain arrays", content=packed(a=ROWS)[:-30]),
    npz("npz: one array, as np.save writes it", "refused", "no .npz file of plain arrays",
        content=one_array()),
    # --- images
    images("image of 0 bytes", "left out and listed", {"d/cat/x.png": b""},
           said="cat/x.png: it is empty"),
    images("text file called .png", "left out and listed", {"d/cat/x.png": "hello"},
           said="cat/x.png: it is no image that Pillow knows"),
    images("JPEG that breaks off", "left out and listed", {"d/cat/x.jpg": noise("JPEG")[:2000]},
           said="cat/x.jpg: image file is truncated"),
    images("PNG that breaks off", "left out and listed", {"d/cat/x.png": noise("PNG")[:2000]},
           said="cat/x.png: "),
    images("PNG with a damaged byte", "left out and listed", {"d/cat/x.png": (
           noise("PNG")[:500] + b"\xff\xff\xff" + noise("PNG")[503:])}, said="cat/x.png: "),
    images("image of floating-point numbers", "left out and listed",
           {"d/cat/x.tif": image("TIFF", "F", 0.5)}, said="floating-point numbers of no known ran"),
    images("image of more than 89 million pixels", "left out and listed",
           {"d/cat/x.png": image(mode="1", size=(10_000, 9_000), fill=0)},
           said="cat/x.png: more than 89 million pixels; make it smaller"),
    images("CMYK", "converted to RGB", {"d/cat/x.jpg": image("JPEG", "CMYK", (0, 0, 0, 0))},
           check=pixel("cat/x.jpg", 255)),
    images("16 bits", "scaled to 8", {"d/cat/x.png": deep()}, check=pixel("cat/x.png", 128),
           said="1 of 5 images are converted to rgb"),
    images("transparent", "on white", {"d/cat/x.png": image(mode="RGBA", fill=(255, 0, 0, 0))},
           check=pixel("cat/x.png", 255)),
    images("palette with a transparent color", "on white", {"d/cat/x.png": see_through_palette()},
           check=pixel("cat/x.png", 255)),
    images("animated GIF", "its first frame, and said", {"d/cat/x.gif": two_frames()},
           said="images of several frames, of which the first is used: 1",
           check=pixel("cat/x.gif", 0)),
    images("camera held upright (EXIF)", "turned", {"d/cat/x.jpg": turned()},
           said="1 of 5 images are resized to 6 x 8 (height x width)"),
    images("images of all sizes", "resized to the most frequent or to `data.image_size`; said",
           {"d/cat/x.png": image(size=(40, 30)), "d/dog/y.png": image(size=(1, 1))},
           said="2 of 6 images are resized to 6 x 8",
           check=lambda raw: raw.x.shape == (6, 6, 8, 3)),
    images("gray and color", "color if a hundred, spread over all, are not all gray; said",
           {"d/cat/x.png": image(mode="L")}, said="1 of 5 images are converted to rgb"),
    images("Thumbs.db, .DS_Store, __MACOSX", "ignored",
           {"d/cat/Thumbs.db": "x", "d/.DS_Store": "x", "d/__MACOSX/x.png": "x"},
           check=lambda raw: not raw.remarks and not raw.corrupt),
    images("other files beside images", "ignored and said",
           {"d/cat/x.txt": "x", "d/dog/y.txt": "y", "d/readme.md": "z"},
           said="no images, or in no class's folder, ignored: 1 .md, 2 .txt"),
    images("images beside the folders of classes", "ignored and said", {"d/x.png": image()},
           said="no images, or in no class's folder, ignored: 1 .png"),
    images("folder inside of a class", "its images belong to the class",
           {"d/cat/old/x.png": image()}, check=lambda raw: raw.names[2] == "cat/old/x.png"),
    Case("folder without folders of classes", "refused", {"d/x.png": image()}, "images:d",
         refused="d: must hold a folder of images for each class, it holds x.png"),
    images("class without images", "refused with its name", {"d/emu/x.txt": ""},
           refused="d/emu: class 'emu' has no image that can be read"),
    images("class of which no image can be read", "refused with the first reason",
           {"d/emu/x.png": ""}, refused="class 'emu' has no image that can be read: emu/x.png: it"),
    Case("no image that can be read", "refused with the first reason",
         {"d/cat/x.png": "", "d/dog/y.png": ""}, "images:d",
         refused="none of 2 images can be read, the first: cat/x.png: it is empty"),
    Case("no images at all", "refused", {"d/cat/x.txt": ""}, "images:d",
         refused="d: holds no images (.jpg, "),
    Case("class in test that train does not have", "refused with its name",
         {f"d/{name}.png": image() for name in ("train/cat/1", "train/dog/1", "test/emu/1")},
         "images:d", refused="d/test: class 'emu' is not among those of d/train: cat, dog"),
    Case("class in train that test does not have", "read and said",
         {f"d/{name}.png": image() for name in ("train/cat/1", "train/dog/1", "test/cat/1")},
         "images:d", said="test has no class dog"),
    Case("images of test without folders of classes", "refused",
         {f"d/{name}.png": image() for name in ("train/cat/1", "train/dog/1", "test/1")},
         "images:d", refused="d/test: must hold a folder of images for each class, as d/train"),
    Case("neither a folder nor a CSV", "refused", {"x.png": image()}, "images:x.png",
         refused="x.png: must be a folder with a folder of images for each class, or a CSV"),
    Case("no such folder", "refused with the nearest", GOOD, "images:dd",
         refused="dd: no such file (in "),
    images("CSV of paths with a missing file", "left out and listed",
           {"a.csv": "path,target\nd/cat/0.png,0\nd/cat/9.png,1\n"}, source="images:a.csv",
           said="d/cat/9.png: no such file or directory"),
    images("CSV of paths with an empty cell", "left out and listed",
           {"a.csv": "path,target\nd/cat/0.png,0\n,1\n"}, source="images:a.csv",
           said="example 1: no path"),
    images("CSV of paths with backslashes", "read", {"a.csv": "path,target\nd\\cat\\0.png,0\n"},
           source="images:a.csv", check=lambda raw: raw.x.shape == (1, 6, 8, 3)),
    images("CSV of paths that lie outside of its folder", "read and said",
           {"e/a.csv": "file,target\n../d/cat/0.png,0\n"}, source="images:e/a.csv",
           said="images outside of the CSV's folder: 1"),
    images("CSV of paths with further columns", "ignored and said",
           {"a.csv": "path,age,target\nd/cat/0.png,3,0\n"}, source="images:a.csv",
           said="columns beside path and the target, ignored: age"),
    images("CSV without a column of paths", "refused", {"a.csv": ROWS}, source="images:a.csv",
           refused="one column must be called path, file, filename"),
    images("CSV of which no path leads to an image", "refused",
           {"a.csv": "path,target\nx.png,0\n"}, source="images:a.csv",
           refused="none of 1 images can be read, the first: x.png: no such file"),
)  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.given)
def test_it_is_read_and_said_or_refused_with_its_place(
    case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, content in case.files.items():
        file = Path(name)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.encode() if isinstance(content, str) else content)
    config = DataConfig(source=case.source, target=case.target, **case.config)
    if case.refused:
        with pytest.raises(RequestError) as caught:
            read(config)
        assert case.refused in str(caught.value)
        assert str(caught.value).startswith(("data.source: ", "data.target: "))
        assert "\n" not in str(caught.value)
        return
    raw = read(config)
    said = [*raw.remarks, *raw.corrupt]
    if isinstance(raw.x, pd.DataFrame):
        said += [
            f"{c.name}: {c.kind}: {c.why}: {', '.join(c.unreadable)}"
            for c in infer(raw.x, {}).values()
        ]
    assert any(case.said in line for line in said) or not case.said, said
    assert case.check(raw)


@pytest.mark.parametrize("kind", ["csv", "npz", "parquet"])
def test_a_file_that_may_not_be_read_is_refused(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / f"a.{kind}"
    file.write_text(ROWS)

    def forbidden(*_: Any, **__: Any) -> Any:  # root, who runs tests in containers, may read all
        raise PermissionError(13, "Permission denied", str(file))

    monkeypatch.setattr(Path, "open", forbidden)
    monkeypatch.setattr(Path, "read_bytes", forbidden)
    with pytest.raises(RequestError) as caught:
        read(DataConfig(source=f"{kind}:{file}"))
    assert str(caught.value) == f"data.source: {file}: can't be read: Permission denied"


@pytest.mark.parametrize("kind", ["csv", "parquet", "images"])
def test_a_folder_that_may_not_be_listed_is_refused(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden(folder: Path) -> Any:
        raise PermissionError(13, "Permission denied", str(folder))

    monkeypatch.setattr(Path, "iterdir", forbidden)
    with pytest.raises(RequestError, match=r"can't be read: .*Permission denied"):
        read(DataConfig(source=f"{kind}:{tmp_path}"))


def test_no_two_cases_are_the_same() -> None:
    assert len({case.given for case in CASES}) == len(CASES) >= 40


def table() -> str:
    """The cases as a table for `docs/data.md`."""
    rows = [f"| {case.given} | {case.happens} |" for case in CASES]
    rows += ["| file or folder that may not be read | refused |"]
    return "\n".join(["| given | what happens |", "|---|---|", *rows])


if __name__ == "__main__":
    print(table())
