"""Parallel texts: Multi30k's official files and a user's folder; which lines belong together, and what is refused."""

import gzip
import hashlib
import random
import re
import threading
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from netwright.errors import ConfigError, DataError
from netwright.subwords import UNKNOWN, Subwords
from netwright.tasks.catalog import open_images, open_parallel, open_text, prepare_task
from netwright.tasks.text.parallel import multi30k
from netwright.tasks.text.parallel.data import ParallelText

FILES = {
    "train.de": "Ein Hund.\n Zwei Katzen. \nDrei\xa0Vögel.\n",
    "train.en": "A dog.\nTwo cats.\nThree birds.\n",
    "val.de": "Ein Kind.\n",
    "val.en": "A child.\n",
    "test.de": "Eine Frau.\nEin Mann.\n",
    "test.en": "A woman.\nA man.\n",
}


@pytest.fixture(autouse=True)
def no_data_of_the_users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pooch.os_cache", lambda _project: tmp_path / "cache")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def written(folder: Path, files: Mapping[str, str] = FILES) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        path = folder / name
        path.write_bytes(gzip.compress(content.encode()) if path.suffix == ".gz" else content.encode())
    return folder


def opened(folder: Path) -> ParallelText:
    return open_parallel("parallel", prepare_task("parallel", folder, verify=True), verify=False)


# A folder of the user's own -------------------------------------------------------------------------------------------


def test_a_folder_is_read_as_it_is(tmp_path: Path) -> None:
    data = opened(written(tmp_path / "mine"))
    assert data.languages == ("de", "en")
    assert data.train == {
        "de": ("Ein Hund.", "Zwei Katzen.", "Drei\xa0Vögel."),
        "en": ("A dog.", "Two cats.", "Three birds."),
    }
    assert data.validation == {"de": ("Ein Kind.",), "en": ("A child.",)}
    assert data.test == {"de": ("Eine Frau.", "Ein Mann."), "en": ("A woman.", "A man.")}
    assert re.fullmatch(r"mine \([0-9a-f]{8}\)", data.name)
    [note] = data.notes
    assert "de to en" in note
    assert "--set evaluate.source=en --set evaluate.target=de" in note
    assert data.identity is not None
    assert data.identity.extent == "3 + 1 + 2 pairs of lines"


@pytest.mark.parametrize("name", ["valid", "validation", "val"])
@pytest.mark.parametrize("ending", ["", ".gz"])
def test_files_may_have_other_names_or_be_packed(tmp_path: Path, name: str, ending: str) -> None:
    data = opened(written(tmp_path / "mine"))
    files = {f"{file.replace('val', name)}{ending}": content for file, content in FILES.items()}
    same = opened(written(tmp_path / "other", {**files, "README": "Our text.", "notes.txt": ""}))
    assert (same.train, same.validation, same.test) == (data.train, data.validation, data.test)
    assert same.identity == data.identity, "the names of files and folders do not count"


def test_other_lines_have_another_identity(tmp_path: Path) -> None:
    data = opened(written(tmp_path))
    other = opened(written(tmp_path, {"test.en": "A woman.\nA boy.\n"}))
    assert data.identity is not None
    assert other.identity is not None
    assert data.identity.sha256 != other.identity.sha256


@pytest.mark.parametrize(
    ("changes", "removed", "message"),
    [
        ({}, ["test.de", "test.en"], r"lacks test.de, test.en; expected a folder with train.XX"),
        ({}, ["val.en"], r"lacks valid.en; expected"),
        ({}, list(FILES), r"no files of a parallel text; expected"),
        ({"train.fr": "Un chien.\n"}, [], r"the languages de, en, fr; expected .*two languages XX"),
        ({}, [name for name in FILES if name.endswith("de")], r"the languages en; expected .*two languages"),
        ({"valid.en": "A child.\n"}, [], r"val.en and valid.en, which are the same part; .*one file for valid.en"),
        ({"train.en.gz": "A dog.\n"}, [], r"train.en and train.en.gz, which are the same part"),
        ({"train.en": "A dog.\nTwo cats.\n"}, [], r"train.de has 3 lines and .*train.en has 2 lines; expected as many"),
        ({"test.de": "Eine Frau.\n\n"}, [], r"line 2 of .*test.de is empty; expected a sentence in every line"),
        ({"test.de": "Eine Frau.\n \t\xa0\nx\n"}, [], r"line 2 of .*test.de is empty"),
        ({"val.de": ""}, [], r"val.de is empty: no word in 0 bytes"),
        ({"val.de": "a\0b\n"}, [], r"val.de is no text: its byte 1 is 0"),
    ],
)
def test_a_folder_that_is_no_parallel_text_is_refused(
    tmp_path: Path, changes: dict[str, str], removed: list[str], message: str
) -> None:
    written(tmp_path, {**FILES, **changes})
    for name in removed:
        (tmp_path / name).unlink()
    with pytest.raises(DataError, match=message):
        opened(tmp_path)


