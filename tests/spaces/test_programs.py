"""Programs that ask: the rules of a performance, replay, parameters and the depth schedule."""

import pickle
from collections.abc import Generator
from typing import Any

import cloudpickle
import pytest

from netwright.errors import SpaceError
from netwright.spaces import programs
from netwright.spaces.decisions import Choice, Decision, Subset
from netwright.spaces.programs import Schedule, space


@space
def staircase(num_layers: int = 2, *, widths: tuple[int, ...] = (8, 16)) -> Generator[Decision, Any, Any]:
    layers = []
    for index in range(num_layers):
        width = yield Choice("width", widths)
        inputs = yield Subset("inputs", of=index)
        layers.append((width, inputs))
    return {"layers": layers}


@space
def returns_nothing() -> Generator[Decision, Any, None]:
    yield Choice("width", (8, 16))


@space
def not_a_generator() -> Any:
    return {"width": 8}


@space
def asks_for_a_number() -> Generator[Any, Any, Any]:
    yield 3
    return {}


@space
def counts_wrongly(of: int = 0) -> Generator[Decision, Any, Any]:
    yield Subset("inputs", of=0)
    yield Subset("others", of=0)
    return (yield Subset("inputs", of=of))


@space
def endless() -> Generator[Decision, Any, Any]:
    while True:
        yield Choice("width", (8, 16))


def test_a_performance_asks_records_and_returns() -> None:
    episode = staircase().start()
    asked = []
    for action in (1, (), 0, (0,)):
        asked.append(episode.decision)
        assert episode.architecture is None
        episode.act(action)
    assert episode.decision is None
    assert episode.architecture == {"layers": [(16, ()), (8, (0,))]}
    assert episode.decisions == asked
    assert asked == [Choice("width", (8, 16)), Subset("inputs", 0), Choice("width", (8, 16)), Subset("inputs", 1)]
    assert episode.actions == [1, (), 0, (0,)]


def test_an_action_that_is_refused_changes_nothing() -> None:
    episode = staircase().start()
    with pytest.raises(SpaceError, match="out of range"):
        episode.act(2)
    assert episode.actions == []
    assert episode.decision == Choice("width", (8, 16))
    episode.act(1)
    assert episode.actions == [1]


def test_replay_rebuilds_the_architecture() -> None:
    episode = staircase(num_layers=3).replay((0, (), 1, (), 1, (0, 1)))
    assert episode.architecture == {"layers": [(8, ()), (16, ()), (16, (0, 1))]}
    assert episode.actions == [0, (), 1, (), 1, (0, 1)]


def test_too_few_actions_are_refused_with_the_next_question() -> None:
    with pytest.raises(
        SpaceError, match=r"3 actions are too few for space .*staircase; its next decision is Subset\(name='inp"
    ):
        staircase().replay((0, (), 1))


def test_too_many_actions_are_refused() -> None:
    with pytest.raises(SpaceError, match="staircase ended after 4 decisions; got one more action"):
        staircase().replay((0, (), 1, (), 0))


def test_actions_of_another_depth_do_not_fit() -> None:
    """Actions alone lose the depth: a genotype is (parameters, actions)."""
    actions = (0, (), 1, (), 1, (0, 1))
    assert staircase(num_layers=3).replay(actions).architecture
    with pytest.raises(SpaceError):
        staircase(num_layers=2).replay(actions)


def test_a_program_must_return_an_architecture() -> None:
    with pytest.raises(SpaceError, match="returned None; end its program with the architecture"):
        returns_nothing().replay((0,))


def test_a_program_must_be_a_generator() -> None:
    with pytest.raises(SpaceError, match=r"not_a_generator is not a generator: write `yield Choice"):
        not_a_generator().start()


def test_a_program_yields_decisions_only() -> None:
    with pytest.raises(SpaceError, match="yielded 3; yield a Choice or a Subset"):
        asks_for_a_number().start()


def test_of_counts_the_earlier_subsets_of_the_same_name() -> None:
    assert counts_wrongly(of=1).replay(((), (), (0,))).architecture == (0,)
    for of in (0, 2):
        with pytest.raises(SpaceError, match=rf"'inputs' has of={of}, but 1 of that name came before"):
            counts_wrongly(of=of).replay(((), (), ()))


