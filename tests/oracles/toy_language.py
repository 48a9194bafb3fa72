"""A language that a small translator learns in seconds: every word has one translation, and the order is the same."""

from pathlib import Path

import torch

from netwright.architectures.recurrent import Lstm, RecurrentArchitecture
from netwright.children.translation.translator import Translator
from netwright.evaluation.translation_worker import TranslationData, in_pieces
from netwright.tasks.text.parallel.data import ParallelText
from netwright.training.speed import Speed
from netwright.training.translation import Pairs, train_translator

FLOAT32 = Speed(device="cpu", precision="float32")
WORDS = {"ant": "ki", "bee": "lo", "cat": "mu", "dog": "na", "elk": "pe", "fox": "ru"}
VOCABULARY_SIZE = 60
SIZES = {"train": 400, "valid": 30, "test": 30}
SETTINGS = {
    "epochs": 3,
    "batch_size": 20,
    "learning_rate": 0.01,
    "warm_up": 0.1,
    "decay_from": 0.5,
    "clip": 5.0,
    "dropout": 0.0,
    "label_smoothing": 0.0,
    "speed": FLOAT32,
}
"""Keyword arguments of `train_translator`."""
OPTIONS = (
    "--set", f"evaluate.vocabulary_size={VOCABULARY_SIZE}", "--set", "evaluate.learning_rate=0.01",
    "--set", "evaluate.batch_size=20", "--set", "evaluate.dropout=0", "--set", "evaluate.precision=float32",
)  # fmt: skip
"""The same on the command line, without a number of epochs."""


def translation_of(line: str) -> str:
    return " ".join(WORDS[word] for word in line.split())


def lines(number: int, seed: int) -> tuple[str, ...]:
    """Sentences of 1 to 5 words."""
    generator = torch.Generator().manual_seed(seed)
    words = list(WORDS)

    def sampled(high: int) -> int:
        return int(torch.randint(high, (1,), generator=generator))

    return tuple(" ".join(words[sampled(len(words))] for _ in range(1 + sampled(5))) for _ in range(number))


def toy_text() -> ParallelText:
    parts = []
    for seed, number in enumerate(SIZES.values()):
        source = lines(number, seed)
        parts.append({"an": source, "ki": tuple(map(translation_of, source))})
    return ParallelText("toy", ("an", "ki"), *parts)


def toy_data(max_length: int = 30) -> TranslationData:
    text = toy_text()
    return in_pieces(text, text.languages, vocabulary_size=VOCABULARY_SIZE, max_length=max_length)


def toy_folder(folder: Path) -> Path:
    """Write the text as the files of the task `parallel`."""
    folder.mkdir(parents=True)
    text = toy_text()
    for part, sides in zip(SIZES, (text.train, text.validation, text.test), strict=True):
        for language, side in sides.items():
            (folder / f"{part}.{language}").write_text("".join(f"{line}\n" for line in side))
    return folder


def fresh(architecture: RecurrentArchitecture | None = None, seed: int = 5, hidden_size: int = 8) -> Translator:
    return Translator(architecture or Lstm(), VOCABULARY_SIZE, hidden_size=hidden_size, seed=seed, init_range=0.5)


def train(
    train_pairs: Pairs, validation: Pairs, model: Translator, seed: int = 5, **changes: object
) -> dict[str, list[float]]:
    return train_translator(model, train_pairs, validation, seed=seed, **{**SETTINGS, **changes})  # type: ignore[arg-type]
