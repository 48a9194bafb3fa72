"""Where the official files of a task are: the user's folder, or the cache of downloads from mirrors."""

import gzip
import os
import zlib
from collections.abc import Iterable
from pathlib import Path

import pooch

from netwright.errors import DataError

ENVIRONMENT = "NETWRIGHT_DATA"
LARGEST_UNPACKED = 1 << 30
"""Bytes that are unpacked of a file; if it has more, its checksum is wrong."""


def named_folder(folder: Path | None) -> Path | None:
    """Return `folder`, or the folder in the environment variable NETWRIGHT_DATA, or None if neither is given."""
    if folder is None and os.environ.get(ENVIRONMENT):
        folder = Path(os.environ[ENVIRONMENT])
    return None if folder is None else folder.expanduser()


def cache() -> Path:
    """Return the folder of downloads in the user's cache."""
    return Path(pooch.os_cache("netwright"))


def existing_folder(data: str, folder: Path, expected: str) -> Path:
    """Return the `folder` that a user named for `data`; `DataError` with what is `expected` in it if it is none."""
    if folder.is_dir():
        return folder
    problem = "is not a folder" if folder.exists() else "does not exist"
    raise DataError(f"the data folder {folder} {problem}; {expected}; {another_folder(data)}")


def another_folder(data: str) -> str:
    """Return the remedy for a folder without `data`."""
    return f"pass another folder with --data or {ENVIRONMENT}, or neither of them to download {data}"


def check_official(path: Path, algorithm: str, found: str, official: str, remedy: str, what: str = "file") -> None:
    """Check that the checksum `found` of the file at `path` is the official one; `DataError` with the remedy if not."""
    if found != official:
        raise DataError(
            f"{path} has {algorithm} {found}, the official {what} has {official}; {remedy}, or pass --no-verify-data "
            "if it is knowingly another copy"
        )


def verified_name(data: str, *, official: bool) -> str:
    """Return the name of data whose files all have the official checksums, or not."""
    return data if official else f"{data} (unverified copy)"


def download(data: str, file: str, checksum: str, mirrors: Iterable[str], target: Path) -> Path:
    """Download a file from the first mirror that provides it, unless it is there already.

    Args:
        data: name of the data set, for messages.
        file: name of the file.
        checksum: such as "sha256:...", of the unpacked file.
        mirrors: URLs of the file, or of the file packed if they end with .gz and `file` does not.
        target: folder for the file.

    Returns:
        The path of the file.

    Raises:
        DataError: all mirrors failed; the message has the reason of each.
    """
    pooch.get_logger().setLevel("WARNING")
    failures = []
    for url in mirrors:
        unpack = _unpacked if url.endswith(".gz") and not file.endswith(".gz") else None
        try:
            return Path(pooch.retrieve(url, known_hash=checksum, fname=file, path=target, downloader=unpack))
        # OSError is the base of all errors of requests; pooch raises ValueError for a wrong checksum.
        except (OSError, ValueError, EOFError, zlib.error) as error:
            failures.append(f"\n  {url}: {error}")
    raise DataError(
        f"{data} could not be downloaded to {target}:{''.join(failures)}\nDownload {file} by other means, then "
        f"pass --data FOLDER or set {ENVIRONMENT} to the folder it lies in"
    )


def _unpacked(url: str, output_file: str, pooch_instance: object) -> None:
    """Download and unpack a file; one of pooch's downloaders."""
    packed = Path(f"{output_file}.gz")
    try:
        pooch.HTTPDownloader()(url, packed, pooch_instance)
        with gzip.open(packed) as file:
            Path(output_file).write_bytes(file.read(LARGEST_UNPACKED))
    finally:
        packed.unlink(missing_ok=True)
