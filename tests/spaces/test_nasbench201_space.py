"""NAS-Bench-201's cells and their space: strings, JSON, size, and what is refused."""

import random

import pytest

from netwright.architectures.families import architecture_from_json
from netwright.architectures.nasbench201 import NasBench201Cell, nasbench201_cell_from_string
from netwright.architectures.published import nas_cell
from netwright.architectures.values import fingerprint, to_json
from netwright.errors import SpaceError
from netwright.spaces.checking import check_space
from netwright.spaces.exploring import enumerate_space, sample, size_of
from netwright.spaces.nasbench201 import nasbench201
from netwright.spaces.references import space_from_json, space_to_json
from oracles.made_up_table import OPERATIONS, all_cells

TEXT = "|avg_pool_3x3~0|+|nor_conv_1x1~0|skip_connect~1|+|nor_conv_3x3~0|none~1|skip_connect~2|"
CELL = NasBench201Cell(("avg_pool_3x3", "nor_conv_1x1", "skip_connect", "nor_conv_3x3", "none", "skip_connect"))


def test_the_string_form_both_ways() -> None:
    assert str(CELL) == TEXT
    assert nasbench201_cell_from_string(TEXT) == CELL
    for text in all_cells():
        assert str(nasbench201_cell_from_string(text)) == text


def test_json_and_fingerprint() -> None:
    assert architecture_from_json(to_json(CELL)) == CELL
    assert fingerprint(CELL) == fingerprint(to_json(CELL)) == "967ea6450dbee1aa"


def test_every_edge_has_a_decision_of_its_own() -> None:
    asked = sample(nasbench201(), random.Random(0)).decisions
    edges = ["1_0", "2_0", "2_1", "3_0", "3_1", "3_2"]
    assert [decision.name for decision in asked] == [f"operation_{edge}" for edge in edges]
    assert {decision.options for decision in asked} == {OPERATIONS}
    assert str(nasbench201().replay((4, 2, 1, 3, 0, 1)).architecture) == TEXT


def test_the_space_is_all_cells() -> None:
    episodes = list(enumerate_space(nasbench201()))
    assert sorted(str(each.architecture) for each in episodes) == sorted(all_cells())
    assert len(episodes) == size_of(nasbench201()).value == 15_625
    for each in episodes[::97]:
        assert nasbench201().encode(each.architecture) == tuple(each.actions)


def test_it_is_fit_for_a_search() -> None:
    report = check_space(nasbench201())
    assert (report.min_decisions, report.max_decisions) == (6, 6)
    assert space_from_json(space_to_json(nasbench201())) == nasbench201()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "|none~0|",
        TEXT[:-1],
        TEXT + "+",
        TEXT.replace("+|nor_conv_1x1~0|", "+|nor_conv_1x1~1|"),
        TEXT.replace("|skip_connect~1|+|", "|+|skip_connect~1|"),
        TEXT.replace("|+|", "|"),
        " " + TEXT,
    ],
)
def test_another_string_is_no_cell(text: str) -> None:
    with pytest.raises(SpaceError, match=r"not the string of a NAS-Bench-201 cell; expected \|op~0\|\+"):
        nasbench201_cell_from_string(text)


def test_what_lies_elsewhere_is_refused() -> None:
    with pytest.raises(SpaceError, match="unknown operation 'nor_conv_5x5'; did you mean 'nor_conv_3x3'"):
        nasbench201_cell_from_string(TEXT.replace("nor_conv_3x3", "nor_conv_5x5"))
    with pytest.raises(SpaceError, match="has 6 operations"):
        NasBench201Cell(("none",) * 5)
    with pytest.raises(SpaceError, match="contains NasBench201Cells"):
        nasbench201().encode(nas_cell())
    for document in ({"type": "NasBench201Cell"}, {"type": "NasBench201Cell", "operations": 6}):
        with pytest.raises(SpaceError, match="not the JSON of a NasBench201Cell"):
            architecture_from_json(document)
