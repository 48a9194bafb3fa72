"""Reading the pickles of the official CIFAR files without running anything that stands in them.

A pickle is a program: it may name any importable function and call it. The official files, written by Python 2,
name three things of numpy to hold one uint8 array. Here these three names lead to the stand-ins below, every
other name is refused, and so neither foreign code nor numpy's own unpickling runs on bytes from the network.
"""

import pickle
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netwright.errors import DataError


def load_pickle(path: Path) -> dict[bytes, object]:
    """Read a dictionary of Python 2 byte strings, integers, lists and uint8 arrays.

    The arrays among its values are read-only and have the shape they were saved with; nothing else about the
    content is checked. Raises DataError for a file that cannot be read, is truncated, is no pickle, or asks for
    anything beyond the official files.
    """
    try:
        with path.open("rb") as file:
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
    """Stands in for numpy.dtype; only unsigned bytes, in which there is no byte order to restore."""

    def __init__(self, code: str | bytes, *_flags: object) -> None:
        if code not in ("u1", b"u1"):
            raise pickle.UnpicklingError(f"it holds an array of type {code!r} in place of uint8")

    def __setstate__(self, state: object) -> None:
        pass


class _PickledArray:
    """Stands in for numpy.ndarray until the pickle hands over shape, type, order and bytes."""

    array: NDArray[np.uint8] | None = None

    def __setstate__(self, state: tuple[Any, ...]) -> None:
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
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _STAND_INS:
            raise pickle.UnpicklingError(f"it asks to run {module}.{name}, which no CIFAR-10 file needs")
        return _STAND_INS[module, name]
