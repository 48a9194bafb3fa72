"""The paper's space of recurrent cells: what it asks, how large it is, and the way back from a cell."""

import random
from dataclasses import replace

import pytest

from netwright.architectures.published import lstm_cell, max_cell, nas_cell, nas_cnn_15
from netwright.architectures.recurrent import CellNode, RecurrentCell, recurrent_cell_from_json
from netwright.architectures.values import to_json
from netwright.errors import SpaceError
from netwright.spaces.checking import check_space
from netwright.spaces.convolutional import convolutional
from netwright.spaces.exploring import enumerate_space, sample, size_of
from netwright.spaces.recurrent import recurrent_cell
from netwright.spaces.references import space_from_json, space_to_json

EXTRA = {"combinations": ("add", "elem_mult", "max"), "activations": ("identity", "tanh", "sigmoid", "relu", "sin")}
FEW = {"combinations": ("add", "elem_mult"), "activations": ("tanh",)}


@pytest.mark.parametrize("base", [2, 3, 8])
def test_the_order_of_decisions_is_that_of_figure_5(base: int) -> None:
    asked = sample(recurrent_cell(base), random.Random(0)).decisions
    nodes = ["combination", "activation"] * (2 * base - 1)
    last = ["inject_combination", "inject_activation", "read_index", "inject_index"]
    assert [decision.name for decision in asked] == nodes + last
    options = {decision.name: decision.options for decision in asked}
    assert options["combination"] == options["inject_combination"] == ("add", "elem_mult")
    assert options["activation"] == options["inject_activation"] == ("identity", "tanh", "sigmoid", "relu")
    assert options["read_index"] == options["inject_index"] == tuple(range(2 * base - 1))


def test_the_numbers_of_the_paper() -> None:
    assert len(sample(recurrent_cell(), random.Random(0)).actions) == 34
    assert len(sample(recurrent_cell(2), random.Random(0)).actions) == 10
    assert size_of(recurrent_cell()).value == 63_331_869_759_897_600
    assert size_of(recurrent_cell(8, **EXTRA)).value == 15**16 * 225


def test_the_worked_example_of_figure_5() -> None:
    """Add Tanh, ElemMult ReLU, ElemMult Sigmoid, inject Add ReLU, cell indices 1 and 0."""
    cell = recurrent_cell(2).replay((0, 1, 1, 3, 1, 2, 0, 3, 1, 0)).architecture
    nodes = (CellNode("add", "tanh"), CellNode("elem_mult", "relu"), CellNode("elem_mult", "sigmoid"))
    assert cell == RecurrentCell(nodes, inject=CellNode("add", "relu"), read_index=1, inject_index=0)


def test_the_size_is_the_number_of_cells() -> None:
    cells = {episode.architecture for episode in enumerate_space(recurrent_cell(2, **FEW))}
    assert len(cells) == size_of(recurrent_cell(2, **FEW)).value == 2**4 * 9


@pytest.mark.parametrize("options", [{}, FEW, EXTRA], ids=["paper", "few", "extra"])
@pytest.mark.parametrize("base", [2, 5, 8])
def test_from_actions_to_the_cell_and_back(base: int, options) -> None:
    space = recurrent_cell(base, **options)
    for seed in range(20):
        episode = sample(space, random.Random(seed))
        assert space.encode(episode.architecture) == tuple(episode.actions)
        assert recurrent_cell_from_json(to_json(episode.architecture)) == episode.architecture


@pytest.mark.parametrize(
    "space", [recurrent_cell(), recurrent_cell(2), recurrent_cell(8, **EXTRA)], ids=["paper", "few", "extra"]
)
def test_it_is_fit_for_a_search(space) -> None:
    report = check_space(space)
    assert report.min_decisions == report.max_decisions
    assert space_from_json(space_to_json(space)).start().decision == space.start().decision


def test_the_published_cells_lie_in_it() -> None:
    for cell in (nas_cell(), lstm_cell()):
        assert recurrent_cell().replay(recurrent_cell().encode(cell)).architecture == cell
    assert recurrent_cell(8, **EXTRA).encode(max_cell())
    with pytest.raises(SpaceError, match="combination = 'max' is not among the options"):
        recurrent_cell().encode(max_cell())


def test_what_lies_elsewhere_is_refused() -> None:
    with pytest.raises(SpaceError, match="contains RecurrentCells"):
        recurrent_cell().encode(nas_cnn_15())
    with pytest.raises(SpaceError, match="contains ConvNets"):
        convolutional().encode(nas_cell())
    with pytest.raises(SpaceError):
        recurrent_cell(7).encode(nas_cell())
    with pytest.raises(SpaceError):
        recurrent_cell(9).encode(nas_cell())


@pytest.mark.parametrize("base", [1, 0, -3, "8", 2.0, True, None])
def test_a_base_that_makes_no_tree_is_refused(base) -> None:
    with pytest.raises(SpaceError, match=r"whole number, 2 or more; got .* base 8"):
        recurrent_cell(base).start()
    with pytest.raises(SpaceError, match="2 or more"):
        size_of(recurrent_cell(base))


def test_cells_that_differ_in_one_decision_differ() -> None:
    cell = nas_cell()
    assert replace(cell, read_index=8) != cell
    with pytest.raises(SpaceError, match="read_index"):
        replace(cell, read_index=15)