def test_a_program_that_never_ends_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "MAX_DECISIONS", 50)
    episode = endless().start()
    for _ in range(49):
        episode.act(0)
    with pytest.raises(SpaceError, match="endless yielded 50 decisions without ending"):
        episode.act(0)


def test_the_longest_program_that_still_ends_is_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "MAX_DECISIONS", 4)
    assert staircase().replay((0, (), 0, ())).architecture


def test_parameters_are_named_completed_and_changed() -> None:
    assert staircase(3).parameters == {"num_layers": 3, "widths": (8, 16)}
    changed = staircase(3).with_parameters(widths=(4, 5))
    assert changed.parameters == {"num_layers": 3, "widths": (4, 5)}
    assert changed == staircase(3, widths=(4, 5))
    assert changed != staircase(3)


def test_a_mistyped_parameter_names_the_nearest() -> None:
    for call in (staircase().with_parameters, staircase):
        with pytest.raises(SpaceError, match="unknown parameter 'num_layer'; did you mean 'num_layers'"):
            call(num_layer=3)


def test_arguments_that_do_not_bind_are_refused() -> None:
    with pytest.raises(SpaceError, match=r"staircase\(num_layers.*too many positional arguments"):
        staircase(3, (8, 16))  # type: ignore[call-arg]


@pytest.mark.parametrize(("sampled", "layers"), [(0, 6), (1599, 6), (1600, 8), (3199, 8), (3200, 10), (12_799, 20)])
def test_the_depth_schedule_of_the_paper(sampled: int, layers: int) -> None:
    assert Schedule(6, 2, 1600).at(sampled) == layers
    assert Schedule(6).at(sampled) == layers


def test_any_start_step_interval_and_stop() -> None:
    schedule = Schedule(start=3, step=4, interval=10, stop=9)
    assert [schedule.at(n) for n in (0, 9, 10, 19, 20, 1000)] == [3, 3, 7, 7, 9, 9]
    assert Schedule(20, -2, 5, stop=None).at(11) == 16


@pytest.mark.parametrize("interval", [0, -1])
def test_a_schedule_needs_an_interval(interval: int) -> None:
    with pytest.raises(SpaceError, match="interval must be a number of samples, 1 or more"):
        Schedule(6, 2, interval)


def test_a_scheduled_space_is_performed_at_a_sample_number() -> None:
    scheduled = staircase(num_layers=Schedule(1, 1, 2))  # type: ignore[arg-type]
    assert [scheduled.at(n).parameters["num_layers"] for n in range(5)] == [1, 1, 2, 2, 3]
    assert scheduled.at(2) == staircase(2)
    with pytest.raises(SpaceError, match=r"parameter num_layers of .*staircase is a Schedule; use space.at"):
        scheduled.start()


def test_a_space_without_answers_cannot_encode() -> None:
    with pytest.raises(SpaceError, match=r"staircase has no `answers`: pass @space\(answers=...\)"):
        staircase().encode({"layers": []})


def test_a_module_level_space_survives_plain_pickle() -> None:
    scheduled = staircase(Schedule(2), widths=(4, 5))  # type: ignore[arg-type]
    copy = pickle.loads(pickle.dumps(scheduled))
    assert copy == scheduled
    assert copy.factory is staircase
    assert copy.at(0).replay((1, (), 0, ())).architecture == {"layers": [(5, ()), (4, ())]}


def test_a_local_space_survives_cloudpickle() -> None:
    factor = 3

    @space
    def local(num: int = 1) -> Generator[Decision, Any, Any]:
        return {"width": factor * (yield Choice("width", (8, 16))) * num}

    copy = pickle.loads(cloudpickle.dumps(local(num=2)))
    assert copy.parameters == {"num": 2}
    assert copy.replay((1,)).architecture == {"width": 96}
    assert copy.with_parameters(num=1).replay((1,)).architecture == {"width": 48}


def test_a_space_keeps_the_name_and_text_of_its_program() -> None:
    assert staircase.__name__ == "staircase"
    assert staircase().name == f"{__name__}:staircase"
