"""Damaged and odd input for every way into netwright; each case is a function of its seed.

A case writes files into a folder and returns the command to run. One case in four is a control, which is undamaged and
must be accepted.
"""

import json
import os
import random
import shutil
import socket
import sqlite3
import string
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from oracles.made_up_table import all_cells, write_table

ARCHITECTURE = {
    "type": "ConvNet",
    "layers": [
        {"type": "ConvLayer", "filter_height": 3, "filter_width": 3, "num_filters": 4, "inputs": [], "stride_height": 1,
         "stride_width": 1, "pool": 1},
    ],
}  # fmt: skip
ODD_VALUES: list[object] = [
    None, True, False, 0, -1, 1, 10**30, 1e308, -1e308, float("nan"), float("inf"), "", "x", "\x1b[31m", "\ud800", [],
    [[]], {}, {"type": []}, [None] * 3, "a" * 5000, {"schedule": 1}, [1e308], "../../x",
]  # fmt: skip


@dataclass
class Case:
    """A command with its environment, and whether it must be accepted."""

    command: list[object]
    is_control: bool
    environment: dict[str, str] = field(default_factory=dict)
    may_change: tuple[str, ...] = ()
    """The names of the files in the folder that the command may write."""


@dataclass(frozen=True)
class Material:
    """What cases copy and damage."""

    run: Path
    model: Path


Maker = Callable[[Path, random.Random, Material, bool], Case]


def odd(rng: random.Random) -> object:
    """Return a value of a wrong kind or size."""
    return rng.choice(ODD_VALUES)


def damaged(content: bytes, rng: random.Random) -> bytes:
    """Return bytes with a part changed, cut off, repeated or replaced."""
    place = rng.randrange(len(content) or 1)
    return rng.choice([
        content[:place],
        content[:place] + rng.randbytes(1 + rng.randrange(64)) + content[place + 1 :],
        rng.randbytes(rng.randrange(400)),
        b"",
        content + content[:place],
        content[:place] + b"\0" * rng.randrange(1, 2000) + content[place:],
    ])  # fmt: skip


def changed_json(document: object, rng: random.Random) -> object:
    """Return JSON with a member replaced, removed or added somewhere."""
    if rng.random() < 0.15 or not isinstance(document, dict | list) or not document:
        return odd(rng)
    if isinstance(document, list):
        place = rng.randrange(len(document))
        return [*document[:place], changed_json(document[place], rng), *document[place + 1 :]]
    name = rng.choice(list(document))
    if rng.random() < 0.2:
        return {key: value for key, value in document.items() if key != name}
    return {**document, name: changed_json(document[name], rng)}


def reader(rng: random.Random, run: Path) -> list[object]:
    """Return a command that reads a run."""
    return rng.choice([
        ["show", run], ["show", run, "--json"], ["report", run], ["replay", run],
        ["draw", run, "-o", run.parent / "x.svg"], ["resume", run, "--workers", 1],
    ])  # fmt: skip


WRITTEN = ("report.html", "x.svg", "run.lock", "run.sqlite", "run.sqlite-wal", "run.sqlite-shm", "errors.log")


def arguments(folder: Path, rng: random.Random, material: Material, is_control: bool) -> Case:
    run = shutil.copytree(material.run, folder / "run")
    if is_control:
        return Case(["show", run, "--top", rng.randrange(1, 20)], True)
    letters = "".join(rng.choice(string.printable) for _ in range(rng.randrange(12)))
    values: list[object] = [letters, "-1", "0", "1e9", "nan", "a" * 300, "..", "/", str(run), "é", "--", ""]
    options = [
        "--top",
        "--trials",
        "--seed",
        "--strategy",
        "--workers",
        "--set",
        "--trial",
        "--data",
        "-o",
        "--address",
    ]
    name = rng.choice(
        ["show", "draw", "report", "confirm", "train", "export", "compare", "replay", "doctorr", "resume"]
    )
    given = [rng.choice([rng.choice(options), rng.choice(values)]) for _ in range(rng.randrange(1, 5))]
    return Case([name, rng.choice([run, rng.choice(values)]), *given], False, may_change=WRITTEN)


