"""Small files in CIFAR-10's official layout, written opcode by opcode as Python 2 did."""

import hashlib
import pickle
import struct
from pathlib import Path

import numpy as np

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
