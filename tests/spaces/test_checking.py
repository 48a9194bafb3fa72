"""`check_space`: what it finds wrong with a user's space, and in which words."""

import itertools
import threading
from collections.abc import Generator
from typing import Any

import pytest

from netwright.errors import SpaceError
from netwright.spaces import programs
from netwright.spaces.checking import check_space
from netwright.spaces.convolutional import convolutional
from netwright.spaces.decisions import Choice, Decision, Subset
from netwright.spaces.programs import Schedule, space

Program = Generator[Decision, Any, Any]


@space
def masked(num_layers: int = 3) -> Program:
    widths: list[int] = []
    for _ in range(num_layers):
        widths.append(
            (yield Choice("width", (8, 16, 32), allowed=[w for w in (8, 16, 32) if w >= max(widths, default=8)]))
        )
    return {"widths": widths}


@space
def two_lists(second: Any = (8, 16)) -> Program:
    first = yield Choice("width", (8, 16, 32))
    return [first, (yield Choice("width", second))]


@space
def rare_second_list() -> Program:
    """The other list is asked in one of 64 performances."""
    if (yield Choice("a", tuple(range(8)))) == 7 and (yield Choice("b", tuple(range(8)))) == 7:
        return (yield Choice("a", (1, 2)))
    return 0


@space
def booleans_and_numbers() -> Program:
    return [(yield Choice("flag", (False, True))), (yield Choice("flag", (0, 1)))]


@space
def both_kinds(subset_first: bool = False) -> Program:
    questions: list[Decision] = [Choice("inputs", (0, 1)), Subset("inputs", of=0)]
    answers = []
    for question in reversed(questions) if subset_first else questions:
        answers.append((yield question))
    return answers


@space
def endless(subsets: bool = False) -> Program:
    for index in itertools.count():
        yield Subset("inputs", of=index) if subsets else Choice("width", (8, 16))
    return 0


@space
def can_go_on_forever() -> Program:
    count = 0
    while (yield Choice("more", (True, False))):
        count += 1
    return count


@space
def holds(what: Any = None) -> Program:
    yield Choice("width", (8, 16))
    return {"what": what}


@space
def no_decision() -> Program:
    return {"width": 8}
    yield


@space
def jumps(action: int = 0) -> Program:
    """Its own mistake, of an ordinary kind."""
    return [8, 16][2 + (yield Choice("index", (0, 1)))]


def test_a_good_space_is_described() -> None:
    report = check_space(masked())
    assert (report.min_decisions, report.max_decisions) == (3, 3)
    assert report.decision_names == ("width",)
    assert (report.size.value, report.size.exact) == (10, True)
    assert (report.num_distinct, report.num_samples) == (10, 200)
    assert str(report).startswith(f"{__name__}:masked: 10 action sequences of 3 to 3 decisions (width); 10 different")


@pytest.mark.parametrize("parameters", [{}, {"strides": (1, 2, 3), "may_end": True}, {"block_size": 3}])
def test_the_papers_spaces_are_good(parameters: dict[str, Any]) -> None:
    report = check_space(convolutional(6, **parameters), num_samples=20)
    assert report.size.exact
    assert report.num_distinct == 20


def test_a_scheduled_space_is_checked_at_its_start() -> None:
    report = check_space(convolutional(Schedule(2)), num_samples=5)  # type: ignore[arg-type]
    assert report.max_decisions == 8


@pytest.mark.parametrize("second", [(8, 16), (32, 16, 8), (8, 16, 32, 64), (8.0, 16.0, 32.0)])
def test_one_name_with_two_option_lists(second: Any) -> None:
    with pytest.raises(SpaceError, match=r"'width' occurs with options \(8, 16, 32\) and with options .*allowed="):
        check_space(two_lists(second))


def test_a_rare_second_list_is_found() -> None:
    with pytest.raises(SpaceError, match=r"'a' occurs with .* and with options \(1, 2\)"):
        check_space(rare_second_list())


def test_true_and_one_are_two_option_lists() -> None:
    with pytest.raises(SpaceError, match=r"'flag' occurs with options \(False, True\) and with options \(0, 1\)"):
        check_space(booleans_and_numbers())


@pytest.mark.parametrize("subset_first", [False, True])
def test_a_subset_and_a_choice_under_one_name(subset_first: bool) -> None:
    with pytest.raises(SpaceError, match=r"'inputs' occurs with .*a Subset"):
        check_space(both_kinds(subset_first))


@pytest.mark.parametrize("subsets", [False, True])
def test_a_space_that_never_ends(subsets: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "MAX_DECISIONS", 300)
    with pytest.raises(SpaceError, match="endless yielded 300 decisions without ending"):
        check_space(endless(subsets))


def test_a_space_that_need_not_end() -> None:
    with pytest.raises(SpaceError, match="can_go_on_forever yielded 10,000 decisions without ending"):
        check_space(can_go_on_forever())


def test_a_space_that_does_not_pickle() -> None:
    with pytest.raises(SpaceError, match=r"holds does not pickle, so no worker can receive it: .*lock"):
        check_space(holds(threading.Lock()))


def test_a_local_space_is_good() -> None:
    @space
    def local(factor: int = 2) -> Program:
        return {"width": factor * (yield Choice("width", (8, 16)))}

    assert check_space(local()).size.value == 2


def test_a_program_that_answers_the_same_actions_differently() -> None:
    counter = itertools.count()

    @space
    def impure() -> Program:
        yield Choice("width", (8, 16))
        return {"number": next(counter)}

    with pytest.raises(SpaceError, match=r"two different architectures for the same actions \[[01]\]"):
        check_space(impure())


@pytest.mark.parametrize("what", [{1, 2}, {1: 2}, float("nan"), float("inf"), b"bytes", [{"deep": object()}]])
def test_an_architecture_without_json(what: object) -> None:
    with pytest.raises(SpaceError, match=r"an architecture holds .*JSON"):
        check_space(holds(what))


def test_a_space_that_asks_nothing() -> None:
    with pytest.raises(SpaceError, match="no_decision yields no decision, so there is nothing to search"):
        check_space(no_decision())


@pytest.mark.parametrize("thing", [masked, None, "masked", 3])
def test_something_that_is_no_space(thing: object) -> None:
    with pytest.raises(SpaceError, match="check_space needs a space, for example my_space"):
        check_space(thing)  # type: ignore[arg-type]


def test_what_the_program_raises_itself_comes_through() -> None:
    with pytest.raises(IndexError):
        check_space(jumps())
