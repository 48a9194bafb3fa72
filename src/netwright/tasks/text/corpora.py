"""A published text in its official files: found in a folder, plain or packed, or downloaded."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import pooch

from netwright.errors import DataError
from netwright.tasks.downloads import (
    another_folder,
    cache,
    check_official,
    download,
    existing_folder,
    named_folder,
    verified_name,
)
from netwright.tasks.files import decoded, read_bytes


@dataclass(frozen=True)
class OfficialText:
    """A text that everybody measures on, and how its files are told from others.

    `file` and `mirrors` hold the place {part}, which each key of `checksums` replaces: train, valid and test, or the
    names of more files if each part has several. The checksums are those of plain files, also where a mirror has packed
    ones. `folders` are where the files are looked for below the folder that a user names. `terms` say whose the text
    is.
    """

    name: str
    file: str
    algorithm: str
    checksums: dict[str, str]
    mirrors: tuple[str, ...]
    folders: tuple[str, ...]
    terms: str

    @property
    def files(self) -> str:
        """The names of the files, for messages."""
        return ", ".join(self.file.format(part=part) for part in self.checksums)


def find_official(text: OfficialText, folder: Path | None, *, verify: bool) -> Path:
    """Return the folder that holds the files, plain or with .gz.

    Looks into `folder`, else into the one named by NETWRIGHT_DATA: there, and in the text's usual sub-folders. With
    neither, downloads them into the user's cache. With `verify` every file must be the official one. Raises DataError.
    """
    folder = named_folder(folder)
    found = _download(text) if folder is None else _locate(text, folder)
    if verify:
        for part in text.checksums:
            path = _file(text, found, part)
            found_digest = _digest(text, read_bytes(path))
            check_official(path, text.algorithm, found_digest, text.checksums[part], "replace it by a new download")
    return found


def official_files(text: OfficialText, folder: Path | None, *, verify: bool) -> tuple[str, dict[str, tuple[Path, str]]]:
    """The name of the text, and the path and content of each file, from where `find_official` finds them.

    The name is the official one only if every file has its official checksum, verified or not. Raises DataError.
    """
    found = find_official(text, folder, verify=verify)
    files, official = {}, True
    for part, checksum in text.checksums.items():
        path = _file(text, found, part)
        content = read_bytes(path)
        official = official and _digest(text, content) == checksum
        files[part] = path, decoded(path, content)
    return verified_name(text.name, official=official), files


def read_official(text: OfficialText, folder: Path | None, *, verify: bool) -> tuple[str, list[str]]:
    """The name of the text and its training, validation and test part; see `official_files`."""
    name, files = official_files(text, folder, verify=verify)
    return name, [content for _, content in files.values()]


def _locate(text: OfficialText, folder: Path) -> Path:
    expected = f"expected the files {text.files}, plain or with .gz"
    remedy = another_folder(text.name)
    for candidate in (existing_folder(text.name, folder, expected), *(folder / name for name in text.folders)):
        missing = [part for part in text.checksums if not _file(text, candidate, part).is_file()]
        if not missing:
            return candidate
        if len(missing) < len(text.checksums):
            lacking = ", ".join(text.file.format(part=part) for part in missing)
            raise DataError(f"{candidate} lacks {lacking}; {expected}; {remedy}")
    places = ", ".join(f"{name}/" for name in text.folders)
    raise DataError(f"the data folder {folder} holds no {text.name}; {expected}, there or in {places}; {remedy}")


def _file(text: OfficialText, folder: Path, part: str) -> Path:
    plain = folder / text.file.format(part=part)
    packed = plain.with_name(plain.name + ".gz")
    return packed if packed.is_file() and not plain.is_file() else plain


def _digest(text: OfficialText, content: bytes) -> str:
    return hashlib.new(text.algorithm, content, usedforsecurity=False).hexdigest()


def _download(text: OfficialText) -> Path:
    target = cache() / text.folders[0]
    if not all(_file(text, target, part).is_file() for part in text.checksums):
        pooch.get_logger().warning("Downloading %s to %s. %s", text.name, target, text.terms)
    for part, checksum in text.checksums.items():
        file, mirrors = text.file.format(part=part), [url.format(part=part) for url in text.mirrors]
        try:
            download(text.name, file, f"{text.algorithm}:{checksum}", mirrors, target)
        except DataError as error:
            raise DataError(f"{error}. {text.terms}") from error
    return target
