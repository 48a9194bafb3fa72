"""The beam search against all translations there are, over a vocabulary so small that they can be written down."""

import itertools
import math

import pytest
import torch

from netwright.architectures.recurrent import Lstm, RecurrentArchitecture
from netwright.children.translation import beam as beams
from netwright.children.translation.beam import BeamSettings, Translation, translations
from netwright.children.translation.translator import Translator
from netwright.errors import ConfigError
from netwright.subwords import END, START, UNKNOWN
from oracles.rhymes import SMALL_CELL

PIECES = (UNKNOWN, 4, 5)
SOURCES = [[4, 5, 5, END], [5, END], [4, 4, 5, 4, 5, END]]
LONGEST = 5
"""Pieces of a translation with its end; so there are 1 + 3 + 9 + 27 + 81 translations."""
EVERYTHING = 3**LONGEST
PENALTIES = [(0.0, 0.0), (0.6, 0.0), (0.2, 0.2), (1.5, 0.7)]


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(beams, "longest_translation", lambda _: LONGEST)


def translator(architecture: RecurrentArchitecture = SMALL_CELL, seed: int = 0) -> Translator:
    model = Translator(architecture, 6, hidden_size=8, seed=seed, init_range=2.0).eval()
    with torch.no_grad():
        model.softmax_bias[END] = -1.5  # so that the empty translation is not always the best one
    return model


def score_of(model: Translator, source: list[int], pieces: tuple[int, ...], beam: BeamSettings) -> float:
    return scores_of(model, source, [pieces], beam)[0]


@torch.no_grad()
def scores_of(
    model: Translator, source: list[int], translations: list[tuple[int, ...]], beam: BeamSettings
) -> list[float]:
    """Compute the scores of translations of one length, as the formula is written in GNMT's paper."""
    number, length = len(translations), len(translations[0]) + 1
    memory = model.encode(torch.tensor(source)[:, None], torch.tensor([len(source)])).repeated(number)
    read = torch.tensor([(START, *pieces) for pieces in translations]).t()
    logits, _, weights = model.decode(read, memory, model.initial_states(number))
    log_probs, attention = logits.double().log_softmax(2).tolist(), weights.sum(0).tolist()
    scores = []
    for each, pieces in enumerate(translations):
        log_prob = sum(log_probs[step][each][piece] for step, piece in enumerate((*pieces, END)))
        coverage = sum(math.log(min(attention[each][place], 1.0)) for place in range(len(source)))
        length_factor = ((5 + length) / (5 + 1)) ** beam.length_penalty
        scores.append(log_prob / length_factor + beam.coverage_penalty * coverage)
    return scores


def exhaustive(model: Translator, source: list[int], beam: BeamSettings) -> Translation:
    found = []
    for length in range(LONGEST):
        everything = list(itertools.product(PIECES, repeat=length))
        found += map(Translation, everything, scores_of(model, source, everything, beam))
    return max(found, key=lambda translation: translation.score)


@pytest.mark.parametrize("penalties", PENALTIES, ids=str)
@pytest.mark.parametrize("architecture", [SMALL_CELL, Lstm()], ids=str)
def test_a_beam_for_everything_finds_the_best_translation(
    architecture: RecurrentArchitecture, penalties: tuple[float, float]
) -> None:
    lengths = set()
    for seed in range(6):
        model = translator(architecture, seed)
        found = translations(model, SOURCES, BeamSettings(EVERYTHING, *penalties))
        for source, translation in zip(SOURCES, found, strict=True):
            best = exhaustive(model, source, BeamSettings(1, *penalties))
            assert translation.pieces == best.pieces
            assert translation.score == pytest.approx(best.score, abs=1e-4)
            lengths.add(len(best.pieces))
    assert len(lengths) > 1, "translations of several lengths are the best ones"


def test_a_beam_of_one_takes_the_most_probable_piece_at_every_step() -> None:
    for seed in range(8):
        model = translator(seed=seed)
        (found,) = translations(model, SOURCES[:1], BeamSettings(1, 0.0, 0.0))
        pieces: tuple[int, ...] = ()
        ends = []
        for _ in range(LONGEST):
            ends.append((score_of(model, SOURCES[0], pieces, BeamSettings(1, 0.0, 0.0)), pieces))
            pieces = max(((*pieces, piece) for piece in PIECES), key=lambda longer: _prefix(model, SOURCES[0], longer))
        assert found.pieces == max(ends)[1]


@torch.no_grad()
def _prefix(model: Translator, source: list[int], pieces: tuple[int, ...]) -> float:
    memory = model.encode(torch.tensor(source)[:, None], torch.tensor([len(source)]))
    logits, _, _ = model.decode(torch.tensor([START, *pieces])[:, None], memory, model.initial_states(1))
    return sum(float(logits[step, 0].log_softmax(0)[piece]) for step, piece in enumerate(pieces))


def test_the_score_is_that_of_the_translation_for_a_beam_of_any_size() -> None:
    model, beam = translator(Lstm(), 5), BeamSettings(3, 0.6, 0.3)
    for source, found in zip(SOURCES, translations(model, SOURCES, beam), strict=True):
        assert found.score == pytest.approx(score_of(model, source, found.pieces, beam), abs=1e-4)


def test_sentences_translated_together_and_alone_have_the_same_translations() -> None:
    model, beam = translator(Lstm(), 1), BeamSettings(4)
    together = translations(model, SOURCES, beam)
    alone = [translations(model, [source], beam)[0] for source in SOURCES]
    assert [each.pieces for each in together] == [each.pieces for each in alone]
    assert [each.score for each in together] == pytest.approx([each.score for each in alone], abs=1e-5)
    assert translations(model, SOURCES, beam, batch_size=1) == alone
    assert translations(model, [], beam) == []


@pytest.mark.parametrize(
    ("name", "value"),
    [("size", 0), ("size", beams.LARGEST_BEAM + 1), ("size", 2.0), ("length_penalty", -0.1), ("coverage_penalty", 2.1)],
)
def test_settings_out_of_range_are_refused(name: str, value: float) -> None:
    with pytest.raises(ConfigError, match=r"size of the beam|_penalty"):
        BeamSettings(**{name: value})  # type: ignore[arg-type]
