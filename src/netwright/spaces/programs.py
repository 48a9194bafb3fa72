"""A search space is a program that asks: a generator that yields decisions and returns an architecture.

    @space
    def tiny(num_layers: int = 2):
        widths = []
        for _ in range(num_layers):
            widths.append((yield Choice("width", (8, 16, 32))))
        return {"widths": widths}

    episode = tiny(num_layers=3).start()
    while performance.decision is not None:
        episode.act(0)
    performance.architecture            # {"widths": [8, 8, 8]}

Everything else (sampling, replay, enumeration, mutation, the controller) drives a `Episode`.
"""

import functools
import inspect
from collections.abc import Callable, Generator, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, ParamSpec, overload

from netwright.errors import SpaceError, unknown
from netwright.spaces.decisions import Action, Actions, Answer, Choice, Decision, Subset

P = ParamSpec("P")
Program = Callable[..., Generator[Decision, Any, Any]]
MAX_DECISIONS = 10_000
"""A performance that asks more often is taken for one that never ends."""


@dataclass(frozen=True)
class Schedule:
    """A parameter that grows with the number of sampled architectures: `start`, + `step` every `interval` samples.

    The paper's depth schedule is Schedule(6, 2, 1600) (section 4.1). `stop`, where given, is never exceeded.
    """

    start: int
    step: int = 2
    interval: int = 1600
    stop: int | None = None

    def __post_init__(self) -> None:
        if self.interval < 1:
            raise SpaceError(f"a Schedule's interval is a number of samples, 1 or more; got {self.interval}")

    def at(self, sampled: int) -> int:
        """The value for sample number `sampled`, counted from 0."""
        value = self.start + self.step * (sampled // self.interval)
        return value if self.stop is None else min(value, self.stop)


@dataclass(frozen=True)
class Traits:
    """What a space may say of itself beyond its program; each is called with the space's parameters as keywords."""

    answers: Callable[..., Iterable[Answer]] | None = None
    """(architecture, **parameters) -> the answers that lead to it, in the order in which they are asked."""
    size: Callable[..., int] | None = None
    """(**parameters) -> the number of complete action sequences."""
    state: Callable[..., str] | None = None
    """(answers so far, **parameters) -> all that matters of them from here on, for a strategy that keeps a table."""


class Episode:
    """One run of a space's program: asks `decision`, takes `act(action)`, ends with `decision` None."""

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
        self.architecture: Any = None
        self._num_subsets: dict[str, int] = {}
        self._num_named: dict[str, int] = {}
        self._advance(None)

    @property
    def occurrence(self) -> int:
        """How many earlier decisions have the name of the current one."""
        assert self.decision is not None, "the episode has ended"
        return self._num_named.get(self.decision.name, 0)

    def act(self, action: Action) -> None:
        """Answer the current decision; `SpaceError` where the action is not possible here."""
        if self.decision is None:
            raise SpaceError(
                f"space {self.space.name} has ended after {len(self.actions)} decisions; got one more action"
            )
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
            self.decision, self.architecture = None, end.value
            if end.value is None:
                raise SpaceError(
                    f"space {self.space.name} returned None; end its program with the architecture"
                ) from None
            return
        if isinstance(decision, Subset):
            expected = self._num_subsets.get(decision.name, 0)
            if decision.of != expected:
                raise SpaceError(
                    f"space {self.space.name}: Subset {decision.name!r} was asked with of={decision.of}, but "
                    f"{expected} of that name came before; `of` is that number"
                )
            self._num_subsets[decision.name] = expected + 1
        elif not isinstance(decision, Choice):
            raise SpaceError(f"space {self.space.name} yielded {decision!r}; yield a Choice or a Subset")
        if len(self.decisions) >= MAX_DECISIONS:
            raise SpaceError(f"space {self.space.name} asked {MAX_DECISIONS:,} decisions without ending")
        self.decision = decision


@dataclass(frozen=True)
class Space:
    """A program with its parameters. Equal by value; pickles by the qualified name of its factory."""

    factory: "Callable[..., Space]"
    parameters: Mapping[str, Any] = field(default_factory=dict)

    @property
    def program(self) -> Program:
        """The generator function that the user wrote."""
        program: Program = self.factory.__wrapped__  # type: ignore[attr-defined]
        return program

    @property
    def traits(self) -> Traits:
        """The space's own answers and size, where it has them."""
        traits: Traits = self.factory.traits  # type: ignore[attr-defined]
        return traits

    @property
    def name(self) -> str:
        """`module:function` of the program."""
        return f"{self.factory.__module__}:{self.factory.__qualname__}"

    def at(self, sampled: int) -> "Space":
        """The space for sample number `sampled`: every `Schedule` among the parameters replaced by its value."""
        values = {k: v.at(sampled) if isinstance(v, Schedule) else v for k, v in self.parameters.items()}
        return Space(self.factory, values)

    def with_parameters(self, **changes: Any) -> "Space":
        """The same program with some parameters changed; `SpaceError` for one that it does not have."""
        return self.factory(**{**self.parameters, **changes})

    def start(self) -> Episode:
        """A new performance, at its first decision."""
        for name, value in self.parameters.items():
            if isinstance(value, Schedule):
                raise SpaceError(f"parameter {name} of {self.name} is a Schedule: perform space.at(sampled)")
        return Episode(self)

    def replay(self, actions: Actions) -> Episode:
        """The performance with these recorded actions; `SpaceError` where they do not fit."""
        episode = self.start()
        for action in actions:
            episode.act(action)
        if episode.decision is not None:
            raise SpaceError(
                f"{len(actions)} actions end before the space {self.name} does: it asks {episode.decision} next"
            )
        return episode

    def encode(self, architecture: Any) -> Actions:
        """The actions that lead to `architecture`, verified by replay; `SpaceError` where it is not in this space."""
        if self.traits.answers is None:
            raise SpaceError(f"space {self.name} has no `answers`: pass @space(answers=...) to encode architectures")
        episode = self.start()
        for answer in self.traits.answers(architecture, **self.parameters):
            if episode.decision is None:
                raise SpaceError(f"the architecture goes on after the end of space {self.name}")
            episode.act(episode.decision.action(answer))
        if episode.decision is not None or episode.architecture != architecture:
            raise SpaceError(f"the architecture does not lie in space {self.name} with {dict(self.parameters)}")
        return tuple(episode.actions)


@overload
def space(program: Callable[P, Generator[Decision, Any, Any]]) -> Callable[P, Space]: ...


@overload
def space(
    *,
    answers: Callable[..., Iterable[Answer]] | None = None,
    size: Callable[..., int] | None = None,
    state: Callable[..., str] | None = None,
) -> Callable[[Callable[P, Generator[Decision, Any, Any]]], Callable[P, Space]]: ...


def space(program: Any = None, *, answers: Any = None, size: Any = None, state: Any = None) -> Any:
    """Decorator: the generator function becomes a function of the same parameters that returns a `Space`.

    `answers`, `size` and `state` are what the space says of itself: the way back from an architecture, its own count,
    the state of a table; see `Traits`.
    """
    if program is None:
        return functools.partial(space, answers=answers, size=size, state=state)
    signature = inspect.signature(program)

    @functools.wraps(program)
    def factory(*args: Any, **kwargs: Any) -> Space:
        for name in kwargs.keys() - signature.parameters.keys():
            raise SpaceError(f"space {program.__qualname__}: {unknown('parameter', name, signature.parameters)}")
        try:
            bound = signature.bind(*args, **kwargs)
        except TypeError as error:
            raise SpaceError(f"space {program.__qualname__}{signature}: {error}") from None
        bound.apply_defaults()
        return Space(factory, dict(bound.arguments))

    factory.traits = Traits(answers, size, state)  # type: ignore[attr-defined]
    return factory
