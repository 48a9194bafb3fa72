"""The space of recurrent cells: the paper's counts, its example, and the way back from a cell to its actions."""

import json
import random

import pytest

import netwright as nw
from netwright import zoo
from netwright.architectures.recurrent import CellNode, RecurrentCell, recurrent_cell_from_json
from netwright.architectures.values import fingerprint, to_json
from netwright.errors import SpaceError
from netwright.spaces.decisions import Choice
from netwright.spaces.exploring import enumerate_space, sample, size_of
from netwright.spaces.recurrent import recurrent_cell

MAX_SIN = recurrent_cell(
    8, combinations=("add", "elem_mult", "max"), activations=("identity", "tanh", "sigmoid", "relu", "sin")
)
EXAMPLE = RecurrentCell(
    (CellNode("add", "tanh"), CellNode("elem_mult", "relu"), CellNode("elem_mult", "sigmoid")),
    inject=CellNode("add", "relu"),
    read_index=1,
    inject_index=0,
)
"""The worked example of the paper's section 3.4."""


def test_the_paper_counts_its_decisions_and_cells() -> None:
    assert len(sample(recurrent_cell(8), random.Random(0)).actions) == 34
    assert len(sample(recurrent_cell(2), random.Random(0)).actions) == 10
    assert size_of(recurrent_cell(8)).value == 63_331_869_759_897_600
    assert size_of(MAX_SIN).value == 15**16 * 225


def test_a_small_space_has_as_many_cells_as_its_size_says() -> None:
    small = recurrent_cell(2, combinations=("add",), activations=("tanh", "relu"))
    cells = [performance.architecture for performance in enumerate_space(small)]
    assert len(cells) == len(set(cells)) == size_of(small).value == 2**4 * 9


def test_decisions_come_in_the_order_of_figure_5() -> None:
    performance = recurrent_cell(2).replay(recurrent_cell(2).encode(EXAMPLE))
    answers = [
        decision.options[action] for decision, action in zip(performance.decisions, performance.actions, strict=True)
    ]
    assert answers == ["add", "tanh", "elem_mult", "relu", "elem_mult", "sigmoid", "add", "relu", 1, 0]
    assert [d.options for d in performance.decisions[-2:] if isinstance(d, Choice)] == [(0, 1, 2)] * 2


@pytest.mark.parametrize("cell", [zoo.nas_cell(), zoo.lstm_cell()])
def test_published_cells_lie_in_the_space(cell: RecurrentCell) -> None:
    space = recurrent_cell(8)
    assert space.replay(space.encode(cell)).architecture == cell


def test_the_cell_with_max_lies_in_the_larger_space_only() -> None:
    assert MAX_SIN.replay(MAX_SIN.encode(zoo.max_cell())).architecture == zoo.max_cell()
    with pytest.raises(SpaceError, match="max"):
        recurrent_cell(8).encode(zoo.max_cell())


def test_random_cells_survive_actions_and_json() -> None:
    for seed in range(50):
        space = recurrent_cell(2 + seed % 7)
        performance = sample(space, random.Random(seed))
        cell = performance.architecture
        assert space.encode(cell) == tuple(performance.actions)
        again = recurrent_cell_from_json(json.loads(json.dumps(to_json(cell))))
        assert again == cell
        assert fingerprint(again) == fingerprint(cell)


def test_nodes_join_neighbours_of_the_row_below() -> None:
    cell = zoo.nas_cell()
    assert [cell.children(index) for index in range(8, 15)] == [
        (0, 1), (2, 3), (4, 5), (6, 7), (8, 9), (10, 11), (12, 13)
    ]  # fmt: skip
    assert EXAMPLE.children(2) == (0, 1)


def test_the_space_keeps_its_contract() -> None:
    assert nw.check_space(recurrent_cell(3)).size.value == 8**6 * 25


@pytest.mark.parametrize("base", [1, 0, -3, 2.0, "8", True])
def test_a_base_that_gives_no_tree_is_refused(base: object) -> None:
    with pytest.raises(SpaceError, match="base is the number of leaves, 2 or more"):
        sample(recurrent_cell(base), random.Random(0))  # type: ignore[arg-type]


def test_what_is_no_cell_is_refused_with_its_reason() -> None:
    with pytest.raises(SpaceError, match=r"inject_index is the index of a node, 0\.\.2; got 3"):
        RecurrentCell(EXAMPLE.nodes, EXAMPLE.inject, 1, 3)
    with pytest.raises(SpaceError, match=r"read_index is the index of a node, 0\.\.2; got -1"):
        RecurrentCell(EXAMPLE.nodes, EXAMPLE.inject, -1, 0)
    with pytest.raises(SpaceError, match="base 2 or more; got 1 node"):
        RecurrentCell(EXAMPLE.nodes[:1], EXAMPLE.inject, 0, 0)
    with pytest.raises(SpaceError, match="2 B - 1 nodes"):
        RecurrentCell((*EXAMPLE.nodes, EXAMPLE.nodes[0]), EXAMPLE.inject, 0, 0)
    with pytest.raises(SpaceError, match="did you mean 'sigmoid'"):
        CellNode("add", "sigmod")
    for damaged in ({}, {"nodes": 3}, {**to_json(EXAMPLE), "nodes": [{"combination": "add"}]}):
        with pytest.raises(SpaceError, match="not the JSON of a RecurrentCell"):
            recurrent_cell_from_json(damaged)