def settings(folder: Path, rng: random.Random, material: Material, is_control: bool) -> Case:
    command: list[object] = ["search", "digits-table", "--trials", 2, "--workers", 1, "-o", folder / "run"]
    if is_control:
        return Case([*command, "--set", f"lag={rng.randrange(3)}"], True)
    keys = [
        "lag", "batch_size", "seed", "reuse", "failure_reward", "space.num_layers", "space.filter_sizes",
        "space.strides", "space.anchors", "space.pool_after", "strategy.learning_rate", "strategy.hidden_size",
        "constraints.weight", "constraints.max_parameters", "confirm.top", "evaluate.task", "time_limit_seconds",
        "strategy.name", "x.y", "",
    ]  # fmt: skip
    value = odd(rng)
    text = json.dumps(value) if rng.random() < 0.8 else str(value)
    return Case([*command, "--set", f"{rng.choice(keys)}={text}"], False, may_change=WRITTEN)


def store_bytes(folder: Path, rng: random.Random, material: Material, is_control: bool) -> Case:
    run = shutil.copytree(material.run, folder / "run")
    if not is_control:
        (run / "run.sqlite").write_bytes(damaged((run / "run.sqlite").read_bytes(), rng))
    return Case(reader(rng, run), is_control, may_change=WRITTEN if is_control else WRITTEN[:3])


def store_values(folder: Path, rng: random.Random, material: Material, is_control: bool) -> Case:
    run = shutil.copytree(material.run, folder / "run")
    if not is_control:
        with closing(sqlite3.connect(run / "run.sqlite")) as connection, connection:
            table, column = rng.choice([
                ("documents", "value"), ("trials", "actions"), ("trials", "metrics"), ("trials", "architecture"),
                ("trials", "parameters"), ("trials", "state"), ("trials", "reward"), ("updates", "metrics"),
                ("strategy", '"values"'), ("strategy", "tensors"), ("trials", "reused_from"),
                ("trials", "failure_kind"),
            ])  # fmt: skip
            rows = connection.execute(f"SELECT rowid, {column} FROM {table}").fetchall()
            row, value = rng.choice(rows)
            try:
                value = json.dumps(changed_json(json.loads(value), rng))
            except (TypeError, ValueError):
                value = json.dumps(odd(rng))
            if column == "tensors":
                value = damaged(bytes(rows[0][1]), rng)
            connection.execute(f"UPDATE {table} SET {column} = ? WHERE rowid = ?", (value, row))
    return Case(reader(rng, run), is_control, may_change=WRITTEN)


def model_folder(folder: Path, rng: random.Random, material: Material, is_control: bool) -> Case:
    model = shutil.copytree(material.model, folder / "model")
    if not is_control:
        path = model / rng.choice(["model.json", "architecture.json", "model.safetensors"])
        if path.suffix == ".json" and rng.random() < 0.7:
            path.write_text(json.dumps(changed_json(json.loads(path.read_text()), rng)))
        else:
            path.write_bytes(damaged(path.read_bytes(), rng))
    return Case(
        ["export", model, "--to", "code", "-o", folder / "written.py"],
        is_control,
        may_change=("written.py", "written.safetensors"),
    )


def architecture_json(folder: Path, rng: random.Random, material: Material, is_control: bool) -> Case:
    path = folder / "architecture.json"
    document = ARCHITECTURE if is_control else changed_json(ARCHITECTURE, rng)
    path.write_text(json.dumps(document))
    if not is_control and rng.random() < 0.3:
        path.write_bytes(damaged(path.read_bytes(), rng))
    return Case(["draw", path, "-o", folder / "x.svg"], is_control, may_change=("x.svg",))


def _opened(task: str, data: Path, folder: Path, *, is_control: bool) -> Case:
    """Search two trials on a user's data; a time limit of the test is above what two tiny networks take."""
    sets = ["evaluate.epochs=1", "confirm.at_end=false"]
    return Case(
        ["search", task, "--data", data, "--trials", 1, "--workers", 1, "-o", folder / "run",
         *(part for each in sets for part in ("--set", each))], is_control, may_change=WRITTEN,
    )  # fmt: skip


