"""Answers taken from one performance into another: of other parameters, or of one other action."""

import random
from typing import Any

from netwright.spaces.convolutional import convolutional
from netwright.spaces.decisions import Choice, Subset
from netwright.spaces.exploring import carried_over, changed, sample
from netwright.spaces.programs import space


@space
def stacked(depth: int, widths: tuple[int, ...] = (1, 2, 4)) -> Any:
    layers = []
    for index in range(depth):
        layers.append([(yield Choice("width", (1, 2, 4, 8), allowed=widths)), (yield Subset("inputs", of=index))])
    return {"layers": layers, "end": (yield Choice("end", ("a", "b", "c")))}


OLD = stacked(3).replay((2, (), 0, (0,), 1, (0, 1), 2))


def test_more_layers_keep_all_answers_and_draw_the_rest() -> None:
    drawn = {tuple(carried_over(OLD, stacked(4), random.Random(seed)).actions) for seed in range(300)}
    assert {actions[:6] for actions in drawn} == {(2, (), 0, (0,), 1, (0, 1))}
    assert {actions[8] for actions in drawn} == {2}, "the end is found by its name and not by its place"
    assert {actions[6] for actions in drawn} == {0, 1, 2}
    assert len({actions[7] for actions in drawn}) == 2**3


def test_fewer_layers_keep_what_is_still_asked() -> None:
    assert tuple(carried_over(OLD, stacked(2), random.Random(0)).actions) == (2, (), 0, (0,), 2)


def test_an_option_that_is_masked_now_is_drawn_anew() -> None:
    drawn = {tuple(carried_over(OLD, stacked(3, (1, 2)), random.Random(seed)).actions) for seed in range(50)}
    assert drawn == {(first, (), 0, (0,), 1, (0, 1), 2) for first in (0, 1)}


def test_in_the_same_space_nothing_changes_and_nothing_is_drawn() -> None:
    rng = random.Random(0)
    assert carried_over(OLD, stacked(3), rng) is OLD
    assert rng.getstate() == random.Random(0).getstate()


def test_a_network_of_the_papers_space_grows() -> None:
    rng = random.Random(4)
    for _ in range(50):
        old = sample(convolutional(4, strides=(1, 2)), rng)
        new = carried_over(old, convolutional(6, strides=(1, 2)), rng)
        assert new.architecture.layers[:4] == old.architecture.layers
        assert len(new.architecture.layers) == 6


def test_one_action_is_changed_and_what_follows_is_kept() -> None:
    assert tuple(changed(OLD, {2: 1}, random.Random(0)).actions) == (2, (), 1, (0,), 1, (0, 1), 2)
    assert tuple(changed(OLD, {5: (1,)}, random.Random(0)).actions) == (2, (), 0, (0,), 1, (1,), 2)
