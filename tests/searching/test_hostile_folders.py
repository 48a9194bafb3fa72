"""Folders made to attack: nothing in them is followed, replaced or run, nothing hangs, no escape reaches a terminal."""

import faulthandler
import json
import math
import os
import shutil
import signal
import socket
import sqlite3
import stat
import warnings
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from types import FrameType

import pytest
import torch

import netwright as nw
from netwright.compare.records import Record
from netwright.errors import DataError, NetwrightError, StoreError, printable
from netwright.files import LARGEST_JSON, locked, read_whole, replace_whole, write_whole
from netwright.final_training.grid import Measured
from netwright.searching import store_file
from netwright.searching.store import FILE_NAME, Store
from netwright.tasks.images.readers.npz import read_npz
from netwright.terminal import Terminal
from netwright.training.checkpoints import Checkpoint
from oracles.refusals import Cli, one_line, refused

OLDER = Path(__file__).parents[1] / "fixtures" / "older"
KEPT = b"the user's own file\n"
ATTACK = "\x1b]52;c;cm0gLXJmIH4=\x07\x1b[2J\x9b31m\u202e\r\x7f"
CONTROLS = set("\x1b\x07\x9b\u202e\r\x7f")
SECONDS = 15


@pytest.fixture(autouse=True)
def in_time() -> Iterator[None]:
    """Whatever hangs is an error of the test, or, inside of C, the end of the process."""

    def end(number: int, frame: FrameType | None) -> None:
        raise AssertionError(f"hung for {SECONDS} seconds")

    before = signal.signal(signal.SIGALRM, end)
    signal.alarm(SECONDS)
    faulthandler.dump_traceback_later(2 * SECONDS, exit=True)
    yield
    faulthandler.cancel_dump_traceback_later()
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return Path(shutil.copytree(OLDER / "finished", tmp_path / "run"))


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A file of the user's, which no link may lead to."""
    path = tmp_path / "elsewhere" / "own"
    path.parent.mkdir()
    path.write_bytes(KEPT)
    return path


def make_socket(path: Path) -> None:
    here = Path.cwd()
    os.chdir(path.parent)  # the address of a socket is short
    try:
        with closing(socket.socket(socket.AF_UNIX)) as server:
            server.bind(path.name)
    finally:
        os.chdir(here)


def make_device(path: Path) -> None:
    try:
        os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, 3))
    except PermissionError:
        pytest.skip("making a device needs rights that this user lacks")


ODD: dict[str, Callable[[Path], None]] = {
    "a named pipe": os.mkfifo,
    "a socket": make_socket,
    "a device": make_device,
}
ENDLESS: dict[str, Callable[[Path], None]] = {
    "a named pipe": os.mkfifo,
    "a socket": make_socket,
    "a device": lambda path: path.symlink_to("/dev/zero"),
}


# Writing --------------------------------------------------------------------------------------------------------------


def checked_link(link: Path, own: Path, attempt: Callable[[], object]) -> None:
    """`attempt` is refused with the link's name; neither the link nor what it leads to has changed."""
    target = link.readlink()
    with pytest.raises(NetwrightError, match="symbolic link") as refusal:
        attempt()
    assert str(link) in str(refusal.value)
    assert link.readlink() == target
    assert own.read_bytes() == KEPT
    assert sorted(own.parent.iterdir()) == [own]


@pytest.mark.parametrize("suffix", store_file.SIDE_FILES)
def test_a_store_follows_no_link(run: Path, own: Path, suffix: str) -> None:
    file = run / (FILE_NAME + suffix)
    file.unlink(missing_ok=True)
    for target in (own, own.with_name("not there")):
        file.symlink_to(target)
        for attempt in (Store.read, Store.open, lambda folder: Store.create(folder, {})):
            checked_link(file, own, lambda attempt=attempt: attempt(run))
        file.unlink()


def test_a_lock_follows_no_link(run: Path, own: Path) -> None:
    (run / "run.lock").unlink(missing_ok=True)
    (run / "run.lock").symlink_to(own)
    checked_link(run / "run.lock", own, lambda: locked(run))
    checked_link(run / "run.lock", own, lambda: Store.open(run))


