"""The decisions of a space as parameters of Optuna: names, values and conversion in both directions.

The second `Choice` named "width" is the parameter "width[1]"; where only the options 0 and 2 are allowed it is
"width[1]{0,2}", since an Optuna parameter has the same values in all trials. Place 4 of the first `Subset` named
"inputs" is the boolean "inputs[0][4]". A decision with one possible answer has no parameter.
"""

from collections.abc import Sequence

from optuna.distributions import BaseDistribution, CategoricalDistribution

from netwright.spaces.decisions import Action, Choice, Decision, Option, Subset
from netwright.spaces.programs import Episode

BIT = CategoricalDistribution((False, True))


def parameters(decision: Decision, occurrence: int) -> list[tuple[str, CategoricalDistribution]]:
    """Return (name, distribution) of every parameter of a decision; `occurrence` counts earlier ones of its name."""
    name = f"{decision.name}[{occurrence}]"
    if isinstance(decision, Subset):
        return [(f"{name}[{place}]", BIT) for place in range(decision.of)]
    actions = decision.allowed_actions
    if len(actions) == 1:
        return []
    if len(actions) < len(decision.options):
        name += f"{{{','.join(map(str, actions))}}}"
    labels = _labels(decision)
    return [(name, CategoricalDistribution(tuple(labels[action] for action in actions)))]


def action_of(decision: Decision, values: Sequence[Option]) -> Action:
    """Return the action for the values of a decision's parameters."""
    if isinstance(decision, Subset):
        return tuple(place for place, value in enumerate(values) if value)
    return _labels(decision).index(values[0]) if values else decision.allowed_actions[0]


def values_of(decision: Decision, action: Action) -> list[Option]:
    """Return the values of a decision's parameters; the inverse of `action_of`."""
    if isinstance(action, tuple):
        assert isinstance(decision, Subset)
        return [place in action for place in range(decision.of)]
    assert isinstance(decision, Choice)
    return [] if len(decision.allowed_actions) == 1 else [_labels(decision)[action]]


def parameters_of(episode: Episode) -> tuple[dict[str, Option], dict[str, BaseDistribution]]:
    """Return the values and the distributions of all parameters of a complete episode, as in a trial of Optuna."""
    values: dict[str, Option] = {}
    distributions: dict[str, BaseDistribution] = {}
    for decision, occurrence, action in zip(episode.decisions, episode.occurrences, episode.actions, strict=True):
        asked = parameters(decision, occurrence)
        for (name, distribution), value in zip(asked, values_of(decision, action), strict=True):
            values[name], distributions[name] = value, distribution
    return values, distributions


def _labels(choice: Choice) -> tuple[Option, ...]:
    """Return the options in a form that Optuna can distinguish: it takes 1, 1.0 and True for equal."""
    return choice.options if len(set(choice.options)) == len(choice.options) else tuple(map(repr, choice.options))
