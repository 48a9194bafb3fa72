"""Subwords: lines come back exactly, the same text gives the same bytes, and damaged models are refused."""

import pickle
import random
import re
import subprocess
import sys

import pytest

from netwright.errors import ConfigError, install
from netwright.subwords import END, PAD, START, UNKNOWN, Subwords

LINES = [
    "Ein Mann mit einem orangefarbenen Hut, der etwas anstarrt.",
    "A man in an orange hat starring at something.",
    "Ein Boston Terrier läuft über saftig-grünes Gras vor einem weißen Zaun.",
    "A Boston Terrier is running on lush green grass in front of a white fence.",
]


@pytest.fixture(scope="module")
def subwords() -> Subwords:
    return Subwords.learned(LINES, 100)


def test_lines_come_back_and_frequent_pieces_have_one_id(subwords: Subwords) -> None:
    assert len(subwords) == 100
    for line in LINES:
        ids = subwords.encode(line)
        assert all(END < number < 100 for number in ids), "no start, no end, no unknown character"
        assert len(ids) < len(line)
        assert subwords.decode(ids) == line
    assert len(subwords.encode("in")) < len("in") + 1
    assert subwords.encode("") == []
    assert subwords.decode([]) == ""


def test_special_ids_are_skipped(subwords: Subwords) -> None:
    ids = subwords.encode(LINES[0])
    assert subwords.decode([START, *ids, UNKNOWN, END, PAD, PAD]) == LINES[0]


def test_the_names_of_special_pieces_are_ordinary_text(subwords: Subwords) -> None:
    assert not {START, END, PAD} & set(subwords.encode("<s> a </s> <pad> <unk>"))


@pytest.mark.parametrize(
    ("line", "read"),
    [
        ("  two  men   run ", "two men run"),
        ("a\N{SNOWMAN} man \N{SNOWMAN} runs", "a man runs"),
        ("in\N{LOWER ONE EIGHTH BLOCK}front", "in front"),
        ("a \ud800man", "a man"),
    ],
)
def test_what_does_not_come_back_is_what_the_docstring_says(subwords: Subwords, line: str, read: str) -> None:
    assert subwords.decode(subwords.encode(line)) == read


def test_case_accents_tabs_and_no_break_spaces_are_kept() -> None:
    line = "Ä\tä a\N{COMBINING DIAERESIS} \N{LATIN SMALL LIGATURE FI}\N{NO-BREAK SPACE}x ² …"
    subwords = Subwords.learned([line], 17)
    assert subwords.decode(subwords.encode(line)) == line


def test_the_same_lines_and_size_give_the_same_bytes() -> None:
    assert Subwords.learned(LINES, 80).to_bytes() == Subwords.learned(iter(LINES), 80).to_bytes()


def test_a_line_longer_than_the_limit_of_the_library_is_learned_too() -> None:
    line = "abcdefghij " * 500 + "xyz"
    assert UNKNOWN not in Subwords.learned(["abcdefghij", line], 20).encode("xyz")


def test_copies_encode_alike(subwords: Subwords) -> None:
    for copy in (pickle.loads(pickle.dumps(subwords)), Subwords.from_bytes(subwords.to_bytes())):
        assert copy.to_bytes() == subwords.to_bytes()
        assert copy.encode(LINES[1]) == subwords.encode(LINES[1])


@pytest.mark.parametrize(("size", "bound"), [(10, r"at least (\d+)"), (5_000, r"at most (\d+)")])
def test_a_size_that_does_not_fit_the_text_is_refused_with_its_bound(size: int, bound: str) -> None:
    with pytest.raises(
        ConfigError, match=rf"evaluate.vocabulary_size is {size:,}; expected for this text {bound}"
    ) as e:
        Subwords.learned(LINES, size)
    found = re.search(bound, str(e.value))
    assert found is not None
    assert len(Subwords.learned(LINES, int(found[1]))) == int(found[1]), "the bound itself is possible"


def test_a_text_without_lines_is_refused() -> None:
    with pytest.raises(ConfigError, match="no 100 subwords can be learned from this text"):
        Subwords.learned([], 100)


def test_a_model_with_other_special_ids_is_refused() -> None:
    sentencepiece = pytest.importorskip("sentencepiece")
    model = bytearray()

    class Writer:
        def write(self, content: bytes) -> None:
            model.extend(content)

    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(LINES), model_writer=Writer(), vocab_size=60, minloglevel=4
    )
    with pytest.raises(ValueError, match=r"other special ids .*expected \[0, 1, 2, 3\], found \[-1, 0, 1, 2\]"):
        Subwords.from_bytes(bytes(model))


@pytest.mark.parametrize("content", [b"", b"\0", b"no model at all", b"\x80\x04K\x01.", b"\n" * 1000])
def test_what_is_no_model_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match="model of sentencepiece"):
        Subwords.from_bytes(content)


def test_damaged_models_are_refused_or_usable(subwords: Subwords, capfd: pytest.CaptureFixture[str]) -> None:
    rng, num_refused = random.Random(0), 0
    for _ in range(5_000):
        content = bytearray(subwords.to_bytes())
        for _ in range(rng.choice((1, 1, 2, 5, 30))):
            content[rng.randrange(len(content))] = rng.choice((0, 1, 4, 128, 255, rng.randrange(256)))
        try:
            damaged = Subwords.from_bytes(bytes(content))
        except ValueError:
            num_refused += 1
        else:
            damaged.decode(damaged.encode(LINES[0]))
            damaged.decode(range(len(damaged)))
    assert 500 < num_refused < 5_000
    assert capfd.readouterr() == ("", "")


def test_nothing_is_printed() -> None:
    code = f"""
from contextlib import suppress
from netwright.subwords import ConfigError, Subwords
Subwords.learned({LINES}, 100)
with suppress(ConfigError):
    Subwords.learned({LINES}, 5)
with suppress(ValueError):
    Subwords.from_bytes(b"no model")
"""
    ended = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)  # no other test set its level
    assert (ended.stdout, ended.stderr) == (b"", b"")


def test_without_sentencepiece_the_error_says_what_to_install(
    subwords: Subwords, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "sentencepiece", None)
    for use in (lambda: Subwords.learned(LINES, 100), lambda: Subwords.from_bytes(subwords.to_bytes())):
        with pytest.raises(ConfigError) as raised:
            use()
        assert f"sentencepiece, not installed here: {install('translation')}" in str(raised.value)
