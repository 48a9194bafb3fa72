"""Official files of a task: the folder a user named for them, or a download from the first mirror that has them."""

import os
from collections.abc import Iterable
from pathlib import Path

import pooch

from netwright.errors import DataError

ENVIRONMENT = "NETWRIGHT_DATA"


def named_folder(folder: Path | None) -> Path | None:
    """`folder`, else the one in the environment variable NETWRIGHT_DATA, else None: nobody named one."""
    if folder is None and os.environ.get(ENVIRONMENT):
        folder = Path(os.environ[ENVIRONMENT])
    return None if folder is None else folder.expanduser()


def cache() -> Path:
    """The folder in the user's cache that downloads go to."""
    return Path(pooch.os_cache("netwright"))


def download(data: str, file: str, checksum: str, mirrors: Iterable[str], target: Path) -> Path:
    """Put `file` of `data` into the folder `target` from the first mirror that has it, unless it is there already.

    `checksum` is written as "sha256:...". Raises DataError with what each mirror answered.
    """
    pooch.get_logger().setLevel("WARNING")
    failures = []
    for url in mirrors:
        try:
            return Path(pooch.retrieve(url, known_hash=checksum, fname=file, path=target))
        # OSError holds all of requests' errors; pooch raises ValueError for a wrong checksum.
        except (OSError, ValueError) as error:
            failures.append(f"\n  {url}: {error}")
    raise DataError(
        f"{data} could not be downloaded to {target}:{''.join(failures)}\nDownload {file} by other means, then "
        f"pass --data FOLDER or set {ENVIRONMENT} to the folder it lies in"
    )
