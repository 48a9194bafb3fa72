"""CIFAR-10's archive: unpacked into the cache alone, and downloaded from the mirrors in turn."""

import hashlib
import io
import shutil
import tarfile
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from netwright.errors import DataError
from netwright.tasks.images import cifar10
from netwright.tasks.images.cifar10 import ARCHIVE, FOLDER, OFFICIAL_MD5, find_cifar10, load_cifar10

pytestmark = pytest.mark.usefixtures("isolated")


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