@pytest.mark.parametrize("name", ["grid.json", "grid.json.new"])
def test_a_checkpoint_follows_no_link(tmp_path: Path, own: Path, name: str) -> None:
    (tmp_path / name).symlink_to(own)
    checked_link(tmp_path / name, own, lambda: replace_whole(tmp_path / "grid.json", b"{}"))


@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("report.html", ("report", "RUN")),
        ("best.svg", ("draw", "RUN")),
        ("picture.png", ("draw", "RUN", "-o", "RUN/picture.png")),
        ("model", ("train", "RUN", "--grid", "none")),
        ("model.unfinished", ("train", "RUN", "--grid", "none")),
        ("optuna.db", ("export", "RUN", "--to", "optuna")),
        ("optuna.db-journal", ("export", "RUN", "--to", "optuna")),
    ],
)
def test_no_command_writes_through_a_link_in_a_run(
    cli: Cli, run: Path, own: Path, name: str, command: tuple[str, ...]
) -> None:
    if "optuna" in command:
        pytest.importorskip("optuna")
    arguments = [part.replace("RUN", str(run)) for part in command]
    (run / name).symlink_to(own.parent if name == "model.unfinished" else own.with_name("not there"))
    message = refused(cli, *arguments)
    assert f"{run / name}" in message
    assert "symbolic link" in message
    assert (run / name).is_symlink()
    assert sorted(own.parent.iterdir()) == [own]


def test_live_curves_follow_no_link(cli: Cli, tmp_path: Path, own: Path) -> None:
    pytest.importorskip("tensorboard")
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "tensorboard").symlink_to(own.parent)
    search = ("search", "digits-table", "--strategy", "random", "--trials", 2, "--tensorboard", "-o", tmp_path / "new")
    result = cli(*search)
    assert result.exit_code == 2
    assert f"{tmp_path / 'new' / 'tensorboard'} is a symbolic link" in one_line(result.stderr)
    assert sorted(own.parent.iterdir()) == [own]


@pytest.mark.parametrize(
    "name",
    [
        "runs", "runs/random-seed0", "runs/random-seed0.json", "runs/random-seed0.json.new", "plan.json",
        "plan.json.new", "comparison.html", "run.lock",
    ],
)  # fmt: skip
def test_a_comparison_follows_no_link(cli: Cli, tmp_path: Path, own: Path, name: str) -> None:
    link = tmp_path / "compared" / name
    link.parent.mkdir(parents=True)
    link.symlink_to(own.parent if name in ("runs", "runs/random-seed0") else own.with_name("not there"))
    result = cli("compare", "digits-table", "--strategies", "random", "--num-seeds", 1, "--trials", 2,
                 "--workers", 1, "-o", tmp_path / "compared")  # fmt: skip
    assert result.exit_code == 2
    assert str(link) in one_line(result.stderr)
    assert "symbolic link" in one_line(result.stderr)
    assert link.is_symlink()
    assert sorted(own.parent.iterdir()) == [own]


@pytest.mark.parametrize("kind", ODD)
def test_writing_replaces_regular_files_only(cli: Cli, run: Path, tmp_path: Path, kind: str) -> None:
    place = tmp_path / "place.svg"
    ODD[kind](place)
    before = place.lstat()
    for command in (("report", run), ("draw", "nas-cell")):
        message = refused(cli, *command, "-o", place)
        assert f"cannot write {place}: it is {kind}, and only regular files are replaced" in message
    with pytest.raises(StoreError, match=f"{place} is {kind}"):
        replace_whole(place, b"")
    assert (place.lstat().st_mode, place.lstat().st_ino) == (before.st_mode, before.st_ino)


