"""Multi30k: 31,014 descriptions of photographs in English with their translations to German, in their raw files.

Source: D. Elliott et al., Multi30K: Multilingual English-German Image Descriptions, 2016. The files are those of task 1
of the WMT shared tasks on multimodal translation; the test part is that of 2016.
"""

from pathlib import Path

from netwright.tasks.text.corpora import OfficialText, find_official, official_files
from netwright.tasks.text.parallel.data import ParallelText, paired

LANGUAGES = ("en", "de")
PARTS = ("train", "val", "test_2016_flickr")
MULTI30K = OfficialText(
    name="Multi30k",
    file="{part}",
    algorithm="sha256",
    checksums={
        "train.en": "460a15fbd157e34a7a9957ee388c1ca247fe47af3ef25fb50442af6c274e0fc6",
        "train.de": "2c2b73fd2b548fbcde3a875e0a78d6ee94d498bfdee6bd3eae3945779e9ddf72",
        "val.en": "1f2a23d992769b5b3d209b0a10dd0b77c08cceb1f20dfb97ed0aafa49d107227",
        "val.de": "660e09eb7e1da2f856ea13ee5ad3cf6d36b3d5b0b733c857e94c5747a3dfc660",
        "test_2016_flickr.en": "399a4382932c1aadd3ceb9bef1008d388a64c76d4ae4e9d4728c6f4301cac182",
        "test_2016_flickr.de": "4be6b5b3236b79c25475c6bb829800a7ce559e9ba7a1f6c2394fe4d40be46d16",
    },
    mirrors=(
        "https://raw.githubusercontent.com/multi30k/dataset/master/data/task1/raw/{part}.gz",
        "https://cdn.jsdelivr.net/gh/multi30k/dataset@master/data/task1/raw/{part}.gz",
    ),
    folders=("multi30k", "data"),
    terms="The six files are in the folder data/task1/raw of github.com/multi30k/dataset; the descriptions are their "
    "authors', and whether you may use them is between you and them",
)


def find_multi30k(folder: Path | None, *, verify: bool) -> Path:
    """Return the folder that holds train, val and test_2016_flickr, each as .en and .de; see `find_official`."""
    return find_official(MULTI30K, folder, verify=verify)


def load_multi30k(folder: Path | None, *, verify: bool) -> ParallelText:
    """Load 29,000 training, 1,014 validation and 1,000 test pairs; the default direction is English to German."""
    name, files = official_files(MULTI30K, folder, verify=verify)
    train, validation, test = (
        paired({language: files[f"{part}.{language}"] for language in LANGUAGES}) for part in PARTS
    )
    return ParallelText(name, LANGUAGES, train, validation, test)