def test_what_is_not_utf8_is_refused(tmp_path: Path) -> None:
    (written(tmp_path) / "train.de").write_bytes(FILES["train.de"].encode("latin-1"))
    with pytest.raises(DataError, match=r"train.de is not in UTF-8: its byte \d+ is 0xa0"):
        opened(tmp_path)


def test_a_path_that_leads_nowhere_is_explained(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"needs --data FOLDER; expected a folder with train.XX"):
        prepare_task("parallel", None, verify=True)
    with pytest.raises(DataError, match=r"nowhere does not exist; expected a folder"):
        prepare_task("parallel", tmp_path / "nowhere", verify=True)
    with pytest.raises(DataError, match=r"train.de is no folder; expected a folder"):
        prepare_task("parallel", written(tmp_path) / "train.de", verify=True)


def test_damaged_files_are_refused_or_pair_every_line(tmp_path: Path) -> None:
    rng, num_read = random.Random(0), 0
    for _ in range(100):
        written(tmp_path)
        path = tmp_path / rng.choice(list(FILES))
        content = bytearray(path.read_bytes())
        content[rng.randrange(len(content))] = rng.choice((0, 9, 10, 13, 32, 255, rng.randrange(256)))
        path.write_bytes(content[: rng.randrange(len(content))] if rng.random() < 0.3 else content)
        try:
            data = opened(tmp_path)
        except DataError:
            continue
        num_read += 1
        for part in (data.train, data.validation, data.test):
            assert len(part["de"]) == len(part["en"])
            assert all(line == line.strip() != "" for lines in part.values() for line in lines)
    assert 10 < num_read < 90


# Multi30k -------------------------------------------------------------------------------------------------------------

SMALL = {name.replace("test", "test_2016_flickr"): content for name, content in FILES.items()}


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> multi30k.OfficialText:
    """The few lines above in the place of the official ones."""
    sums = {part: hashlib.sha256(SMALL[part].encode()).hexdigest() for part in multi30k.MULTI30K.checksums}
    changed = replace(multi30k.MULTI30K, checksums=sums, mirrors=())
    monkeypatch.setattr(multi30k, "MULTI30K", changed)
    return changed


@pytest.mark.parametrize("place", [".", "multi30k"])
@pytest.mark.parametrize("ending", ["", ".gz"])
def test_multi30k_is_found_plain_or_packed(
    small: multi30k.OfficialText, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str, ending: str
) -> None:
    written(tmp_path / place, {f"{name}{ending}": content for name, content in SMALL.items()})
    monkeypatch.setenv("NETWRIGHT_DATA", str(tmp_path))
    data = open_parallel("multi30k", prepare_task("multi30k", None, verify=True), verify=False)
    assert data.name == "Multi30k"
    assert data.languages == ("en", "de")
    assert data.train["en"] == ("A dog.", "Two cats.", "Three birds.")
    assert data.validation == {"en": ("A child.",), "de": ("Ein Kind.",)}
    assert data.test["de"] == ("Eine Frau.", "Ein Mann.")
    assert data.identity is None


def test_another_copy_is_refused_unless_it_is_wanted(tmp_path: Path) -> None:
    written(tmp_path, SMALL)
    with pytest.raises(DataError, match=r"train.en has sha256 .* official file has 460a.*--no-verify-data"):
        prepare_task("multi30k", tmp_path, verify=True)
    assert open_parallel("multi30k", tmp_path, verify=False).name == "Multi30k (unverified copy)"
    (tmp_path / "val.de").unlink()
    with pytest.raises(DataError, match=r"lacks val\.de; expected the files train.en, train.de, val.en"):
        prepare_task("multi30k", tmp_path, verify=False)
    written(tmp_path, {"val.de": "Ein Kind.\nEin Ball.\n"})
    with pytest.raises(DataError, match=r"val.en has 1 lines? and .*val.de has 2 lines"):
        open_parallel("multi30k", tmp_path, verify=False)


