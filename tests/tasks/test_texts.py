"""Texts by word and by character: what is a token, where the parts come from, and what is refused."""

import gzip
import hashlib
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch

from netwright.architectures.word_inputs import num_characters_of
from netwright.errors import ConfigError, DataError
from netwright.recipes.reference_models import SPELLED_WITH
from netwright.tasks import files as text_files
from netwright.tasks.catalog import open_images, open_text, prepare_task
from netwright.tasks.text import penn_treebank
from netwright.tasks.text.data import TextData, check_long_enough
from netwright.tasks.text.tokens import CHARACTERS, WORDS, numbered

PARTS = {"train": " the cat sat \n the <unk> sat \n", "valid": " the dog \n", "test": " a cat \n"}


@pytest.fixture(autouse=True)
def no_data_of_the_users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NETWRIGHT_DATA", raising=False)
    monkeypatch.setattr("pooch.os_cache", lambda _project: tmp_path / "cache")


def spelled(data: TextData, part: torch.Tensor) -> list[str]:
    return [data.vocabulary[number] for number in part.tolist()]


def treebank(folder: Path, parts: dict[str, str] = PARTS) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for part, text in parts.items():
        (folder / f"ptb.{part}.txt").write_text(text)
    return folder


# Tokens ---------------------------------------------------------------------------------------------------------------


def test_words_are_split_at_white_space_and_lines_end() -> None:
    data = numbered("x", ["a b\nb\n", "b c\n", "\n"], WORDS)
    assert spelled(data, data.train) == ["a", "b", "<eos>", "b", "<eos>"]
    assert spelled(data, data.validation) == ["b", "<unk>", "<eos>"]
    assert spelled(data, data.test) == ["<eos>"]
    assert set(data.vocabulary) == {"<eos>", "<unk>", "a", "b"}
    assert data.train.dtype == torch.int64
    assert "0.0% of the training tokens, 33.3% of validation, 0.0% of test" in data.notes[0]


def test_characters_are_the_text_itself() -> None:
    data = numbered("x", ["ab\nb\n", "a\n", "b\n"], CHARACTERS)
    assert "".join(spelled(data, data.train)) == "ab\nb\n"
    assert data.unit == "character"
    assert data.notes == ()


def test_the_rarest_words_are_unknown() -> None:
    data = numbered("x", ["a a a b b c\n", "c\n", "b\n"], WORDS, max_vocabulary=4)
    assert data.vocabulary == ("<eos>", "<unk>", "a", "b")
    assert spelled(data, data.train) == ["a", "a", "a", "b", "b", "<unk>", "<eos>"]


def test_a_text_has_to_fill_one_batch() -> None:
    part = torch.zeros(9, dtype=torch.int64)
    data = TextData("mine", part, part[:2], part[:2], ("a",), "word")
    check_long_enough(data, 3, 2)
    with pytest.raises(DataError, match=r"training part of mine has 9 tokens, too few .* 5 rows of 1 tokens .* are 10"):
        check_long_enough(data, 5, 1)
    with pytest.raises(DataError, match="test part of mine has 1 tokens, and 2 are the fewest"):
        check_long_enough(replace(data, test=part[:1]), 3, 2)


# Penn Treebank --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["", "ptb", "data"])
@pytest.mark.parametrize("packed", [False, True])
def test_the_files_are_found_in_their_usual_places(tmp_path: Path, where: str, packed: bool) -> None:
    folder = treebank(tmp_path / where)
    if packed:
        for path in folder.glob("*.txt"):
            (folder / f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes()))
            path.unlink()
    found = prepare_task("ptb", tmp_path, verify=False)
    data = open_text("ptb", found, verify=False)
    assert spelled(data, data.train) == ["the", "cat", "sat", "<eos>", "the", "<unk>", "sat", "<eos>"]
    assert spelled(data, data.validation) == ["the", "<unk>", "<eos>"]
    assert data.name == "Penn Treebank (unverified copy)"


def test_characters_of_the_treebank(tmp_path: Path) -> None:
    data = open_text("ptb-characters", treebank(tmp_path), verify=False)
    assert "".join(spelled(data, data.train)) == "the_cat_sat\nthe_<unk>_sat\n"


