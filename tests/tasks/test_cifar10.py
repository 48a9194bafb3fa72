"""CIFAR-10 from small files in the official layout: what is read, what is refused, where it is looked for."""

import os
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

from netwright.errors import DataError
from netwright.tasks.catalog import open_task, prepare_task
from netwright.tasks.images.cifar10 import FOLDER, OFFICIAL_MD5, find_cifar10, load_cifar10
from netwright.tasks.images.safe_pickle import load_pickle
from oracles.cifar10_files import CLASS_NAMES, PER_BATCH, batch, md5, python2, write

pytestmark = pytest.mark.usefixtures("isolated")


# What is read


def test_the_official_meta_file_rebuilt_opcode_by_opcode(tmp_path: Path) -> None:
    memo = iter(range(1, 100))  # cPickle counts from 1

    def string(text: str) -> bytes:
        return b"U" + bytes([len(text)]) + text.encode() + b"q" + bytes([next(memo)])

    official = b"\x80\x02}q" + bytes([next(memo)]) + b"(" + string("num_cases_per_batch") + b"M\x10\x27"
    official += string("label_names") + b"]q" + bytes([next(memo)]) + b"(" + b"".join(map(string, CLASS_NAMES))
    official += b"e" + string("num_vis") + b"M\x00\x0cu."
    path = tmp_path / "batches.meta"
    path.write_bytes(official)

    assert md5(path) == OFFICIAL_MD5["batches.meta"]
    names = [name.encode() for name in CLASS_NAMES]
    assert load_pickle(path) == {b"num_cases_per_batch": 10_000, b"label_names": names, b"num_vis": 3072}


@pytest.mark.parametrize("order", ["C", "F"])
def test_arrays_are_read_as_numpy_itself_reads_them(tmp_path: Path, order: str) -> None:
    expected = np.asarray(np.random.default_rng(1).integers(0, 256, (7, 5)), np.uint8, order=order)
    (tmp_path / "ours").write_bytes(b"\x80\x02" + python2({b"a": expected}) + b".")
    # Python 3 writes the bytes of a protocol 2 pickle through _codecs.encode, which we refuse: protocol 3.
    (tmp_path / "numpys").write_bytes(pickle.dumps({b"a": expected}, protocol=3))
    assert np.array_equal(pickle.loads((tmp_path / "ours").read_bytes(), encoding="bytes")[b"a"], expected)
    for name in ("ours", "numpys"):
        assert np.array_equal(load_pickle(tmp_path / name)[b"a"], expected)


def test_images_labels_and_names_arrive_where_they_belong(root: Path) -> None:
    data = load_cifar10(root)

    assert data.name == "CIFAR-10"
    assert data.class_names == CLASS_NAMES
    assert data.train_images.shape == (5 * PER_BATCH, 3, 32, 32)
    assert data.test_images.shape == (PER_BATCH, 3, 32, 32)
    assert data.train_images.dtype == torch.uint8
    assert data.train_labels.dtype == torch.int64
    assert data.train_labels.tolist() == [i % 10 for i in range(5 * PER_BATCH)]
    assert data.train_images[1::PER_BATCH, 0, 0, 0].tolist() == [0, 1, 2, 3, 4]  # batches in their order
    assert data.test_images[1, 0, 0, 0] == 5
    assert data.test_images[0, 2, 3, 4] == (2 * 1024 + 3 * 32 + 4) % 251  # channel, row, column
    data.train_images[0] += 1  # owns its memory


# Where it is looked for


