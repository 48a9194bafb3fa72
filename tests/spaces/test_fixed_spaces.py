"""Mutations of a space whose decisions are the same in every episode, against replaying its program."""

import random

import pytest

from netwright.errors import SpaceError
from netwright.spaces.checking import check_space
from netwright.spaces.convolutional import convolutional
from netwright.spaces.decisions import Choice
from netwright.spaces.exploring import changed, mutated, num_possible_actions, sample
from netwright.spaces.metaqnn import metaqnn
from netwright.spaces.nasbench201 import nasbench201
from netwright.spaces.programs import RevisedEpisode, Space, space
from netwright.spaces.recurrent import recurrent_cell

FIXED = [
    convolutional(6),
    convolutional(4, strides=(1, 2), block_size=3, pool_after=(3,)),
    nasbench201(),
    recurrent_cell(4),
]


@pytest.mark.parametrize("of", FIXED, ids=lambda each: each.factory.__name__)
def test_a_mutation_equals_the_replay_of_its_actions(of: Space) -> None:
    assert of.is_fixed
    rng = random.Random(0)
    episode = sample(of, rng)
    for _ in range(100):
        episode = mutated(episode, rng, 3)  # of a mutation again, too
        assert isinstance(episode, RevisedEpisode)
        again = of.replay(episode.actions)
        assert (episode.decisions, episode.occurrences) == (again.decisions, again.occurrences)
        assert (episode.architecture, episode.decision) == (again.architecture, None)


@pytest.mark.parametrize("of", FIXED, ids=lambda each: each.factory.__name__)
def test_what_is_changed_is_the_same_as_without_the_promise(of: Space, monkeypatch: pytest.MonkeyPatch) -> None:
    def mutations() -> list[list[object]]:
        rng = random.Random(1)
        episode = sample(of, rng)
        return [mutated(episode, rng, 2).actions for _ in range(50)]

    with_promise = mutations()
    monkeypatch.setattr(Space, "is_fixed", False)
    assert mutations() == with_promise


@pytest.mark.parametrize("of", [*FIXED, convolutional(5, may_end=True), metaqnn(6)], ids=lambda each: each.name)
def test_changeable_decisions_have_more_than_one_action(of: Space) -> None:
    rng = random.Random(2)
    for _ in range(20):
        episode = sample(of, rng)
        expected = [place for place, each in enumerate(episode.decisions) if num_possible_actions(each) > 1]
        assert list(episode.changeable) == expected


def test_an_action_that_is_not_possible_is_refused() -> None:
    episode = sample(nasbench201(), random.Random(0))
    with pytest.raises(SpaceError):
        changed(episode, {0: 5}, random.Random(0))


def test_spaces_whose_decisions_depend_on_answers_are_replayed() -> None:
    for of in (convolutional(5, may_end=True), metaqnn(6)):
        assert not of.is_fixed
        assert not isinstance(mutated(sample(of, random.Random(0)), random.Random(0)), RevisedEpisode)


@space(fixed=lambda: True)
def broken():  # type: ignore[no-untyped-def]
    kind = yield Choice("kind", ("plain", "wide"))
    return [kind, (yield Choice("width", (1, 2))) if kind == "wide" else 0]


def test_a_promise_that_does_not_hold_is_found() -> None:
    with pytest.raises(SpaceError, match="is said to be fixed, and its decisions depend on the answers"):
        check_space(broken())
