"""Beam search for the most probable translation, with GNMT's length normalisation and coverage penalty.

A finished translation Y of the source X has the score (Wu et al. 2016, section 7)

    s(Y) = log P(Y | X) / lp(Y) + cp(X; Y)
    lp(Y) = ((5 + |Y|) / 6) ** length_penalty
    cp(X; Y) = coverage_penalty * sum over the source of log(min(attention to this piece over all steps, 1))

|Y| counts the end. Shapes: N sentences, K hypotheses of each, S source pieces, V vocabulary.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from netwright.children.translation.attention import Memory
from netwright.children.translation.sentences import Sentences
from netwright.children.translation.translator import Translator
from netwright.errors import ConfigError
from netwright.nn.interface import State
from netwright.subwords import END, PAD, START

SMALLEST_COVERAGE = 1e-10
"""What the attention to a source piece counts at least, so that its logarithm is finite."""


LARGEST_BEAM = 1_000
"""The most hypotheses of a beam, so that a model of others cannot take any amount of memory."""


@dataclass(frozen=True)
class BeamSettings:
    """How translations are searched.

    Args:
        size: Hypotheses that are kept at every step, up to `LARGEST_BEAM`.
        length_penalty: Exponent of the length normalisation; 0 is none.
        coverage_penalty: Weight of the coverage penalty; 0 is none.

    Raises:
        ConfigError: A value is out of range.
    """

    size: int = 5
    length_penalty: float = 0.2
    coverage_penalty: float = 0.2

    def __post_init__(self) -> None:
        if type(self.size) is not int or not 1 <= self.size <= LARGEST_BEAM:
            raise ConfigError(f"the size of the beam is {self.size!r}; it is a number from 1 to {LARGEST_BEAM:,}")
        for name in ("length_penalty", "coverage_penalty"):
            if not 0 <= getattr(self, name) <= 2:
                raise ConfigError(f"{name} is {getattr(self, name)}; it is from 0 to 2")

    def length_factor(self, length: int) -> float:
        """Return lp of a translation of `length` pieces, its end among them."""
        return float(((5 + length) / 6) ** self.length_penalty)

    def coverage(self, attention_NKS: Tensor, padding_NS: Tensor) -> Tensor:
        """Return cp of hypotheses [N, K] from the attention to every source piece, summed over the steps."""
        logarithms = attention_NKS.clamp(SMALLEST_COVERAGE, 1.0).log().masked_fill(padding_NS[:, None], 0.0)
        return self.coverage_penalty * logarithms.sum(2)


@dataclass(frozen=True)
class Translation:
    """A translation that was found: its pieces without start and end, and its score."""

    pieces: tuple[int, ...]
    score: float


def longest_translation(num_source_pieces: int) -> int:
    """Return the number of pieces, with the end, after which a translation is cut: 10 more than twice the source's."""
    return 2 * num_source_pieces + 10


@torch.no_grad()
def translations(
    translator: Translator, sources: Sequence[Sequence[int]], beam: BeamSettings, *, batch_size: int = 50
) -> list[Translation]:
    """Translate sentences, those of similar lengths together.

    Args:
        translator: The model; it is set to evaluation mode.
        sources: The piece numbers of each source sentence, the end last.
        beam: The settings of the search.
        batch_size: Sentences at once.

    Returns:
        The translation of each sentence, in the order of `sources`.
    """
    if not sources:
        return []
    translator.eval()
    sentences = Sentences(sources)
    found: list[Translation | None] = [None] * len(sentences)
    device = translator.embedding.device
    for numbers in sentences.lengths.argsort(stable=True).split(batch_size):
        lengths = sentences.lengths[numbers]
        memory = translator.encode(sentences.padded(numbers).to(device), lengths.to(device))
        for number, translation in zip(numbers.tolist(), _searched(translator, memory, lengths, beam), strict=True):
            found[number] = translation
    return [translation for translation in found if translation is not None]


