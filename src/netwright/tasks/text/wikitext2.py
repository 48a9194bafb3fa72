"""WikiText-2, by word: two million words of Wikipedia's good articles.

Source: S. Merity et al., Pointer Sentinel Mixture Models, 2016. Words that occur less than three times are <unk>; blank
lines and headings are ordinary lines. The text has the Creative Commons licence CC BY-SA.
"""

from pathlib import Path

from netwright.tasks.text.corpora import OfficialText, find_official, read_official
from netwright.tasks.text.data import TextData
from netwright.tasks.text.tokens import WORDS, numbered

WIKITEXT2 = OfficialText(
    name="WikiText-2",
    file="wiki.{part}.tokens",
    algorithm="sha1",
    checksums={
        "train": "863f29c46ef9d167fff4940ec821195882fe29d1",
        "valid": "0418625c8b4da6e4b5c7a0b9e78d4ae8f7ee5422",
        "test": "c7b8ce0aa086fb34dab808c5c49224211eb2b172",
    },
    # The authors' own address, at s3.amazonaws.com, has refused every download since 2024.
    mirrors=(
        "https://raw.githubusercontent.com/pytorch/examples/main/word_language_model/data/wikitext-2/{part}.txt",
        "https://cdn.jsdelivr.net/gh/pytorch/examples@main/word_language_model/data/wikitext-2/{part}.txt",
    ),
    folders=("wikitext-2", "wikitext2", "data"),
    terms="The three files are in wikitext-2-v1.zip, which wikitext.smerity.com keeps; the text is Wikipedia's, under "
    "CC BY-SA",
)


def find_wikitext2(folder: Path | None, *, verify: bool) -> Path:
    """Return the folder with wiki.train.tokens, wiki.valid.tokens and wiki.test.tokens; see `find_official`."""
    return find_official(WIKITEXT2, folder, verify=verify)


def load_wikitext2(folder: Path | None, *, verify: bool) -> TextData:
    """Load 2,088,628 training, 217,646 validation and 245,569 test words, with line ends; the vocabulary is 33,278."""
    name, parts = read_official(WIKITEXT2, folder, verify=verify)
    return numbered(name, parts, WORDS)