def test_the_run_folder_itself_may_be_a_link(cli: Cli, run: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(run)
    assert cli("report", tmp_path / "link").exit_code == 0
    assert (run / "report.html").is_file()
    with Store.open(tmp_path / "link") as store:
        assert len(store.trials()) == 12


def test_an_output_file_replaces_a_regular_one(tmp_path: Path) -> None:
    for content in (b"first", b"second"):
        write_whole(tmp_path / "file", content)
        replace_whole(tmp_path / "checkpoint", content)
    assert (tmp_path / "file").read_bytes() == (tmp_path / "checkpoint").read_bytes() == b"second"


# Stores ---------------------------------------------------------------------------------------------------------------

ENDLESS_ROWS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i AS number FROM n"
PROGRAMS = {
    "view": f"ALTER TABLE trials RENAME TO others; CREATE VIEW trials AS {ENDLESS_ROWS}",
    "more": f"CREATE VIEW more AS {ENDLESS_ROWS}",
    "trigger": f"CREATE TRIGGER at_work AFTER INSERT ON work BEGIN INSERT INTO updates {ENDLESS_ROWS}; END",
    "virtual table": "CREATE VIRTUAL TABLE words USING fts5(text)",
    "computed column": "ALTER TABLE updates ADD COLUMN more TEXT AS (instr(zeroblob(100000000), zeroblob(50000000)))",
    "condition": "CREATE TABLE more (number INTEGER CHECK (length(zeroblob(number)) > 0))",
    "default": "CREATE TABLE more (number INTEGER DEFAULT (random()))",
    "index": "CREATE INDEX costly ON trials (replace(zeroblob(number), 'a', 'b'))",
    "disguise": "CREATE VIEW more AS SELECT 1; PRAGMA writable_schema = ON; "
    "UPDATE sqlite_master SET type = 'table', rootpage = 2 WHERE name = 'more'",
}


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_store_with_a_program_is_refused_at_once(cli: Cli, run: Path, program: str) -> None:
    with closing(sqlite3.connect(run / FILE_NAME)) as connection:
        connection.executescript(PROGRAMS[program])
    content = (run / FILE_NAME).read_bytes()
    expected = "is corrupted" if program == "disguise" else "expected tables of plain columns only"
    assert expected in refused(cli, "show", run)
    with pytest.raises(StoreError, match=expected):
        Store.open(run)
    assert (run / FILE_NAME).read_bytes() == content


def test_a_value_beyond_the_limit_is_refused(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(sqlite3.connect(run / FILE_NAME)) as connection:
        connection.execute("UPDATE trials SET error = hex(zeroblob(1000000)) WHERE number = 3")
        connection.commit()
    with Store.read(run) as store:
        assert len(store.trials()) == 12
    monkeypatch.setattr(store_file, "LARGEST_VALUE", 1_000_000)
    with Store.read(run) as store, pytest.raises(StoreError, match="a value of more than 1,000,000 bytes"):
        store.trials()


def test_a_query_that_never_ends_is_ended(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_file, "LONGEST_QUERY_SECONDS", 0.2)
    with Store.read(run) as store:
        with pytest.raises(StoreError, match="a query ran for more than"):
            store._rows(f"SELECT count(*) FROM ({ENDLESS_ROWS})")
        assert len(store.trials()) == 12


def test_a_store_beyond_the_limit_is_not_copied_into_memory(cli: Cli, run: Path) -> None:
    os.truncate(run / FILE_NAME, store_file.LARGEST_STORE + 1)  # a sparse file, which takes no space
    assert f"expected at most {store_file.LARGEST_STORE:,}" in refused(cli, "show", run)


NAME = "validation_accuracy"


@pytest.mark.parametrize("score", ["absent", "a word", "NaN"])
def test_a_measured_trial_without_its_score_is_refused(cli: Cli, run: Path, score: str) -> None:
    with closing(sqlite3.connect(run / "run.sqlite")) as connection, connection:
        found = connection.execute("SELECT number, metrics FROM trials WHERE state = 'done'").fetchone()
        changed = {**json.loads(found[1]), NAME: {"a word": "high", "NaN": math.nan}.get(score)}
        if score == "absent":
            del changed[NAME]
        connection.execute("UPDATE trials SET metrics = ? WHERE number = ?", (json.dumps(changed), found[0]))
    result = cli("resume", run, "--trials", 100)
    assert (result.exit_code, f"trial {found[0]} has the {NAME}" in result.stderr) == (2, True), result.stderr


def test_a_deeply_nested_document_is_refused(cli: Cli, run: Path) -> None:
    with closing(sqlite3.connect(run / FILE_NAME)) as connection:
        connection.execute("UPDATE documents SET value = ? WHERE name = 'about'", ("[" * 100_000 + "]" * 100_000,))
        connection.commit()
    assert "is corrupted or no netwright store" in refused(cli, "show", run)


def test_a_journal_that_names_another_file_is_refused(run: Path, own: Path) -> None:
    (run / f"{FILE_NAME}-journal").write_bytes(bytes(100) + os.fsencode(own) + store_file.NAMES_ANOTHER_FILE)
    with pytest.raises(StoreError, match="names another file to be deleted"):
        Store.open(run)
    assert own.read_bytes() == KEPT


# Reading --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ENDLESS)
def test_only_regular_files_are_read(cli: Cli, run: Path, tmp_path: Path, kind: str) -> None:
    make = ENDLESS[kind]
    for name in ("text.txt", "text.gz", "images.npz", "network.json", "grid.json", "weights.safetensors"):
        make(tmp_path / name)
    expected = f"it is {kind}, not a regular file"
    for data in ("text.txt", "text.gz"):
        assert expected in refused(cli, "search", "text", "--data", tmp_path / data, "-o", tmp_path / "new")
    refused(cli, "search", "images", "--data", tmp_path / "images.npz", "-o", tmp_path / "new")
    with pytest.raises(DataError, match=expected):
        read_npz(tmp_path / "images.npz", 64)
    assert expected in refused(cli, "draw", tmp_path / "network.json")
    assert expected in refused(cli, "train", tmp_path / "network.json", "--task", "digits")
    for read in (Record.read, lambda path: Measured(path, {}, None)):
        with pytest.raises(StoreError, match=expected):
            read(tmp_path / "grid.json")
    network = torch.nn.Linear(1, 1)
    optimizer = torch.optim.SGD(network.parameters())
    with pytest.raises(DataError, match=expected):
        Checkpoint(tmp_path / "weights.safetensors").restore(network, optimizer, torch.Generator())
    (run / FILE_NAME).unlink()
    make(run / FILE_NAME)
    refused(cli, "show", run)
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("name", ["model.json", "architecture.json", "model.safetensors"])
def test_a_model_is_read_from_regular_files(tmp_path: Path, name: str) -> None:
    model = Path(shutil.copytree(OLDER / "image_model", tmp_path / "model"))
    for kind, make in ENDLESS.items():
        (model / name).unlink()
        make(model / name)
        with pytest.raises(DataError, match=f"{name} cannot be read: it is {kind}, not a regular file"):
            nw.load(model)


def test_an_image_that_is_none_is_left_out(tmp_path: Path) -> None:
    pytest.importorskip("PIL")
    import numpy as np
    from PIL import Image

    from netwright.tasks.images.user_images import load_images

    for label in "ab":
        (tmp_path / label).mkdir()
        for number in range(5):
            Image.fromarray(np.full((8, 8), 20 * number, np.uint8)).save(tmp_path / label / f"{number}.png")
    os.mkfifo(tmp_path / "a" / "pipe.png")
    (tmp_path / "a" / "zero.png").symlink_to("/dev/zero")
    assert "2 files that cannot be read left out, the first: a/pipe.png (" in " ".join(load_images(tmp_path).notes)


def test_files_have_a_largest_size(tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    path.touch()
    os.truncate(path, LARGEST_JSON + 1)
    with pytest.raises(StoreError, match=f"more than {LARGEST_JSON:,}"):
        Record.read(path)
    with pytest.raises(OSError, match="more than 10"):
        read_whole(Path("/proc/self/status"), 10)  # a regular file whose size is given as 0


# Terminals ------------------------------------------------------------------------------------------------------------


def assert_harmless(*texts: str) -> None:
    for text in texts:
        assert not set(text) & CONTROLS


def test_control_characters_are_escaped() -> None:
    assert printable("a\x1b[31m\x00\x7f\x9b\u202e\udce9\ud800\r\n\tb é ± ─") == (
        "a\\x1b[31m\\x00\\x7f\\x9b\\u202e\\xe9\\ud800\\x0d\n\tb é ± ─"
    )
    assert printable("a\n\tb", one_line=True) == "a\\n\\tb"
    assert (
        str(DataError(ATTACK)) == printable(ATTACK) == "\\x1b]52;c;cm0gLXJmIH4=\\x07\\x1b[2J\\x9b31m\\u202e\\x0d\\x7f"
    )


def test_no_escape_of_a_stored_run_reaches_the_terminal(cli: Cli, run: Path) -> None:
    with closing(sqlite3.connect(run / FILE_NAME)) as connection:
        for name in ("config", "about"):
            (value,) = connection.execute("SELECT value FROM documents WHERE name = ?", (name,)).fetchone()
            escaped = ATTACK.encode("unicode_escape").decode().replace("\\x", "\\u00")
            value = value.replace('"digits"', f'"digits{escaped}"', 1)
            value = value.replace('"data_notes": []', f'"data_notes": ["{escaped}\\nforged: line"]')
            connection.execute("UPDATE documents SET value = ? WHERE name = ?", (value, name))
        connection.execute(
            "UPDATE trials SET state = 'failed', reward = 0, error = ?, failure_kind = 'exception' WHERE number = 3",
            (f"LookupError: {ATTACK}",),
        )
        connection.execute(
            "UPDATE trials SET architecture = ? WHERE number = 5", (f'{{"name{escaped}": "{escaped}"}}',)
        )
        connection.commit()
    shown = cli("show", run)
    assert shown.exit_code == 0
    assert_harmless(shown.output)
    assert shown.output.count(printable(ATTACK)) >= 3  # the recipe, the note, the error
    assert "\nforged" not in shown.output
    assert_harmless(cli("show", run, "--json").output)
    for command in ("report", "draw", "resume", "confirm", "replay"):
        assert_harmless(cli(command, run).output)


def test_no_escape_of_a_path_or_argument_reaches_the_terminal(cli: Cli, recipe_file: Path, tmp_path: Path) -> None:
    folder = tmp_path / f"folder{ATTACK}"
    folder.mkdir()
    recipe = shutil.move(recipe_file, folder / recipe_file.name)
    searched = cli("search", f"{recipe}:of_sometimes", "--strategy", "random", "--trials", 8, "-o", folder / "run")
    assert searched.exit_code == 0
    for command in (
        ("show", folder / "run"),
        ("draw", folder / "run"),
        ("report", folder / "run"),
        ("compare", f"{recipe}:config", "--strategies", "random", "--num-seeds", 1, "--trials", 2, "-o", folder / "c"),
        ("train", folder / "nothing.json", "--task", "digits"),
        ("export", folder / "model", "--to", "code"),
        ("show", folder, ATTACK),
        (ATTACK,),
        ("show", f"--{ATTACK}", "x"),
        ("search", ATTACK),
    ):
        assert_harmless(cli(*command).output)
    assert_harmless(searched.output)
    assert f"Report: {printable(str(folder / 'run' / 'report.html'))}" in searched.output


def test_a_table_in_a_terminal_is_harmless(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    from netwright.cli.tables import print_table

    terminal = Terminal()
    monkeypatch.setattr(Terminal, "is_terminal", True)
    print_table(terminal, [ATTACK], [[f"{ATTACK}[red]x[/red]\n:smile:"]])
    terminal.print(ATTACK, f"[bold]{ATTACK}[/]")
    printed = capsys.readouterr().out
    assert "[red]x[/red]\\n:smile:" in printed
    assert not any(each in printed for each in ("\x1b]", "\x1b[2J", *(CONTROLS - {"\x1b"})))


def test_warnings_of_a_search_from_python_are_harmless() -> None:
    @nw.space
    def tiny() -> Iterator[nw.Choice]:
        return (yield nw.Choice("width", (1, 2)))

    def evaluate(width: int) -> float:
        if width == 1:
            raise LookupError(ATTACK)
        return 1.0

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        nw.search(tiny(), evaluate, num_trials=12, strategy="random", seed=1)
    assert any("trials failed" in str(each.message) for each in caught)
    assert_harmless(*(str(each.message) for each in caught))
