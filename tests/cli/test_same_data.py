"""A run goes on with its data wherever that lies, refuses other data, and says when only the reader changed."""

import json
import os
import shlex
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from netwright.searching.store import FILE_NAME
from netwright.tasks.images import user_images
from netwright.tasks.images.user_images import load_images
from netwright.tasks.text import user_text
from netwright.tasks.text.tokens import WORDS
from netwright.tasks.text.user_text import load_text
from oracles.refusals import Cli, digest, refused

QUICK = ("--workers", 1, "--set", "batch_size=2", "--set", "evaluate.epochs=1", "--set", "confirm.at_end=false")
SMALL = ("--set", "space.num_layers=2", "--set", "strategy.hidden_size=6")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """60 images of three classes in a folder."""
    from PIL import Image

    pixels = np.random.default_rng(0).integers(0, 256, (60, 8, 8), np.uint8)
    for number, image in enumerate(pixels):
        folder = tmp_path / "project" / "my images" / "abc"[number % 3]
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(folder / f"{number:02}.png")
    return tmp_path / "project" / "my images"


@pytest.fixture
def images_run(cli: Cli, data: Path) -> Path:
    """Two trials on `data`, in the same project folder."""
    run = data.parent / "it's $1 run"
    searched = cli("search", "images", "--data", data, "--trials", 2, "-o", run, *QUICK, *SMALL)
    assert searched.exit_code == 0, searched.stderr
    return run


def about(run: Path) -> dict[str, object]:
    with closing(sqlite3.connect(run / FILE_NAME)) as connection:
        rows = connection.execute("SELECT value FROM documents WHERE name = 'about'").fetchall()
    return dict(json.loads(rows[0][0]))


def as_an_older_netwright_left_it(run: Path, older: str) -> None:
    """Without an identity, and with the checksum of the decoded pixels in the name."""
    document = {**about(run), "data": f"my images ({older})"}
    document.pop("data_id", None)
    with closing(sqlite3.connect(run / FILE_NAME, isolation_level=None)) as connection:
        connection.execute("UPDATE documents SET value = ? WHERE name = 'about'", (json.dumps(document),))


def test_a_renamed_folder_goes_on(cli: Cli, data: Path, images_run: Path) -> None:
    name = about(images_run)["data"]
    renamed = data.rename(data.with_name("other name"))
    for command in ("resume", "confirm"):
        more = ("--trials", 4) if command == "resume" else ("--top", 1, "--num-seeds", 1)
        done = cli(command, images_run, "--data", renamed, "--workers", 1, *more)
        assert done.exit_code == 0, done.stderr
    for _ in range(2):  # the second one finds the finished model
        trained = cli("train", images_run, "--data", renamed, "--grid", "none", "--epochs", 1)
        assert trained.exit_code == 0, trained.stderr
        renamed = renamed.rename(renamed.with_name("a third name"))
    assert about(images_run)["data"] == name


def test_a_moved_project_names_the_command_that_finds_the_data(cli: Cli, data: Path, images_run: Path) -> None:
    run = images_run.parent.rename(images_run.parent.with_name("moved")) / images_run.name
    for command in ("resume", "confirm", "train"):
        message = refused(cli, command, run)
        assert f"the data {data} does not exist" in message
        remedy = f"name its new place: {shlex.join(['netwright', command, str(run), '--data', 'PATH'])}"
        assert message.endswith(remedy)
    done = cli("resume", run, "--trials", 3, "--data", run.parent / data.name, "--workers", 1)
    assert done.exit_code == 0, done.stderr
    assert cli("resume", run, "--trials", 4, "--workers", 1).exit_code == 0  # the new place is stored


@pytest.mark.parametrize("accept", [(), ("--accept-data",)])
def test_changed_files_are_refused_with_what_changed(
    cli: Cli, data: Path, images_run: Path, accept: tuple[str, ...]
) -> None:
    shutil.copy(data / "a" / "00.png", data / "b" / "more.png")
    before = digest(images_run)
    for command in (("resume", images_run, "--trials", 6), ("confirm", images_run), ("train", images_run)):
        message = refused(cli, *command, *accept)
        assert f"{images_run} was searched on my images (" in message
        assert "its files were 60 images in 3 classes, and are now 61 images in 3 classes" in message
        assert message.endswith("give it the same data, or search the present data in a run of its own")
        assert digest(images_run) == before