@pytest.fixture
def mirror(tmp_path: Path) -> Iterator[str]:
    """The address of a server with packed files: right ones in /good, wrong ones in /bad, and no gzip in /broken."""
    written(tmp_path / "mirror" / "good", {f"{name}.gz": content for name, content in SMALL.items()})
    written(tmp_path / "mirror" / "bad", {f"{name}.gz": content + "x\n" for name, content in SMALL.items()})
    for path in written(tmp_path / "mirror" / "broken", {f"{name}.gz": "" for name in SMALL}).iterdir():
        path.write_bytes(path.read_bytes()[:12])

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path / "mirror"))) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()
        thread.join()


def test_packed_files_are_downloaded_unpacked_and_verified(
    small: multi30k.OfficialText, mirror: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mirrors = tuple(f"{mirror}/{folder}/{{part}}.gz" for folder in ("nothing", "broken", "bad", "good"))
    monkeypatch.setattr(multi30k, "MULTI30K", replace(small, mirrors=mirrors))
    folder = prepare_task("multi30k", None, verify=True)
    assert folder == tmp_path / "cache" / "multi30k"
    assert {path.name: path.read_bytes().decode() for path in folder.iterdir()} == SMALL, "and no other file is left"
    monkeypatch.setattr(multi30k, "MULTI30K", replace(small, mirrors=("http://127.0.0.1:9/{part}.gz",)))
    assert open_parallel("multi30k", None, verify=True).name == "Multi30k"


def test_a_download_that_fails_says_where_the_files_are(
    small: multi30k.OfficialText, mirror: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(multi30k, "MULTI30K", replace(small, mirrors=(f"{mirror}/bad/{{part}}.gz",)))
    with pytest.raises(DataError, match=r"could not be downloaded(.|\n)*github.com/multi30k/dataset"):
        prepare_task("multi30k", None, verify=False)


@pytest.fixture(scope="module")
def real_multi30k(real_data: Path) -> ParallelText:
    if not (real_data / "multi30k").is_dir():
        pytest.skip("the data of this machine have no Multi30k")
    return open_parallel("multi30k", prepare_task("multi30k", real_data, verify=True), verify=False)


def test_the_real_multi30k_has_its_published_pairs(real_multi30k: ParallelText) -> None:
    assert real_multi30k.name == "Multi30k"
    parts = (real_multi30k.train, real_multi30k.validation, real_multi30k.test)
    assert [(len(part["en"]), len(part["de"])) for part in parts] == [(29_000,) * 2, (1_014,) * 2, (1_000,) * 2]
    assert [part["en"][0] for part in parts] == [
        "Two young, White males are outside near many bushes.",
        "A group of men are loading cotton onto a truck",
        "A man in an orange hat starring at something.",
    ]
    assert [part["de"][0] for part in parts] == [
        "Zwei junge weiße Männer sind im Freien in der Nähe vieler Büsche.",
        "Eine Gruppe von Männern lädt Baumwolle auf einen Lastwagen",
        "Ein Mann mit einem orangefarbenen Hut, der etwas anstarrt.",
    ]


def test_all_real_lines_survive_subwords_up_to_runs_of_spaces(real_multi30k: ParallelText) -> None:
    lines = [line for language in ("en", "de") for line in real_multi30k.train[language]]
    subwords = Subwords.learned(lines, 4_000)
    assert len(subwords) == 4_000
    for line in lines:
        ids = subwords.encode(line)
        assert UNKNOWN not in ids
        assert subwords.decode(ids) == re.sub(" +", " ", line)
    assert Subwords.learned(lines, 4_000).to_bytes() == subwords.to_bytes()


# The kinds of data ----------------------------------------------------------------------------------------------------


def test_each_kind_of_data_is_refused_for_the_others(tmp_path: Path) -> None:
    written(tmp_path)
    with pytest.raises(ConfigError, match=r"'parallel' is a parallel text, .*language models .*'pydoc', 'ptb' or"):
        open_text("parallel", tmp_path, verify=False)
    with pytest.raises(ConfigError, match=r"'parallel' is a parallel text, .*convolutional networks .*'digits'"):
        open_images("parallel", tmp_path, verify=False)
    with pytest.raises(ConfigError, match=r"'digits' has images, and translation models .*'multi30k' or 'parallel'"):
        open_parallel("digits", None, verify=False)
    with pytest.raises(ConfigError, match=r"'pydoc' is a text, and translation models are trained on parallel texts"):
        open_parallel("pydoc", None, verify=False)
