"""The two questions: what may be answered, and what is refused with which words."""

import pytest

from netwright.errors import SpaceError
from netwright.spaces.decisions import Choice, Subset

WIDTHS = Choice("width", (8, 16, 32))
MASKED = Choice("width", (8, 16, 32), allowed=(8, 32))
ANCHORS = Subset("inputs", of=3)


def test_a_choice_answers_the_option_and_finds_the_way_back() -> None:
    assert [WIDTHS.answer(action) for action in (0, 1, 2)] == [8, 16, 32]
    assert [WIDTHS.action(answer) for answer in (8, 16, 32)] == [0, 1, 2]
    assert WIDTHS.allowed_actions == (0, 1, 2)


def test_a_mask_leaves_the_indices_of_the_full_list() -> None:
    assert MASKED.allowed_actions == (0, 2)
    assert MASKED.answer(2) == 32
    assert MASKED.action(32) == 2
    assert MASKED.options == WIDTHS.options


def test_a_masked_option_is_refused_both_ways() -> None:
    message = r"action 1 \(option 16\) of Choice 'width' is masked at this decision"
    with pytest.raises(SpaceError, match=message):
        MASKED.answer(1)
    with pytest.raises(SpaceError, match=message):
        MASKED.action(16)


@pytest.mark.parametrize("action", [-1, 3, True, False, 1.0, "1", None, (1,)])
def test_an_action_that_is_no_index_is_refused(action: object) -> None:
    with pytest.raises(SpaceError, match=r"out of range for Choice 'width': expected an index in 0..2"):
        WIDTHS.answer(action)  # type: ignore[arg-type]


def test_an_answer_that_is_no_option_is_refused_with_the_options() -> None:
    with pytest.raises(SpaceError, match=r"width = 9 is not among the options \(8, 16, 32\)"):
        WIDTHS.action(9)


def test_true_and_one_are_different_options() -> None:
    mixed = Choice("mixed", (True, 1, 1.0, "1", None))
    answers = [mixed.answer(index) for index in range(5)]
    assert [type(answer) for answer in answers] == [bool, int, float, str, type(None)]
    assert [mixed.action(answer) for answer in (True, 1, 1.0, "1", None)] == [0, 1, 2, 3, 4]


def test_a_mask_tells_true_from_one() -> None:
    assert Choice("mixed", (True, 1), allowed=(1,)).allowed == (False, True)
    assert Choice("mixed", (True, 1), allowed=(True,)).allowed == (True, False)
    with pytest.raises(SpaceError, match="must be a non-empty selection of its options"):
        Choice("numbers", (0, 1), allowed=(True,))


@pytest.mark.parametrize("options", [(8, 16, 8), (True, False, True), ("a", "a"), (None, None)])
def test_an_option_listed_twice_is_refused(options: tuple[object, ...]) -> None:
    with pytest.raises(SpaceError, match="Choice 'width' lists an option twice"):
        Choice("width", options)  # type: ignore[arg-type]


def test_a_choice_without_options_is_refused() -> None:
    with pytest.raises(SpaceError, match="Choice 'width' has no options"):
        Choice("width", ())


@pytest.mark.parametrize("allowed", [(), (64,), (8, 64)])
def test_a_mask_must_select_something_that_is_there(allowed: tuple[int, ...]) -> None:
    with pytest.raises(SpaceError, match=r"must be a non-empty selection of its options \(8, 16, 32\)"):
        Choice("width", (8, 16, 32), allowed=allowed)


@pytest.mark.parametrize("keywords", [{"options": ([1], [2])}, {"options": (1, 2), "allowed": ([1],)}])
def test_options_that_cannot_be_compared_are_refused(keywords: dict[str, object]) -> None:
    with pytest.raises(SpaceError, match="options are strings, numbers, booleans and None"):
        Choice("width", **keywords)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["", None, 3])
def test_a_decision_needs_a_name(name: object) -> None:
    with pytest.raises(SpaceError, match="needs a name, a non-empty string"):
        Choice(name, (1,))  # type: ignore[arg-type]
    with pytest.raises(SpaceError, match="needs a name, a non-empty string"):
        Subset(name, of=1)  # type: ignore[arg-type]


def test_a_subset_answers_ascending_positions() -> None:
    assert ANCHORS.answer(()) == ()
    assert ANCHORS.answer((0, 2)) == (0, 2)
    assert ANCHORS.action([2, 0]) == (0, 2)
    assert ANCHORS.action({1}) == (1,)
    assert Subset("inputs", of=0).answer(()) == ()


@pytest.mark.parametrize("action", [(3,), (-1,), (0, 3)])
def test_positions_that_did_not_come_earlier_are_refused(action: tuple[int, ...]) -> None:
    with pytest.raises(SpaceError, match="is out of range for Subset 'inputs': 3 positions can be selected"):
        ANCHORS.answer(action)


@pytest.mark.parametrize("action", [(2, 0), (1, 1)])
def test_a_recorded_subset_is_ascending(action: tuple[int, ...]) -> None:
    with pytest.raises(SpaceError, match="expected an ascending tuple of positions"):
        ANCHORS.answer(action)


@pytest.mark.parametrize("action", [1, True, None, "01", [0, 1], (True,), (1.0,), ("a",)])
def test_an_action_that_is_no_tuple_of_positions_is_refused(action: object) -> None:
    with pytest.raises(SpaceError, match="for Subset 'inputs': expected a tuple of whole numbers"):
        ANCHORS.answer(action)  # type: ignore[arg-type]


@pytest.mark.parametrize("answer", [1, "01", None, (True,), (1, "a")])
def test_an_answer_that_is_no_set_of_positions_is_refused(answer: object) -> None:
    with pytest.raises(SpaceError, match="is not a tuple of positions"):
        ANCHORS.action(answer)


@pytest.mark.parametrize("of", [-1, True, 1.0, None])
def test_of_is_a_number_of_places(of: object) -> None:
    with pytest.raises(SpaceError, match="`of` must be the number of earlier ones"):
        Subset("inputs", of=of)  # type: ignore[arg-type]


def test_decisions_are_equal_by_value() -> None:
    assert Choice("width", [8, 16]) == Choice("width", (8, 16), allowed=(16, 8))
    assert len({WIDTHS, Choice("width", (8, 16, 32)), MASKED, ANCHORS, Subset("inputs", 3)}) == 3
