"""A search space is a program: a generator function that yields decisions and returns an architecture.

    @space
    def tiny(num_layers: int = 2):
        widths = []
        for _ in range(num_layers):
            widths.append((yield Choice("width", (8, 16, 32))))
        return {"widths": widths}

    episode = tiny(num_layers=3).start()
    while episode.decision is not None:
        episode.act(0)
    episode.architecture                # {"widths": [8, 8, 8]}

Everything else (sampling, replay, enumeration, mutation, the controller) drives an `Episode`.
"""

import functools
import inspect
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ParamSpec, TypeVar, overload

from netwright.errors import SpaceError, unknown
from netwright.spaces.decisions import Action, Actions, Answer, Choice, Decision, Subset

P = ParamSpec("P")
A = TypeVar("A", covariant=True)
Program = Generator[Decision, Any, A]
"""What a space's generator function returns: it yields decisions and returns an architecture of type A.

The answer that it receives is an option or a tuple of positions, depending on the decision.
"""
MAX_DECISIONS = 10_000
"""A program with more decisions is assumed not to end."""


@dataclass(frozen=True)
class Schedule:
    """A parameter that grows with the number of sampled architectures, such as the paper's depth (section 4.1).

        Schedule(6, 2, 1600)        # 6 for samples 0..1599, 8 for 1600..3199, and so on

    Args:
        start: the first value.
        step: what is added after every `interval` samples.
        interval: samples with the same value, 1 or more.
        stop: largest value; None is no limit.
    """

    start: int
    step: int = 2
    interval: int = 1600
    stop: int | None = None

    def __post_init__(self) -> None:
        if self.interval < 1:
            raise SpaceError(f"a Schedule's interval must be a number of samples, 1 or more; got {self.interval}")

    def at(self, sampled: int) -> int:
        """Return the value for sample number `sampled`, counted from 0."""
        value = self.start + self.step * (sampled // self.interval)
        return value if self.stop is None else min(value, self.stop)


@dataclass(frozen=True)
class Traits:
    """Optional functions of a space beside its program; each is called with the space's parameters as keywords."""

    answers: Callable[..., Iterable[Answer]] | None = None
    """(architecture, **parameters) -> the answers that lead to it, in the order of the decisions."""
    size: Callable[..., int] | None = None
    """(**parameters) -> the number of complete action sequences."""
    state: Callable[..., str] | None = None
    """(answers so far, **parameters) -> the state on which later decisions depend, for a tabular strategy."""
    fixed: Callable[..., bool] | None = None
    """(**parameters) -> whether all episodes have the same decisions, whatever the answers; without it they may not."""


class Episode:
    """One run of a space's program. `act` answers the current `decision`; at the end `decision` is None.

    Attributes:
        space: the space.
        decision: the current decision, None at the end.
        decisions: the answered decisions.
        actions: their actions.

    Raises:
        SpaceError: the program breaks a rule of spaces.
    """

    def __init__(self, space: "Space") -> None:
        self.space = space
        self._generator = space.program(**space.parameters)
        if not inspect.isgenerator(self._generator):
            raise SpaceError(
                f"space {space.name} is not a generator: write `yield Choice(...)` for each decision and return "
                "the architecture"
            )
        self.decisions: list[Decision] = []
        self.occurrences: list[int] = []
        """For each of `decisions`, how many before it have its name."""
        self.actions: list[Action] = []
        self.decision: Decision | None = None
        self._architecture: object = None
        self._num_subsets: dict[str, int] = {}
        self._num_named: dict[str, int] = {}
        self._advance(None)

    @property
    def architecture(self) -> object:
        """What the program returned, None before the end."""
        return self._architecture

    @functools.cached_property
    def changeable(self) -> Sequence[int]:
        """The positions of the answered decisions that have more than one possible action; read it at the end."""
        return [
            position
            for position, decision in enumerate(self.decisions)
            if (len(decision.allowed_actions) > 1 if isinstance(decision, Choice) else decision.of > 0)
        ]

    @property
    def occurrence(self) -> int:
        """How many earlier decisions have the name of the current one."""
        assert self.decision is not None, "the episode has ended"
        return self._num_named.get(self.decision.name, 0)

    def act(self, action: Action) -> None:
        """Answer the current decision and go to the next one.

        Raises:
            SpaceError: the action is not possible at this decision, the episode has ended, or the program breaks a rule
                of spaces.
        """
        if self.decision is None:
            raise SpaceError(f"space {self.space.name} ended after {len(self.actions)} decisions; got one more action")
        answer, occurrence = self.decision.answer(action), self.occurrence
        self._num_named[self.decision.name] = occurrence + 1
        self.decisions.append(self.decision)
        self.occurrences.append(occurrence)
        self.actions.append(action)
        self._advance(answer)

    def _advance(self, answer: Answer) -> None:
        try:
            decision = self._generator.send(answer)
        except StopIteration as end:
            self.decision, self._architecture = None, end.value
            if end.value is None:
                raise SpaceError(
                    f"space {self.space.name} returned None; end its program with the architecture"
                ) from None
            return
        if isinstance(decision, Subset):
            expected = self._num_subsets.get(decision.name, 0)
            if decision.of != expected:
                raise SpaceError(
                    f"space {self.space.name}: Subset {decision.name!r} has of={decision.of}, but {expected} of that "
                    "name came before; set `of` to that number"
                )
            self._num_subsets[decision.name] = expected + 1
        elif not isinstance(decision, Choice):
            raise SpaceError(f"space {self.space.name} yielded {decision!r}; yield a Choice or a Subset")
        if len(self.decisions) >= MAX_DECISIONS:
            raise SpaceError(
                f"space {self.space.name} yielded {MAX_DECISIONS:,} decisions without ending; check its loops"
            )
        self.decision = decision


class RevisedEpisode(Episode):
    """A complete episode of a fixed space with other actions; its program runs when the architecture is needed.

    Args:
        before: a complete episode of a space that `is_fixed`.
        changes: position of a decision -> its new action.

    Raises:
        SpaceError: an action is not possible at its decision.
    """

    def __init__(self, before: Episode, changes: Mapping[int, Action]) -> None:
        self.space, self.decision = before.space, None
        self.decisions, self.occurrences = before.decisions, before.occurrences
        self.changeable = before.changeable
        self.actions = list(before.actions)
        for position, action in changes.items():
            self.decisions[position].answer(action)
            self.actions[position] = action

    @functools.cached_property
    def architecture(self) -> object:
        """What the program returns."""
        return self.space.replay(tuple(self.actions)).architecture


@dataclass(frozen=True)
class Space:
    """A program with its parameters, created by a function decorated with `space`.

    Spaces are compared by value and pickled by the qualified name of their factory.

    Attributes:
        factory: the decorated function.
        parameters: its arguments, with defaults filled in.
    """

    factory: "Callable[..., Space]"
    parameters: Mapping[str, object] = field(default_factory=dict)

    @property
    def program(self) -> Callable[..., Program[object]]:
        """The undecorated generator function."""
        program: Callable[..., Program[object]] = self.factory.__wrapped__  # type: ignore[attr-defined]
        return program

    @property
    def traits(self) -> Traits:
        """The space's optional functions."""
        traits: Traits = self.factory.traits  # type: ignore[attr-defined]
        return traits

    @property
    def is_fixed(self) -> bool:
        """Whether all episodes are known to have the same decisions."""
        return self.traits.fixed is not None and self.traits.fixed(**self.parameters)

    @property
    def name(self) -> str:
        """`module:function` of the program."""
        return f"{self.factory.__module__}:{self.factory.__qualname__}"

    def at(self, sampled: int) -> "Space":
        """Return the space for sample number `sampled`, with every `Schedule` among its parameters replaced."""
        values = {k: v.at(sampled) if isinstance(v, Schedule) else v for k, v in self.parameters.items()}
        return Space(self.factory, values)

    def with_parameters(self, **changes: object) -> "Space":
        """Return the space with some parameters changed; raise `SpaceError` for an unknown parameter."""
        return self.factory(**{**self.parameters, **changes})

    def start(self) -> Episode:
        """Return a new episode at its first decision; raise `SpaceError` if a parameter is a `Schedule`."""
        for name, value in self.parameters.items():
            if isinstance(value, Schedule):
                raise SpaceError(f"parameter {name} of {self.name} is a Schedule; use space.at(sampled)")
        return Episode(self)

    def replay(self, actions: Actions) -> Episode:
        """Return the complete episode with these actions; raise `SpaceError` if they do not fit the space."""
        episode = self.start()
        for action in actions:
            episode.act(action)
        if episode.decision is not None:
            raise SpaceError(
                f"{len(actions)} actions are too few for space {self.name}; its next decision is {episode.decision}"
            )
        return episode

    def encode(self, architecture: object) -> Actions:
        """Return the actions that lead to `architecture`, verified by replay.

        Raises:
            SpaceError: the architecture is not in the space, or the space has no `answers`.
        """
        if self.traits.answers is None:
            raise SpaceError(f"space {self.name} has no `answers`: pass @space(answers=...) to encode architectures")
        episode = self.start()
        for answer in self.traits.answers(architecture, **self.parameters):
            if episode.decision is None:
                raise SpaceError(f"the architecture has more decisions than space {self.name}")
            episode.act(episode.decision.action(answer))
        if episode.decision is not None or episode.architecture != architecture:
            raise SpaceError(f"the architecture is not in space {self.name} with {dict(self.parameters)}")
        return tuple(episode.actions)


@overload
def space(program: Callable[P, Program[object]]) -> Callable[P, Space]: ...


@overload
def space(
    *,
    answers: Callable[..., Iterable[Answer]] | None = None,
    size: Callable[..., int] | None = None,
    state: Callable[..., str] | None = None,
    fixed: Callable[..., bool] | None = None,
) -> Callable[[Callable[P, Program[object]]], Callable[P, Space]]: ...


def space(
    program: Callable[P, Program[object]] | None = None,
    *,
    answers: Callable[..., Iterable[Answer]] | None = None,
    size: Callable[..., int] | None = None,
    state: Callable[..., str] | None = None,
    fixed: Callable[..., bool] | None = None,
) -> object:
    """Decorate a generator function: calling it then returns a `Space` with the call's arguments as parameters.

    Args:
        program: the generator function, when the decorator is used without arguments.
        answers: finds the answers that lead to an architecture; needed by `Space.encode`.
        size: computes the number of complete action sequences.
        state: computes the state of a tabular strategy; see `Traits`.
        fixed: returns whether all episodes have the same decisions, which makes proposals faster; see `Traits`.
    """
    if program is None:
        return functools.partial(space, answers=answers, size=size, state=state, fixed=fixed)
    signature = inspect.signature(program)

    @functools.wraps(program)
    def factory(*args: P.args, **kwargs: P.kwargs) -> Space:
        for name in kwargs.keys() - signature.parameters.keys():
            raise SpaceError(f"space {program.__qualname__}: {unknown('parameter', name, signature.parameters)}")
        try:
            bound = signature.bind(*args, **kwargs)
        except TypeError as error:
            raise SpaceError(f"space {program.__qualname__}{signature}: {error}") from None
        bound.apply_defaults()
        return Space(factory, dict(bound.arguments))

    factory.traits = Traits(answers, size, state, fixed)  # type: ignore[attr-defined]
    return factory