def npz(folder: Path, rng: random.Random, material: Material, is_control: bool) -> Case:
    images = np.random.default_rng(rng.randrange(99)).integers(0, 255, (40, 8, 8), np.uint8)
    arrays: dict[str, object] = {"images": images, "labels": np.arange(40) % 2}
    if not is_control:
        name = rng.choice(["images", "labels", "test_images", "class_names"])
        arrays[name] = rng.choice([
            np.zeros(0), np.array("x"), np.zeros((40, 8, 8)), np.full((40, 8, 8), np.nan), np.arange(39), images[:3],
            np.full(40, -1), np.full(40, 10**12), images.astype(object), np.zeros((40, 1, 100_000), np.uint8),
            np.array(["a"] * 40), np.arange(40) % 2 == 0, np.zeros((2,) * 12), np.array([b"\xff"] * 40),
        ])  # fmt: skip
    np.savez(folder / "d.npz", **arrays)
    if not is_control and rng.random() < 0.4:
        (folder / "d.npz").write_bytes(damaged((folder / "d.npz").read_bytes(), rng))
    return _opened("images", folder / "d.npz", folder, is_control=is_control)


def _spoil(path: Path, rng: random.Random) -> None:
    """Damage an image, replace it by something else, or add something odd beside it."""
    kind = rng.choice(["bytes", "link", "folder", "fifo", "class", "name", "thin"])
    if kind == "bytes":
        path.write_bytes(damaged(path.read_bytes(), rng))
    elif kind == "name":
        path.with_name("ü\x1b[31m.png").write_bytes(b"x")
    elif kind == "thin":
        Image.new("1", (1, 9000)).save(path.with_name("thin.png"))
    elif kind == "class":
        shutil.rmtree(path.parent)
    else:
        path.unlink()
        {
            "link": lambda: path.symlink_to(path.parents[3] / "gone"),
            "folder": path.mkdir,
            "fifo": lambda: os.mkfifo(path),
        }[kind]()


def image_folder(folder: Path, rng: random.Random, material: Material, is_control: bool) -> Case:
    data = folder / "data"
    for name in ("cat", "dog"):
        (data / name).mkdir(parents=True)
        for number in range(8):
            pixels = np.random.default_rng(number).integers(0, 255, (10, 10, 3), np.uint8)
            Image.fromarray(pixels).save(data / name / f"{number}.png")
    for _ in range(0 if is_control else rng.randrange(1, 4)):
        path = data / rng.choice(["cat", "dog"]) / f"{rng.randrange(8)}.png"
        if path.is_file():
            _spoil(path, rng)
    return _opened("images", data, folder, is_control=is_control)


def label_table(folder: Path, rng: random.Random, material: Material, is_control: bool) -> Case:
    """Images with a table of labels, also as metadata of the Hub, read by `netwright data`."""
    data, kind = folder / "data", rng.choice(["labels.csv", "labels.tsv", "metadata.csv", "metadata.jsonl"])
    data.mkdir()
    rows: list[dict[str, object]] = []
    for number in range(16):
        pixels = np.random.default_rng(number).integers(0, 255, (10, 10, 3), np.uint8)
        Image.fromarray(pixels).save(data / f"{number}.png")
        rows.append({"file_name": f"{number}.png", "label": ("cat", "dog")[number % 2]})
    if not is_control:
        row = rng.choice(rows)
        odd_name = rng.choice(
            ["../x.png", "/etc/passwd", "C:\\x", "..", ".", "", "a\0b", "\x1b[31m", "1.png", "x" * 5000]
        )
        row[rng.choice(list(row))] = rng.choice([odd(rng), odd_name, "=1+1", "<script>", '"', "\n", "\t,;"])
        if rng.random() < 0.3:
            for each in rows:
                each[rng.choice(["label", "class", "id", "split", "x"])] = odd(rng)
    separator = "\t" if kind.endswith("tsv") else ","
    columns = list({name: None for row in rows for name in row})
    lines = [separator.join(columns), *(separator.join(str(row.get(name, "")) for name in columns) for row in rows)]
    text = "\n".join(map(json.dumps, rows) if kind.endswith("jsonl") else lines)
    content = text.encode("utf-8", "surrogatepass")
    (data / kind).write_bytes(content if is_control or rng.random() < 0.6 else damaged(content, rng))
    page = folder / "page.html"
    return Case(["data", data, "-o", page], is_control, may_change=("page.html",))