@pytest.mark.parametrize("how", ["the folder itself", "the folder above", "environment"])
def test_files_are_found(root: Path, how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if how == "environment":
        monkeypatch.setenv("NETWRIGHT_DATA", str(root))
    folder = {"the folder itself": root / FOLDER, "the folder above": root, "environment": None}[how]
    assert find_cifar10(folder, verify=True) == root / FOLDER


def test_a_given_folder_goes_before_the_environment(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NETWRIGHT_DATA", "/nowhere")
    assert find_cifar10(root, verify=True) == root / FOLDER


def test_the_main_process_locates_and_a_worker_reads(root: Path) -> None:
    folder = prepare_task("cifar10", root, verify=True)
    assert folder == root / FOLDER
    assert open_task("cifar10", folder, verify=False).name == "CIFAR-10"


def test_a_folder_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nothing-here does not exist; expected .*batches-py.*--data"):
        find_cifar10(tmp_path / "nothing-here", verify=False)


def test_a_file_in_place_of_a_folder(root: Path) -> None:
    with pytest.raises(DataError, match="data_batch_1 is not a folder"):
        find_cifar10(root / FOLDER / "data_batch_1", verify=False)


def test_a_folder_without_cifar10(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"holds no CIFAR-10; expected .*cifar-10-python.tar.gz.*NETWRIGHT_DATA"):
        find_cifar10(tmp_path, verify=False)


def test_a_missing_file_is_named(root: Path) -> None:
    (root / FOLDER / "data_batch_4").unlink()
    with pytest.raises(DataError, match="lacks data_batch_4;"):
        find_cifar10(root, verify=False)


def test_a_short_file_is_found_before_anything_is_read(root: Path) -> None:
    path = root / FOLDER / "data_batch_2"
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(DataError, match="data_batch_2 is truncated: it has 1,000 bytes"):
        find_cifar10(root, verify=False)


def test_another_copy_needs_no_verify_and_loses_the_name(root: Path) -> None:
    path = root / FOLDER / "data_batch_3"
    official = md5(path)
    write(path, batch())
    with pytest.raises(DataError, match=f"data_batch_3 has md5 {md5(path)}.*{official}.*--no-verify-data"):
        load_cifar10(root)
    assert load_cifar10(root, verify=False).name == "CIFAR-10 (unverified copy)"


def test_an_official_copy_keeps_its_name_when_not_verified(root: Path) -> None:
    assert load_cifar10(root, verify=False).name == "CIFAR-10"


# What is refused inside a file


class Evil:
    def __init__(self, marker: Path) -> None:
        self.command = f"touch {marker}"

    def __reduce__(self) -> tuple[object, ...]:
        return os.system, (self.command,)


@pytest.mark.parametrize("protocol", [0, 2, 4])
@pytest.mark.parametrize("wrapped", [False, True], ids=["bare", "in an object array"])
def test_a_pickle_that_runs_a_command_is_refused(tmp_path: Path, protocol: int, wrapped: bool) -> None:
    marker, path = tmp_path / "marker", tmp_path / "data_batch_1"
    evil = np.array([Evil(marker)], dtype=object) if wrapped else Evil(marker)
    path.write_bytes(pickle.dumps({b"data": evil}, protocol=protocol))
    with pytest.raises(DataError, match=r"data_batch_1 cannot be used: it (asks to run|holds an array of type 'O8')"):
        load_pickle(path)
    assert not marker.exists()
    pickle.loads(path.read_bytes())
    assert marker.exists()  # it was a real one


@pytest.mark.parametrize("name", ["ndarray.tofile", "fromfile", "load", "dtype.__class__"])
def test_no_other_piece_of_numpy_is_reachable(tmp_path: Path, name: str) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"\x80\x04\x8c\x05numpy\x8c" + bytes([len(name)]) + name.encode() + b"\x93.")
    with pytest.raises(DataError, match=f"asks to run numpy.{name}"):
        load_pickle(path)


def test_an_array_of_another_type_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "f", {b"data": np.zeros(3, np.float32)})
    with pytest.raises(DataError, match="type b'f4' in place of uint8"):
        load_pickle(tmp_path / "f")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "Ran out of input"),
        (b"no pickle at all", "cannot be used"),
        (b"\x1f\x8b\x08\x00", "cannot be used"),
        (b"\x80\x02]q\x00.", "it holds a list in place of a dictionary"),
        (b"\x80\x02" + python2({b"data": np.zeros((4, 4), np.uint8)})[:-30], "cannot be used"),
    ],
    ids=["empty", "text", "gzip", "no dictionary", "truncated"],
)
def test_a_damaged_file_is_named_with_what_was_expected(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "data_batch_1"
    path.write_bytes(content)
    with pytest.raises(DataError, match=f"data_batch_1.*{reason}.*Expected a file of CIFAR-10.*download"):
        load_pickle(path)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"data": None}, "b'data' is missing"),
        ({"data": [0] * 9000}, "b'data' is a list of 9,000"),
        ({"data": np.zeros((PER_BATCH + 1, 3072), np.uint8)}, r"array of shape \(21, 3072\), expected .*\(20, 3072\)"),
        ({"labels": None, "fine_labels": [1] * PER_BATCH}, "b'labels' is missing"),
        ({"labels": [1] * (PER_BATCH - 1)}, "b'labels' is a list of 19, expected a list of 20 labels"),
        ({"labels": [1] * (PER_BATCH - 1) + [10]}, r"one of its labels is 10, expected integers in 0..9"),
        ({"labels": [1] * (PER_BATCH - 1) + [-1]}, r"one of its labels is -1"),
        ({"labels": [True] * PER_BATCH}, r"one of its labels is True"),
    ],
)
def test_a_foreign_batch_is_refused_even_unverified(root: Path, changes: dict[str, object], reason: str) -> None:
    write(root / FOLDER / "test_batch", batch(**changes) | {b"padding": bytes(PER_BATCH * 3072)})
    with pytest.raises(DataError, match=f"test_batch is no file of CIFAR-10: .*{reason}"):
        load_cifar10(root, verify=False)


@pytest.mark.parametrize("names", [None, [b"cat"] * 9, [b"cat"] * 9 + [3], [b"cat"] * 9 + [b"\xff"]])
def test_foreign_label_names_are_refused(root: Path, names: object) -> None:
    write(root / FOLDER / "batches.meta", {b"label_names": names})
    with pytest.raises(DataError, match=r"batches.meta is no file of CIFAR-10: .*names?"):
        load_cifar10(root, verify=False)


def test_a_whole_copy(real_data: Path) -> None:
    data = load_cifar10(real_data, verify=False)
    assert data.train_images.shape == (50_000, 3, 32, 32)
    assert data.train_labels.bincount().tolist() == [5_000] * 10
    assert data.test_labels.bincount().tolist() == [1_000] * 10
    assert data.class_names == CLASS_NAMES
    assert data.train_labels[:10].tolist() == [6, 9, 9, 4, 1, 1, 2, 7, 8, 3]