def _searched(translator: Translator, memory: Memory, source_lengths: Tensor, beam: BeamSettings) -> list[Translation]:
    """Search the translations of the encoded sentences."""
    search = _Search(translator, memory, beam, [longest_translation(length) for length in source_lengths.tolist()])
    while not search.is_done:
        search.step()
    return search.best


class _Search:
    """The beams of several sentences, extended by one piece in every `step`."""

    def __init__(self, translator: Translator, memory: Memory, beam: BeamSettings, longest: list[int]) -> None:
        self.translator, self.beam, self.longest = translator, beam, longest
        self.padding_NS, num_sentences = memory.padding, len(longest)
        self.memory = memory.repeated(beam.size)
        device = self.padding_NS.device
        self.best = [Translation((), -torch.inf)] * num_sentences
        self.length = 0
        """Pieces of every hypothesis so far."""
        self.log_probs_NK = torch.full((num_sentences, beam.size), -torch.inf, device=device)
        self.log_probs_NK[:, 0] = 0.0
        self.pieces_NKT = torch.full((num_sentences, beam.size, 1), START, device=device)
        self.attention_NKS = torch.zeros(num_sentences, beam.size, self.padding_NS.shape[1], device=device)
        self.states: tuple[State, ...] = translator.initial_states(num_sentences * beam.size)

    @property
    def is_done(self) -> bool:
        """Whether no hypothesis of any sentence can still become better than the best finished translation.

        A log-probability never rises and the coverage penalty is never positive, so that no extension can exceed the
        log-probability divided by the largest length factor.
        """
        hopes = self.log_probs_NK.max(1).values.tolist()
        return all(
            self.length >= longest or found.score >= hope / self.beam.length_factor(longest)
            for longest, found, hope in zip(self.longest, self.best, hopes, strict=True)
        )

    def step(self) -> None:
        """Extend every hypothesis by every piece, keep those that end here, and of the others the most probable."""
        num_sentences, size = self.log_probs_NK.shape
        last = self.pieces_NKT[:, :, -1].reshape(1, -1)
        logits, self.states, weights = self.translator.decode(last, self.memory, self.states)
        log_probs_NKV = logits[0].log_softmax(1).view(num_sentences, size, -1) + self.log_probs_NK[:, :, None]
        self.attention_NKS = self.attention_NKS + weights[0].view_as(self.attention_NKS)
        self.length += 1
        self._finish(log_probs_NKV[:, :, END])
        log_probs_NKV[:, :, [PAD, START, END]] = -torch.inf
        num_pieces = log_probs_NKV.shape[2]
        self.log_probs_NK, chosen_NK = log_probs_NKV.flatten(1).topk(size)
        parents_NK, pieces_NK = chosen_NK // num_pieces, chosen_NK % num_pieces
        self._continue_from(parents_NK, pieces_NK)

    def _finish(self, log_probs_NK: Tensor) -> None:
        """Compare the hypotheses that end now, with these log-probabilities, with the best translations."""
        scores_NK = log_probs_NK / self.beam.length_factor(self.length)
        scores_NK = scores_NK + self.beam.coverage(self.attention_NKS, self.padding_NS)
        scores, hypotheses = scores_NK.max(1)
        for number, (score, hypothesis) in enumerate(zip(scores.tolist(), hypotheses.tolist(), strict=True)):
            if self.length <= self.longest[number] and score > self.best[number].score:
                pieces = self.pieces_NKT[number, hypothesis, 1:]
                self.best[number] = Translation(tuple(pieces.tolist()), score)

    def _continue_from(self, parents_NK: Tensor, pieces_NK: Tensor) -> None:
        """Replace every hypothesis by the extension of one of the same sentence, `parents_NK`, by a piece."""
        sentences = torch.arange(len(parents_NK), device=parents_NK.device)[:, None]
        self.pieces_NKT = torch.cat([self.pieces_NKT[sentences, parents_NK], pieces_NK[:, :, None]], 2)
        self.attention_NKS = self.attention_NKS[sentences, parents_NK]
        rows = (sentences * parents_NK.shape[1] + parents_NK).flatten()
        self.states = tuple(tuple(part[rows] for part in state) for state in self.states)