def csv(folder: Path, rng: random.Random, material: Material, is_control: bool) -> Case:
    path = write_table(folder / "nasbench201-cifar.csv", all_cells())
    if not is_control:
        content = path.read_bytes()
        lines = content.splitlines(True)
        lines[rng.randrange(min(20, len(lines)))] = rng.choice(
            [b"\n", b",,,,\n", b'"\n', rng.randbytes(50) + b"\n", b"nan," * 9 + b"\n"]
        )
        path.write_bytes(b"".join(lines) if rng.random() < 0.6 else damaged(content, rng))
    command = ["search", "nasbench201-cifar10", "--data", path, "--trials", 2, "--workers", 1, "-o", folder / "run"]
    return Case(command, is_control, may_change=WRITTEN)


def text(folder: Path, rng: random.Random, material: Material, is_control: bool) -> Case:
    path = folder / "words.txt"
    content = "\n".join(" ".join(rng.choice(["ab", "cd", "ef", "gh"]) for _ in range(12)) for _ in range(300)).encode()
    path.write_bytes(
        content
        if is_control
        else rng.choice([damaged(content, rng), b"\xff\xfe" + content, b" \n" * 99, "é".encode("latin-1") * 99, b"a"])
    )
    small = ["evaluate.hidden_size=4", "evaluate.epochs=1", "space.base=2", "evaluate.num_train_tokens=400",
             "evaluate.num_validation_tokens=100"]  # fmt: skip
    return Case(
        ["search", "text", "--data", path, "--trials", 1, "--workers", 1, "-o", folder / "run",
         *(part for each in small for part in ("--set", each))], is_control, may_change=WRITTEN,
    )  # fmt: skip


def special_files(folder: Path, rng: random.Random, material: Material, is_control: bool) -> Case:
    run = shutil.copytree(material.run, folder / "run")
    odd_file = folder / "odd.json"
    if is_control:
        odd_file.write_text(json.dumps(ARCHITECTURE))
        return Case(["draw", odd_file, "-o", folder / "x.svg"], True, may_change=("x.svg",))
    kind = rng.choice(["fifo", "socket", "zero", "loop", "folder", "gone"])
    if kind == "fifo":
        os.mkfifo(odd_file)
    elif kind == "socket":
        with closing(socket.socket(socket.AF_UNIX)) as bound:
            here = Path.cwd()
            os.chdir(folder)  # the path of a socket has at most 108 bytes
            bound.bind("odd.json")
            os.chdir(here)
    elif kind == "zero":
        odd_file.symlink_to("/dev/zero")
    elif kind == "loop":
        odd_file.symlink_to(odd_file)
    elif kind == "folder":
        odd_file.mkdir()
    command: list[object] = rng.choice([
        ["draw", odd_file], ["train", odd_file, "--task", "digits", "-o", folder / "model"], ["show", odd_file],
        ["export", odd_file, "--to", "code"], ["search", "images", "--data", odd_file, "-o", folder / "r"],
        ["search", "text", "--data", odd_file, "-o", folder / "r"], ["search", f"{odd_file}:f"],
        ["search", "nasbench201-cifar10", "--data", odd_file, "-o", folder / "r"],
        ["report", run, "-o", odd_file if kind not in ("gone",) else folder / "no" / "report.html"],
        ["draw", run, "-o", folder / "odd.json" / "x.svg"],
    ])  # fmt: skip
    return Case(command, False, may_change=WRITTEN)


def environment(folder: Path, rng: random.Random, material: Material, is_control: bool) -> Case:
    run = shutil.copytree(material.run, folder / "run")
    if is_control:
        return Case(["show", run], True, {"COLUMNS": "80"})
    name = rng.choice(
        [
            "NETWRIGHT_DATA",
            "XDG_STATE_HOME",
            "HOME",
            "COLUMNS",
            "TERM",
            "OMP_NUM_THREADS",
            "TMPDIR",
            "NO_COLOR",
            "NETWRIGHT_TRUST_CODE",
        ]
    )
    value = rng.choice(["", "x", "-1", "/dev/null", "/nowhere", "a" * 5000, "\x1b[31m", "1e9", str(run / "run.sqlite")])
    return Case(reader(rng, run), False, {name: value}, may_change=WRITTEN)


ENTRY_POINTS: dict[str, Maker] = {
    each.__name__: each
    for each in (
        arguments, settings, store_bytes, store_values, model_folder, architecture_json, npz, image_folder,
        label_table, csv, text, special_files, environment,
    )
}  # fmt: skip
