"""Arrangements of images as people download them: tables of labels, metadata of the Hub, nested folders, parquet."""

import json
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from netwright.errors import ConfigError, DataError, NetwrightError
from netwright.tasks.images import raw
from netwright.tasks.images.data import ImageData
from netwright.tasks.images.readers.labels import class_order
from netwright.tasks.images.readers.parquet import Shard, chosen_columns, class_label_names, listed_shards
from netwright.tasks.images.understood import Sizes
from netwright.tasks.images.user_images import load_images


def picture(number: int, size: tuple[int, int] = (6, 5)) -> Image.Image:
    return Image.fromarray(np.random.default_rng(number).integers(0, 256, (*size, 3), np.uint8))


def fill(root: Path, names: Iterable[str]) -> Path:
    """Write a picture, different for each, under every name."""
    for number, name in enumerate(names):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        picture(number).save(path)
    return root


def counts(data: ImageData) -> dict[str, tuple[int, int]]:
    assert data.understood is not None
    return {each.name: (each.train, each.test) for each in data.understood.classes}


TEN = [f"{number}.png" for number in range(10)]
LABELS = ["cat", "dog"] * 5


# Tables of labels -----------------------------------------------------------------------------------------------------


def kaggle(root: Path, header: str = "id,label", suffix: str = "") -> Path:
    fill(root, [f"images/{name}" for name in TEN])
    rows = [f"{number}{suffix},{label}" for number, label in enumerate(LABELS)]
    (root / "train.csv").write_text("\n".join([header, *rows]) + "\n")
    return root


@pytest.mark.parametrize("suffix", ["", ".png"])
def test_a_table_beside_a_folder_of_images_is_read_with_and_without_suffixes(tmp_path: Path, suffix: str) -> None:
    data = load_images(kaggle(tmp_path, suffix=suffix))
    assert counts(data) == {"cat": (4, 1), "dog": (4, 1)}
    for image, label in zip(data.train_images, data.train_labels.tolist(), strict=True):
        numbers = [n for n in range(10) if np.array_equal(np.asarray(picture(n)).transpose(2, 0, 1), image.numpy())]
        assert [LABELS[number] for number in numbers] == [data.class_names[label]]


def test_the_table_itself_may_be_named_and_separated_by_tabs_or_semicolons(tmp_path: Path) -> None:
    expected = counts(load_images(kaggle(tmp_path)))
    text = (tmp_path / "train.csv").read_text()
    (tmp_path / "train.csv").unlink()
    for name, separator in (("labels.tsv", "\t"), ("labels.csv", ";")):
        (tmp_path / name).write_text("\ufeff" + text.replace(",", separator).replace("\n", "\r\n"))
        assert counts(load_images(tmp_path / name)) == expected
        (tmp_path / name).unlink()


def test_images_without_labels_and_rows_without_images_are_left_out_and_counted(tmp_path: Path) -> None:
    root = kaggle(tmp_path)
    fill(root, ["test/90.png", "test/91.png"])
    with (root / "train.csv").open("a") as file:
        file.write("77,cat\n9,\n")
    (root / "sample_submission.csv").write_text("id,label\n90,cat\n91,dog\n")
    data = load_images(root)
    assert counts(data) == {"cat": (4, 1), "dog": (4, 1)}
    assert data.notes[:2] == (
        "2 images without a label left out, the first: test/90.png",
        "1 row whose image is missing left out, the first: train.csv (line 12: 77)",
    )


def test_parts_come_from_a_column_from_the_tables_or_from_folders(tmp_path: Path) -> None:
    names = [f"{part}/{name}" for part in ("train", "test") for name in TEN]
    rows = [f"{name},{label},{name.split('/')[0]}" for name, label in zip(names, LABELS * 2, strict=True)]
    roots = {way: fill(tmp_path / way, names) for way in ("column", "folders", "tables")}
    (roots["column"] / "all.csv").write_text("\n".join(["path,class,split", *rows]))
    (roots["folders"] / "all.csv").write_text("\n".join(["path,class", *(row.rpartition(",")[0] for row in rows)]))
    for part in ("train", "test"):
        own = [row.rpartition(",")[0].partition("/")[2] for row in rows if row.endswith(part)]
        (roots["tables"] / f"{part}.csv").write_text("\n".join(["image,target", *own]))
    for root in roots.values():
        assert counts(load_images(root)) == {"cat": (5, 5), "dog": (5, 5)}