def test_another_reader_is_said_and_accepted(cli: Cli, images_run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    version = user_images.READER_VERSION
    monkeypatch.setattr(user_images, "READER_VERSION", version + 1)
    before = digest(images_run)
    for command in (("resume", images_run, "--trials", 4), ("confirm", images_run), ("train", images_run)):
        message = refused(cli, *command)
        assert f"the data is read by version {version + 1} of the reader and no longer by version {version}" in message
        assert "the same command with --accept-data goes on with it" in message
        assert digest(images_run) == before
    accepted = cli("resume", images_run, "--trials", 4, "--workers", 1, "--accept-data")
    assert accepted.exit_code == 0, accepted.stderr
    assert about(images_run)["data_id"]["version"] == version + 1  # type: ignore[index]
    assert "data: another reader was accepted by --accept-data: first my images (" in cli("show", images_run).stdout
    assert cli("resume", images_run, "--trials", 6, "--workers", 1).exit_code == 0


def test_a_final_training_with_another_reader_notes_it_in_the_model(
    cli: Cli, images_run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(user_images, "READER_VERSION", user_images.READER_VERSION + 1)
    trained = cli("train", images_run, "--grid", "none", "--epochs", 1, "--accept-data")
    assert trained.exit_code == 0, trained.stderr
    model = json.loads((images_run / "model" / "model.json").read_text())
    assert "another reader was accepted" in model["data_notes"][-1]
    assert model["data_id"]["version"] == user_images.READER_VERSION
    assert about(images_run)["data_id"]["version"] == user_images.READER_VERSION - 1  # type: ignore[index]


def test_a_run_of_an_older_netwright_is_compared_by_its_checksum_and_not_by_the_folder(
    cli: Cli, data: Path, images_run: Path
) -> None:
    identity = load_images(data).identity
    assert identity is not None
    as_an_older_netwright_left_it(images_run, "00000000")
    message = refused(cli, "resume", images_run, "--trials", 4)
    assert f"the checksum of its decoded content, the only one that an older netwright stored, is {identity.older}" in (
        message
    )
    assert "--accept-data goes on" in message
    as_an_older_netwright_left_it(images_run, identity.older)
    renamed = data.rename(data.with_name("other name"))
    done = cli("resume", images_run, "--trials", 4, "--data", renamed, "--workers", 1)
    assert done.exit_code == 0, done.stderr
    assert about(images_run)["data_id"] == identity.to_json()


def test_the_identity_is_of_names_of_classes_and_bytes_alone(data: Path, tmp_path: Path) -> None:
    def checksum(folder: Path) -> str:
        identity = load_images(folder).identity
        assert identity is not None
        return identity.sha256

    before = checksum(data)
    copy = Path(shutil.copytree(data, tmp_path / "copy"))
    (copy / "a" / "notes.txt").write_text("left out")
    os.utime(copy / "a" / "00.png", (0, 0))
    assert checksum(copy) == before
    (copy / "a").rename(copy / "A")
    assert checksum(copy) != before
    moved = Path(shutil.copytree(data, tmp_path / "moved"))
    (moved / "a" / "57.png").rename(moved / "b" / "00.png")
    assert checksum(moved) != before


def test_arrays_are_identified_by_their_bytes_however_they_are_packed(tmp_path: Path) -> None:
    arrays = {"images": np.arange(60 * 64, dtype=np.uint8).reshape(60, 8, 8), "labels": np.arange(60) % 3}
    np.savez(tmp_path / "plain.npz", **arrays)  # type: ignore[arg-type]
    np.savez_compressed(tmp_path / "packed.npz", **arrays)  # type: ignore[arg-type]
    np.savez(tmp_path / "other.npz", images=arrays["images"], labels=(np.arange(60) + 1) % 3)
    plain, packed, other = (load_images(tmp_path / f"{name}.npz").identity for name in ("plain", "packed", "other"))
    assert plain is not None
    assert other is not None
    assert plain == packed
    assert plain.sha256 != other.sha256


def test_a_text_is_identified_by_its_bytes_and_the_reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "".join(f"the {word} is there\n" for word in ("cat", "dog", "owl", "fox") * 30)
    (tmp_path / "a.txt").write_text(text)
    (tmp_path / "b.txt").write_text(text)
    (tmp_path / "c.txt").write_text(text.replace(" is ", "  is "))  # the same words
    a, b, c = (load_text(tmp_path / f"{name}.txt", WORDS).identity for name in "abc")
    assert a is not None
    assert c is not None
    assert a == b
    assert a.older == c.older
    assert a.sha256 != c.sha256
    monkeypatch.setattr(user_text, "READER_VERSION", 2)
    again = load_text(tmp_path / "a.txt", WORDS).identity
    assert again is not None
    assert (again.sha256, again.version) == (a.sha256, 2)


def test_a_comparison_goes_on_with_a_renamed_folder(cli: Cli, data: Path, tmp_path: Path) -> None:
    compare = ("compare", "images", "--strategies", "random", "--trials", 2, "-o", tmp_path / "comparison", *QUICK)
    compare = (*compare, "--set", "space.num_layers=2")
    assert cli(*compare, "--num-seeds", 1, "--data", data).exit_code == 0
    renamed = data.rename(data.with_name("other name"))
    again = cli(*compare, "--num-seeds", 2, "--data", renamed)
    assert again.exit_code == 0, again.stderr
    shutil.copy(renamed / "a" / "00.png", renamed / "b" / "more.png")
    assert "holds a comparison with data my images (" in refused(cli, *compare, "--num-seeds", 3, "--data", renamed)
