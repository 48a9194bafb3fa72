"""CIFAR-10 from small files in the official layout: what is read, what is refused, where it is looked for."""

import hashlib
import io
import os
import pickle
import shutil
import struct
import tarfile
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import torch

from netwright.errors import DataError
from netwright.tasks import cifar10
from netwright.tasks.catalog import open_task, prepare_task
from netwright.tasks.cifar10 import ARCHIVE, FOLDER, OFFICIAL_MD5, find_cifar10, load_cifar10
from netwright.tasks.unpickling import load_pickle

PER_BATCH = 20
CLASS_NAMES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


def python2(value: object) -> bytes:
    """The opcodes that Python 2's cPickle writes for the value at protocol 2, without its memo."""
    match value:
        case bytes():
            return b"T" + struct.pack("<i", len(value)) + value
        case bool() | str() | None:
            return pickle.dumps(value, protocol=2)[2:-1]
        case int():
            return b"J" + struct.pack("<i", value)
        case tuple():
            return b"(" + b"".join(map(python2, value)) + b"t"
        case list():
            return b"](" + b"".join(map(python2, value)) + b"e"
        case dict():
            return b"}(" + b"".join(python2(part) for item in value.items() for part in item) + b"u"
        case np.ndarray():
            code = value.dtype.str[1:].encode()
            dtype = b"cnumpy\ndtype\n" + python2((code, 0, 1)) + b"R"
            dtype += python2((3, b"|", None, None, None, -1, -1, 0)) + b"b"
            head = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n" + python2((0,)) + python2(b"b") + b"tR"
            return (
                head + b"(" + python2(1) + python2(value.shape) + dtype + python2(0) + python2(value.tobytes()) + b"tb"
            )
    raise TypeError(value)


def write(path: Path, value: object) -> None:
    path.write_bytes(b"\x80\x02" + python2(value) + b".")


def batch(**changes: object) -> dict[bytes, object]:
    random = np.random.default_rng(0)
    content: dict[bytes, object] = {
        b"data": random.integers(0, 256, (PER_BATCH, 3072), dtype=np.uint8),
        b"labels": [i % 10 for i in range(PER_BATCH)],
        b"batch_label": b"a batch",
    }
    return content | {key.encode(): value for key, value in changes.items()}


def md5(path: Path) -> str:
    return hashlib.md5(path.read_bytes()).hexdigest()