def test_folders_of_classes_have_precedence_over_a_table_that_agrees(tmp_path: Path) -> None:
    names = [f"{label}/{name}" for name, label in zip(TEN, LABELS, strict=True)]
    alone = load_images(fill(tmp_path, names))
    rows = [f"{name},{name.split('/')[0]}" for name in names]
    (tmp_path / "list.csv").write_text("\n".join(["filepaths,labels", *rows]))
    both = load_images(tmp_path)
    assert (both.name, both.class_names) == (alone.name, ("cat", "dog"))
    (tmp_path / "list.csv").write_text("\n".join(["filepaths,labels", *(row.replace("/1", "/1") for row in rows[1:]),
                                                  f"{names[0]},dog"]))  # fmt: skip
    with pytest.raises(DataError, match=r"list.csv gives the images in cat several labels of its column labels; if th"):
        load_images(tmp_path)
    assert counts(load_images(tmp_path / "list.csv")) == {"cat": (3, 1), "dog": (5, 1)}


def test_numbered_classes_are_ordered_by_number_and_named_ones_by_name() -> None:
    assert class_order(["10", "9", "9", "-1"]) == ("-1", "9", "10")
    assert class_order(["b", "10", "9"]) == ("10", "9", "b")


def test_of_a_number_and_a_name_for_each_class_the_name_is_taken(tmp_path: Path) -> None:
    fill(tmp_path, TEN)
    rows = [f"{n},{label},{int(label == 'cat')}" for n, label in enumerate(LABELS)]
    (tmp_path / "t.csv").write_text("\n".join(["image_id,class_name,target", *rows]))
    assert load_images(tmp_path).class_names == ("cat", "dog")


def test_a_changed_label_is_other_data(tmp_path: Path) -> None:
    before = load_images(kaggle(tmp_path))
    assert load_images(tmp_path).identity == before.identity
    text = (tmp_path / "train.csv").read_text()
    (tmp_path / "train.csv").write_text(text.replace("3,dog", "3,cat"))
    after = load_images(tmp_path)
    assert before.identity is not None
    assert after.identity is not None
    assert before.identity.sha256 != after.identity.sha256


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("id,breed,colour\n" + "\n".join(f"{n},{n % 2},{n % 3}" for n in range(10)), "the columns breed, colour could"),
        ("id,label,class\n" + "\n".join(f"{n},{n % 2},{n % 3}" for n in range(10)), "the columns label, class"),
        ("id,caption\n" + "\n".join(f"{n},text {n}" for n in range(10)), "has no column of labels beside the images'"),
        ("a,b,label\n" + "\n".join(f"{n},{n}.png,{n % 2}" for n in range(10)), "columns a, b all have names of images"),
        ("who,label\nx,a\ny,b", "has no column with names of the 10 images below"),
        ("file,label\n../0.png,a\n../1.png,b", "line 2 names '../0.png', which is outside the folder"),
        ("file,label\n0.png,a\n1.png,b\n2.png,a\n/etc/x.png,b", "line 5 names '/etc/x.png', which is outside"),
        ("file,label\n0.png,a\n1.png,b\n2.png,a\nC:\\x.png,b", "which is outside the folder"),
        ("file,label\n0.png,a\n1.png,b\n0.png,b\n2.png,a", "line 4 gives 0.png the label 'b' in train, and it has 'a'"),
        ("file,label\n0.png,a\n1.png", "line 3 has 1 cells, and the first line 2"),
        ('file,label\n0.png,"a\n1.png,b', "is no table: line"),
        ("file,file,label\n0.png,0.png,a", "has several columns of the name 'file'"),
        ("file,label", "has no row"),
        ("", "is empty"),
        ("file,label\n0.png,a\0", "is no text: its byte 18 is 0"),
        ("file,label\n0.png,\n1.png,", "no column of labels|no image has a label"),
        ("file,label\n" + "\n".join(f"{n}.png,a" for n in range(10)), "has a single class, 'a'"),
        (f"file,label\n0.png,{'x' * 200_000}", "field larger than field limit"),
    ],
)  # fmt: skip
def test_a_table_that_is_not_understood_is_refused(tmp_path: Path, table: str, message: str) -> None:
    fill(tmp_path, TEN)
    (tmp_path / "labels.csv").write_text(table)
    with pytest.raises(DataError, match=message):
        load_images(tmp_path)