def test_what_is_missing_or_foreign_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nowhere does not exist; expected the files ptb.train.txt.*--data"):
        prepare_task("ptb", tmp_path / "nowhere", verify=True)
    with pytest.raises(DataError, match="holds no Penn Treebank"):
        prepare_task("ptb", tmp_path, verify=True)
    treebank(tmp_path)
    with pytest.raises(DataError, match=r"ptb.train.txt has sha256 .* official file has fcea.*--no-verify-data"):
        prepare_task("ptb", tmp_path, verify=True)
    (tmp_path / "ptb.test.txt").unlink()
    with pytest.raises(DataError, match=r"lacks ptb\.test\.txt"):
        prepare_task("ptb", tmp_path, verify=False)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """The address of a mirror with the three small files."""
    treebank(tmp_path / "mirror")

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path / "mirror"))) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()
        thread.join()


def test_the_treebank_is_downloaded_once_from_the_first_mirror_that_has_it(
    server: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    small = replace(
        penn_treebank.PENN_TREEBANK,
        checksums={part: hashlib.sha256(text.encode()).hexdigest() for part, text in PARTS.items()},
        mirrors=(f"{server}/nothing/{{part}}", f"{server}/ptb.{{part}}.txt"),
    )
    monkeypatch.setattr(penn_treebank, "PENN_TREEBANK", small)
    folder = prepare_task("ptb", None, verify=True)
    assert folder == tmp_path / "cache" / "ptb"
    monkeypatch.setattr(penn_treebank, "PENN_TREEBANK", replace(small, mirrors=("http://127.0.0.1:9/{part}",)))
    assert open_text("ptb", None, verify=True).name == "Penn Treebank"


def test_a_download_that_fails_says_whose_the_text_is(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    mirrors = (f"{server}/ptb.{{part}}.txt",)  # with other checksums than these files have
    monkeypatch.setattr(penn_treebank, "PENN_TREEBANK", replace(penn_treebank.PENN_TREEBANK, mirrors=mirrors))
    with pytest.raises(DataError, match=r"could not be downloaded(.|\n)*Linguistic Data Consortium"):
        prepare_task("ptb", None, verify=True)


@pytest.fixture(scope="module")
def real_treebank(real_data: Path) -> Path:
    if not (real_data / "ptb").is_dir():
        pytest.skip("the data of this machine have no Penn Treebank")
    return real_data


def test_the_real_treebank_has_its_published_counts(real_treebank: Path) -> None:
    data = open_text("ptb", prepare_task("ptb", real_treebank, verify=True), verify=False)
    assert data.name == "Penn Treebank"
    assert [len(part) for part in (data.train, data.validation, data.test)] == [929_589, 73_760, 82_430]
    assert len(data.vocabulary) == 10_000
    lines = (real_treebank / "ptb" / "ptb.valid.txt").read_text().splitlines()
    assert spelled(data, data.validation) == [word for line in lines for word in (*line.split(), "<eos>")]
    assert num_characters_of(data.vocabulary) == SPELLED_WITH


def test_the_real_treebank_by_character(real_treebank: Path) -> None:
    data = open_text("ptb-characters", real_treebank, verify=False)
    assert [len(part) for part in (data.train, data.validation, data.test)] == [5_017_482, 393_042, 442_423]
    assert len(data.vocabulary) == 50


# The embedded text ----------------------------------------------------------------------------------------------------


def test_pydoc_needs_no_file_and_fills_its_vocabulary() -> None:
    data = open_text("pydoc", prepare_task("pydoc", None, verify=True), verify=False)
    assert len(data.vocabulary) <= 2_000
    assert len(data.train) > 50_000
    assert min(len(data.validation), len(data.test)) > 5_000
    again = open_text("pydoc", None, verify=False)
    assert torch.equal(data.train, again.train)
    common = [word for word, _ in Counter(spelled(data, data.train)).most_common(10)]
    assert {"the", ".", "<eos>"} <= set(common)


def test_wikitext_is_read_from_a_folder(tmp_path: Path) -> None:
    for part in ("train", "valid", "test"):
        (tmp_path / f"wiki.{part}.tokens").write_text(" \n = Title = \n a word \n")
    data = open_text("wikitext2", prepare_task("wikitext2", tmp_path, verify=False), verify=False)
    assert spelled(data, data.train) == ["<eos>", "=", "Title", "=", "<eos>", "a", "word", "<eos>"]
    with pytest.raises(DataError, match=r"has sha1 .*--no-verify-data"):
        prepare_task("wikitext2", tmp_path, verify=True)


# A text of the user's own ---------------------------------------------------------------------------------------------


def test_a_file_is_divided_by_position(tmp_path: Path) -> None:
    path = tmp_path / "mine.txt"
    path.write_text("".join(f"line number {number}\n" for number in range(100)))
    data = open_text("text", prepare_task("text", path, verify=True), verify=False)
    assert [len(part) for part in (data.train, data.validation, data.test)] == [4 * 81, 4 * 10, 4 * 9]
    assert data.name.startswith("mine.txt (")
    assert "the first 80% to train on" in data.notes[0]
    characters = open_text("text-characters", path, verify=False)
    whole = torch.cat([characters.train, characters.validation, characters.test])
    assert "".join(spelled(characters, whole)).replace("\N{REPLACEMENT CHARACTER}", "9") == path.read_text()
    path.write_text(path.read_text().replace("number 7", "number 8"))
    assert open_text("text", path, verify=False).name != data.name, "other words, another checksum"


def test_a_folder_is_taken_as_it_is(tmp_path: Path) -> None:
    for name, text in (("train.txt", "a b\n"), ("valid.txt", "a\n"), ("test.txt", "b\n")):
        (tmp_path / name).write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    data = open_text("text", prepare_task("text", tmp_path, verify=True), verify=False)
    assert spelled(data, data.train) == ["a", "b", "<eos>"]
    assert data.notes == ()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"mine.txt is empty: no word in 0 bytes"),
        (b" \n \n", r"mine.txt is empty: no word in 4 bytes"),
        (b"good\nb\xe4d\n" * 9, r"mine.txt is not in UTF-8: its byte 6 is 0xe4 .*save it as UTF-8"),
        (b"PK\x00\x03" * 9, r"mine.txt is no text: its byte 2 is 0"),
        (b"one line and nothing else", r"too short to be divided into three parts .* it has 1 line and 26 characters"),
    ],
)
def test_what_is_no_text_is_refused_and_left_alone(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "mine.txt"
    path.write_bytes(content)
    with pytest.raises(DataError, match=message):
        open_text("text", prepare_task("text", path, verify=True), verify=False)
    assert path.read_bytes() == content


def test_a_path_that_leads_nowhere_is_explained(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"needs --data PATH; expected a text file in UTF-8, or a folder"):
        prepare_task("text", None, verify=True)
    with pytest.raises(DataError, match="does not exist"):
        prepare_task("text", tmp_path / "no.txt", verify=True)
    with pytest.raises(DataError, match=r"lacks train.txt, validation.txt, test.txt"):
        prepare_task("text", tmp_path, verify=True)


def test_a_text_that_would_not_fit_into_memory_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "mine.txt"
    path.write_text("a line of words\n" * 100)
    monkeypatch.setattr(text_files, "physical_memory", lambda: 32 * 1000)
    with pytest.raises(DataError, match=r"1,600 bytes or more.*may have 1,000 bytes; cut it"):
        open_text("text", path, verify=False)


def test_a_vocabulary_stays_bounded_however_many_words_there_are(tmp_path: Path) -> None:
    path = tmp_path / "mine.txt"
    path.write_text("".join(f"word{number} word{number + 1}\n" for number in range(30_000)))
    data = open_text("text", path, verify=False)
    assert len(data.vocabulary) == 10_000
    assert "9,998 of the 24" in data.notes[-1]


# The two kinds of data ------------------------------------------------------------------------------------------------


def test_images_are_no_text_and_texts_no_images() -> None:
    with pytest.raises(ConfigError, match="'digits' has images, and language models are trained on a text"):
        open_text("digits", None, verify=False)
    with pytest.raises(ConfigError, match="'pydoc' is a text, and convolutional networks are trained on images"):
        open_images("pydoc", None, verify=False)