@pytest.fixture(autouse=True)
def isolated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees the user's cache or setting, or the internet."""
    monkeypatch.setattr("pooch.os_cache", lambda _project: tmp_path / "cache")
    monkeypatch.setattr(cifar10, "MIRRORS", ())
    monkeypatch.delenv("NETWRIGHT_DATA", raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that contains an "official" download of 5 x 20 + 20 images."""
    monkeypatch.setattr(cifar10, "IMAGES_PER_BATCH", PER_BATCH)
    batches = tmp_path / "data" / FOLDER
    batches.mkdir(parents=True)
    for number, name in enumerate(OFFICIAL_MD5):
        pixels = np.full((PER_BATCH, 3072), number, np.uint8)
        pixels[0] = np.arange(3072) % 251
        write(batches / name, batch(data=pixels))
    write(batches / "batches.meta", {b"label_names": [name.encode() for name in CLASS_NAMES]})
    monkeypatch.setattr(cifar10, "OFFICIAL_MD5", {name: md5(batches / name) for name in OFFICIAL_MD5})
    return batches.parent


@pytest.fixture
def pack(root: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Replaces the files of `root` by the archive of them, which counts as the official one."""

    def packed(*extra: tarfile.TarInfo) -> Path:
        with tarfile.open(root / ARCHIVE, "w:gz") as tar:
            tar.add(root / FOLDER, FOLDER)
            for member in extra:
                tar.addfile(member, io.BytesIO(b"x" * member.size))
        monkeypatch.setattr(cifar10, "ARCHIVE_SHA256", hashlib.sha256((root / ARCHIVE).read_bytes()).hexdigest())
        for path in (root / FOLDER).iterdir():
            path.unlink()
        (root / FOLDER).rmdir()
        return root

    return packed


@pytest.fixture
def served() -> Iterator[tuple[str, dict[str, bytes]]]:
    """A local web server: its address, and what it serves by path."""
    pages: dict[str, bytes] = {}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path in pages else 404)
            self.send_header("Content-Length", str(len(pages.get(self.path, b""))))
            self.end_headers()
            self.wfile.write(pages.get(self.path, b""))

        def log_message(self, *_arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", pages
        server.shutdown()
        thread.join()


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


# The archive


def test_an_archive_is_unpacked_into_the_cache_only(pack: Callable[..., Path], tmp_path: Path) -> None:
    root = pack()
    batches = find_cifar10(root, verify=True)
    assert batches.parent == tmp_path / "cache"
    assert [path.name for path in root.iterdir()] == [ARCHIVE]
    assert [path.name for path in (tmp_path / "cache").iterdir()] == [batches.name]  # no scratch is left
    assert load_cifar10(root).name == "CIFAR-10"


def test_members_that_point_outside_never_reach_the_disk(pack: Callable[..., Path], tmp_path: Path) -> None:
    members = [tarfile.TarInfo(name) for name in ("../evil", str(tmp_path / "evil"), f"{FOLDER}/../../evil")]
    for member in members:
        member.size = 3
    link = tarfile.TarInfo(f"{FOLDER}/link")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc"
    batches = find_cifar10(pack(*members, link), verify=True)
    assert sorted(path.name for path in batches.iterdir()) == sorted(OFFICIAL_MD5)
    assert not list(tmp_path.rglob("evil"))


def test_a_link_in_place_of_a_file_is_refused(pack: Callable[..., Path]) -> None:
    link = tarfile.TarInfo(f"{FOLDER}/data_batch_1")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    with pytest.raises(DataError, match=r"cannot be unpacked .*data_batch_1 is not a regular file"):
        find_cifar10(pack(link), verify=False)


def test_another_process_may_unpack_the_same_archive_first(
    pack: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, extract = pack(), cifar10._extract
    theirs = tmp_path / "cache" / f"{FOLDER}-{cifar10.ARCHIVE_SHA256[:12]}"

    def overtaken(archive: Path, target: Path) -> None:
        extract(archive, target)
        shutil.copytree(target / FOLDER, theirs)

    monkeypatch.setattr(cifar10, "_extract", overtaken)
    assert find_cifar10(root, verify=True) == theirs
    assert [path.name for path in (tmp_path / "cache").iterdir()] == [theirs.name]


def test_an_archive_with_another_checksum(pack: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    root = pack()
    monkeypatch.setattr(cifar10, "ARCHIVE_SHA256", "0" * 64)
    with pytest.raises(DataError, match=r"tar.gz has sha256 (?!0{64})[0-9a-f]{64},.*has 0{64}; .*--no-verify-data"):
        find_cifar10(root, verify=True)
    assert find_cifar10(root, verify=False).is_dir()


@pytest.mark.parametrize("damage", [lambda data: data[: len(data) // 2], lambda _data: b"", lambda _data: b"text"])
def test_a_damaged_archive(pack: Callable[..., Path], damage: Callable[[bytes], bytes], tmp_path: Path) -> None:
    archive = pack() / ARCHIVE
    archive.write_bytes(damage(archive.read_bytes()))
    with pytest.raises(DataError, match=r"tar.gz cannot be unpacked .*download the archive again"):
        find_cifar10(archive.parent, verify=False)
    assert not list((tmp_path / "cache").iterdir())


# The download


def test_the_next_mirror_is_tried_and_the_cache_used_after_that(
    pack: Callable[..., Path], served: tuple[str, dict[str, bytes]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    address, pages = served
    pages |= {"/good": (pack() / ARCHIVE).read_bytes(), "/other": b"another file"}
    mirrors = tuple(f"{address}/{name}" for name in ("absent", "other", "good"))
    monkeypatch.setattr(cifar10, "MIRRORS", mirrors)
    assert load_cifar10(None).name == "CIFAR-10"

    pages.clear()
    (tmp_path / "cache" / ARCHIVE).unlink()  # not needed once it is unpacked
    assert find_cifar10(None, verify=True).is_relative_to(tmp_path / "cache")


def test_the_last_mirror_failed(
    pack: Callable[..., Path], served: tuple[str, dict[str, bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    pack()
    address, pages = served
    pages["/other"] = b"another file"
    mirrors = (f"{address}/absent", f"{address}/other", "http://127.0.0.1:1/closed")
    monkeypatch.setattr(cifar10, "MIRRORS", mirrors)
    with pytest.raises(DataError) as caught:
        find_cifar10(None, verify=True)
    lines = str(caught.value).splitlines()
    assert [line.split(": ")[0].strip() for line in lines[1:4]] == list(mirrors)
    assert "404" in lines[1]
    assert "hash" in lines[2]
    assert "refused" in lines[3]
    assert "--data FOLDER" in lines[4]
    assert "NETWRIGHT_DATA" in lines[4]


def test_a_whole_copy(real_data: Path) -> None:
    data = load_cifar10(real_data, verify=False)
    assert data.train_images.shape == (50_000, 3, 32, 32)
    assert data.train_labels.bincount().tolist() == [5_000] * 10
    assert data.test_labels.bincount().tolist() == [1_000] * 10
    assert data.class_names == CLASS_NAMES
    assert data.train_labels[:10].tolist() == [6, 9, 9, 4, 1, 1, 2, 7, 8, 3]
