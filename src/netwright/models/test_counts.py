"""Counts in model.json how often a trained model was tested on each data set."""

import json
from pathlib import Path

from netwright.architectures.values import JsonObject
from netwright.files import locked, replace_whole
from netwright.models.folder import DESCRIPTION, read_description

TESTS = "tests"
"""The member of model.json: by the checksum of the data, its name and size and the number of tests."""


def count_test(folder: Path, sha256: str, data: JsonObject) -> int:
    """Add a test to model.json, which is replaced as a whole; nothing else in it changes.

    The test at the end of the training is counted too, although older models do not list it.

    Args:
        folder: The model's folder.
        sha256: The checksum of the test images and labels, or of the text.
        data: The name of the data and its size.

    Returns:
        How often the model has been tested on this data, with this test.

    Raises:
        StoreError, RunError: The folder cannot be written, or another process is writing it.
    """
    lock = locked(folder)
    try:
        model = read_description(folder)
        tests: JsonObject = dict(model.get(TESTS) or {})
        before = tests.get(sha256) or {"count": int(sha256 == model.get("test_sha256"))}
        tests[sha256] = {**data, "count": before["count"] + 1}
        content = json.dumps({**model, TESTS: tests}, indent=1) + "\n"
        replace_whole(folder / DESCRIPTION, content.encode())
    finally:
        lock.release()
    return int(tests[sha256]["count"])