def test_several_tables_and_names_of_several_images_are_refused(tmp_path: Path) -> None:
    root = kaggle(tmp_path)
    (root / "other.csv").write_text((root / "train.csv").read_text())
    with pytest.raises(
        DataError, match=r"has several tables with labels of images, other.csv, train.csv; expected one"
    ):
        load_images(root)
    (root / "other.csv").unlink()
    fill(root, ["more/0.png"])
    with pytest.raises(DataError, match=r"'0' is the name of 2 images, images/0.png, more/0.png"):
        load_images(root)


def test_a_link_out_of_the_folder_is_refused_where_a_table_names_it(tmp_path: Path) -> None:
    root = kaggle(tmp_path / "data")
    picture(99).save(tmp_path / "secret.png")
    (root / "images" / "0.png").unlink()
    (root / "images" / "0.png").symlink_to("../../secret.png")
    with pytest.raises(DataError, match=r"0\.png is a link that leads out of the folder"):
        load_images(root)


def test_a_table_that_is_too_large_or_no_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = kaggle(tmp_path)
    monkeypatch.setattr("netwright.tasks.images.readers.table.LARGEST_TABLE", 20)
    with pytest.raises(DataError, match=r"train.csv cannot be read: it has .* bytes, more than 20; expected a table"):
        load_images(root)


# Metadata of the Hub --------------------------------------------------------------------------------------------------


def write_metadata(root: Path, kind: str, names: list[str], labels: Iterable[object], label: str = "label") -> None:
    rows = list(zip(names, labels, strict=True))
    if kind == "jsonl":
        text = "\n".join(json.dumps({"file_name": name, label: value}) for name, value in rows)
    else:
        text = "\n".join([f"file_name,{label}", *(f"{name},{value}" for name, value in rows)])
    (root / f"metadata.{kind}").write_text(text)


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
@pytest.mark.parametrize("column", ["label", "labels", "class"])
def test_metadata_of_the_hub_is_read_below_the_root_and_below_parts(tmp_path: Path, kind: str, column: str) -> None:
    write_metadata(fill(tmp_path / "flat", TEN), kind, TEN, LABELS, column)
    assert counts(load_images(tmp_path / "flat")) == {"cat": (4, 1), "dog": (4, 1)}
    for part in ("train", "validation", "test"):
        write_metadata(fill(tmp_path / "parts" / part, TEN), kind, TEN, [number % 2 for number in range(10)], column)
    data = load_images(tmp_path / "parts")
    assert counts(data) == {"0": (10, 5), "1": (10, 5)}
    assert "the images of val were added to train" in data.notes[0]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"file_name": "0.png", "label": ["a", "b"]}', "has .* as label; expected a single one"),
        ('["0.png"]', "line 1 is no JSON object"),
        ('{"file_name": "0.png"', "is no JSON Lines file: line 1"),
        ("[" * 100_000, "is no JSON Lines file: line 1"),
        ('{"file_name": "../0.png", "label": "a"}', "which is outside the folder"),
    ],
)
def test_odd_metadata_is_refused(tmp_path: Path, line: str, message: str) -> None:
    fill(tmp_path, TEN)
    rest = [json.dumps({"file_name": name, "label": "ab"[number % 2]}) for number, name in enumerate(TEN[1:])]
    (tmp_path / "metadata.jsonl").write_text("\n".join([line, *rest]))
    with pytest.raises(DataError, match=message):
        load_images(tmp_path)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # datasets leaves files open
@pytest.mark.parametrize("layout", ["folders", "metadata.csv", "metadata.jsonl"])
def test_the_hubs_own_reader_gives_the_same_images_and_labels(tmp_path: Path, layout: str) -> None:
    datasets = pytest.importorskip("datasets", reason="the Hub's reader, datasets, is not installed")
    if layout == "folders":
        names = [
            f"{part}/{label}/{name}" for part in ("train", "test") for name, label in zip(TEN, LABELS, strict=True)
        ]
        fill(tmp_path, names)
    else:
        for part in ("train", "test"):
            write_metadata(fill(tmp_path / part, TEN), layout.rpartition(".")[2], TEN, LABELS)
    ours = load_images(tmp_path)
    theirs = datasets.load_dataset("imagefolder", data_dir=str(tmp_path), cache_dir=str(tmp_path / "cache"))
    for part, images, labels in (
        ("train", ours.train_images, ours.train_labels),
        ("test", ours.test_images, ours.test_labels),
    ):
        kind = theirs[part].features["label"]
        expected = Counter(
            (np.asarray(each["image"].convert("RGB")).tobytes(), kind.int2str(each["label"]) if hasattr(kind, "int2str")
             else str(each["label"])) for each in theirs[part]
        )  # fmt: skip
        found = Counter(
            (image.permute(1, 2, 0).contiguous().numpy().tobytes(), ours.class_names[label])
            for image, label in zip(images, labels.tolist(), strict=True)
        )
        assert found == expected


