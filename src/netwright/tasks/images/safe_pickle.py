"""Reading the pickles of the official CIFAR files without executing code from them.

A pickle is a program: it can call any importable function. The official files, written by Python 2, use three names of
numpy for a uint8 array. Here these names resolve to the substitutes below and every other name is refused, so that
neither foreign code nor numpy's own unpickling runs on downloaded bytes.
"""

import pickle
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from netwright.errors import DataError
from netwright.files import open_regular

LARGEST_FILE = 64 << 20
"""Bytes; each batch of CIFAR-10 has 31 million."""


def load_pickle(path: Path) -> dict[bytes, object]:
    """Read a dictionary of Python 2 byte strings, integers, lists and uint8 arrays.

    Arrays are read-only. The content is not checked further.

    Raises:
        DataError: the file cannot be read, is truncated, is not a pickle, or uses other names than the official files.
    """
    try:
        with open_regular(path, LARGEST_FILE) as file:
            content = _DataUnpickler(file, encoding="bytes").load()
        if not isinstance(content, dict):
            raise pickle.UnpicklingError(f"it holds a {type(content).__name__} in place of a dictionary")
        return {key: _finished(value) for key, value in content.items()}
    # A damaged stream makes the unpickler raise nearly anything: EOFError, ValueError, MemoryError, ...
    except Exception as error:
        reason = str(error) or type(error).__name__
        raise DataError(
            f"{path} cannot be used: {reason}. Expected a file of CIFAR-10's python version "
            "(a Python 2 pickle of a dictionary); download cifar-10-python.tar.gz again"
        ) from error


class _PickledDtype:
    """Substitute for numpy.dtype; accepts unsigned bytes only, which have no byte order."""

    def __init__(self, code: str | bytes, *_flags: object) -> None:
        if code not in ("u1", b"u1"):
            raise pickle.UnpicklingError(f"it holds an array of type {code!r} in place of uint8")

    def __setstate__(self, state: object) -> None:
        pass


class _PickledArray:
    """Substitute for numpy.ndarray, built from the pickled shape, type, order and bytes."""

    array: NDArray[np.uint8] | None = None

    def __setstate__(self, state: tuple[object, tuple[int, ...], object, object, object]) -> None:
        _version, shape, dtype, fortran_order, raw = state
        if not isinstance(dtype, _PickledDtype) or not isinstance(raw, bytes):
            raise pickle.UnpicklingError("it holds an array that is not made of plain bytes")
        self.array = np.frombuffer(raw, np.uint8).reshape(shape, order="F" if fortran_order else "C")


def _reconstruct(*_arguments: object) -> _PickledArray:
    return _PickledArray()


def _finished(value: object) -> object:
    return value.array if isinstance(value, _PickledArray) else value


_STAND_INS = {
    ("numpy.core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy._core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy", "ndarray"): _PickledArray,
    ("numpy", "dtype"): _PickledDtype,
}


class _DataUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> object:
        if (module, name) not in _STAND_INS:
            raise pickle.UnpicklingError(f"it asks to run {module}.{name}, which no CIFAR-10 file needs")
        return _STAND_INS[module, name]