# Nested folders -------------------------------------------------------------------------------------------------------


def test_nested_classes_are_named_by_their_paths(tmp_path: Path) -> None:
    leaves = ("animals/cat", "animals/dog", "vehicles/car")
    names = [f"{part}/{leaf}/{n}.png" for part in ("train", "test") for leaf in leaves for n in range(3)]
    data = load_images(fill(tmp_path, names))
    assert counts(data) == dict.fromkeys(leaves, (3, 3))
    assert "every folder with images is a class, named by its path, such as animals/cat" in data.notes[0]


@pytest.mark.parametrize(
    "names",
    [
        ["cat/monday/{}.png", "cat/tuesday/{}.png", "dog/monday/{}.png"],  # sessions: the same names below both
        ["cat/{}.png", "cat/more/{}.png", "dog/other/{}.png"],  # an image lies directly in a class
        ["cat/images/{}.png", "dog/pictures/{}.png"],  # one sub-folder each
    ],
)
def test_sub_folders_that_are_no_classes_belong_to_the_class_above(tmp_path: Path, names: list[str]) -> None:
    data = load_images(fill(tmp_path, [name.format(n) for name in names for n in range(3)]))
    assert data.class_names == ("cat", "dog")


# Parquet --------------------------------------------------------------------------------------------------------------


def encoded(tmp_path: Path, number: int) -> bytes:
    picture(number).save(tmp_path / "one.png")
    return (tmp_path / "one.png").read_bytes()


def test_rows_of_parquet_files_become_images_of_parts(tmp_path: Path) -> None:
    rows: list[tuple[bytes | None, object]] = [(encoded(tmp_path, n), n % 2) for n in range(6)]
    shards = [
        Shard(Path("train-00000-of-00001.parquet"), ("cat", "dog"), [*rows, (None, 0), (rows[0][0], None)]),
        Shard(Path("test-00000-of-00001.parquet"), ("cat", "dog"), [*rows[:2], (rows[0][0], -1)]),
    ]
    listing = listed_shards(tmp_path, shards)
    assert listing.class_names == ("cat", "dog")
    assert [entry.label for entry in listing.train] == [0, 1] * 3
    assert listing.test is not None
    assert [entry.read() for entry in listing.test] == [rows[0][0], rows[1][0]]
    assert [note.partition(" left")[0] for note in listing.skipped.notes()] == [
        "1 file that cannot be read", "2 images without a label",
    ]  # fmt: skip
    with pytest.raises(DataError, match=r"has the label 2; expected 0\.\.1"):
        listed_shards(tmp_path, [Shard(Path("x.parquet"), ("a", "b"), [(b"", 2)])])


def test_columns_of_parquet_files_are_chosen_by_type(tmp_path: Path) -> None:
    image = "struct<bytes: binary, path: string>"
    assert chosen_columns(tmp_path, {"id": "int64", "image": image, "label": "int64"}) == ("image", "label")
    with pytest.raises(DataError, match=r"has 2 columns that could be the labels \(a, b\)"):
        chosen_columns(tmp_path, {"a": "int64", "image": image, "b": "string"})
    with pytest.raises(DataError, match="has 0 columns with images"):
        chosen_columns(tmp_path, {"label": "int64"})
    features = {"info": {"features": {"label": {"names": ["cat", "dog"], "_type": "ClassLabel"}}}}
    assert class_label_names({b"huggingface": json.dumps(features).encode()}, "label") == ("cat", "dog")
    assert class_label_names({b"huggingface": b"[]"}, "label") == ()


def test_without_pyarrow_the_error_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "x.parquet").write_bytes(b"PAR1")
    monkeypatch.setitem(__import__("sys").modules, "pyarrow.parquet", None)
    for path in (tmp_path, tmp_path / "x.parquet"):
        with pytest.raises(DataError, match="pyarrow, which is not installed; pip install pyarrow"):
            load_images(path)


def test_parquet_files_of_the_hub_are_read(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    pq = pytest.importorskip("pyarrow.parquet")
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    images = pa.array([{"bytes": encoded(tmp_path, n), "path": f"{n}.png"} for n in range(10)], kind)
    (tmp_path / "data").mkdir()
    pq.write_table(pa.table({"image": images, "label": LABELS}), tmp_path / "data" / "train-00000-of-00001.parquet")
    (tmp_path / "one.png").unlink()
    assert counts(load_images(tmp_path)) == {"cat": (4, 1), "dog": (4, 1)}
    (tmp_path / "data" / "train-00000-of-00001.parquet").write_bytes(b"PAR1 no table PAR1")
    with pytest.raises(DataError, match="cannot be read as a parquet file"):
        load_images(tmp_path)


# Sizes and memory -----------------------------------------------------------------------------------------------------


def test_the_size_is_the_users_and_older_calls_have_64(tmp_path: Path) -> None:
    for label in ("a", "b"):
        (tmp_path / label).mkdir()
        for number in range(3):
            picture(number + 10 * (label == "b"), (150, 300)).save(tmp_path / label / f"{number}.png")
    assert load_images(tmp_path).train_images.shape[2:] == (32, 64)
    data = load_images(tmp_path, image_size=200)
    assert data.train_images.shape[2:] == (100, 200)
    assert data.notes[0] == "images of 150 x 300 were shrunk to 100 x 200, at most 200 pixels a side"
    with pytest.raises(ConfigError, match=r"the size of images is 225; expected 1\.\.224"):
        load_images(tmp_path, image_size=225)


def test_images_that_do_not_fit_into_memory_are_refused_before_one_is_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(tmp_path, [f"{label}/{name}" for label in "ab" for name in TEN])
    monkeypatch.setattr(raw, "physical_memory", lambda: 4 * 20 * 3 * 29)

    def refuse(*_given: object) -> None:
        pytest.fail("an image was decoded")

    monkeypatch.setattr("netwright.tasks.images.decoding.decoded", refuse)
    with pytest.raises(
        DataError, match=r"20 images of 6 x 5 with 3 channels take 1,800 bytes.* give --image-size 5 or"
    ):
        load_images(tmp_path)


def test_the_next_call_takes_over_what_was_decoded_only_from_the_same_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(tmp_path, [f"{label}/{name}" for label in "ab" for name in TEN])
    first = load_images(tmp_path, keep=True)
    decode, decoded = __import__("netwright.image_files").image_files.decoded, []

    def counted(*given: object) -> object:
        decoded.append(given)
        return decode(*given)

    monkeypatch.setattr("netwright.tasks.images.decoding.decoded", counted)
    second = load_images(tmp_path)
    assert decoded == []
    assert second.train_images.equal(first.train_images)
    load_images(tmp_path, keep=True)
    assert len(decoded) == 20
    picture(99).save(tmp_path / "a" / "0.png")
    assert load_images(tmp_path).name != first.name


def test_sizes_and_shares_are_those_of_the_originals(tmp_path: Path) -> None:
    assert Sizes.of([(9, 9), (2, 3), (4, 4)]) == Sizes((2, 3), (4, 4), (9, 9))
    fill(tmp_path, [*(f"a/{n}.png" for n in range(6)), *(f"b/{n}.png" for n in range(3))])
    picture(77, (30, 40)).save(tmp_path / "a" / "0.png")
    (tmp_path / "a" / "broken.png").write_bytes(b"no image")
    understood = load_images(tmp_path).understood
    assert understood is not None
    assert understood.largest_share == pytest.approx(6 / 9)
    assert understood.sizes == Sizes((6, 5), (6, 5), (30, 40))
    lines = list(understood.short())
    assert len(lines) == 2
    assert lines[0].endswith(
        "read as a folder for each class: 9 images in 2 classes (a 6, b 3), 7 to train and validate, 2 to test; the "
        "largest class has 67%"
    )
    assert lines[1] == "original sizes 6 x 5 (smallest), 6 x 5 (median), 30 x 40 (largest); prepared as 6 x 5 colour"
    assert understood.left_out[0].startswith("1 file that cannot be read left out, the first: a/broken.png")


@pytest.mark.parametrize("make", [lambda p: (p / "x.csv").mkdir(), lambda p: (p / "x.csv").symlink_to("gone")])
def test_what_is_no_table_has_no_influence(tmp_path: Path, make: Callable[[Path], None]) -> None:
    fill(tmp_path, TEN)
    make(tmp_path)
    with pytest.raises(NetwrightError):
        load_images(tmp_path)
