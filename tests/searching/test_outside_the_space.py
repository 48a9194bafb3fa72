"""A strategy that proposes what its space does not hold is stopped before anything is trained or stored."""

from collections.abc import Sequence

import pytest

from netwright.errors import RunError
from netwright.evaluation.rewards import ValueReward
from netwright.searching.core import SearchCore
from netwright.spaces.decisions import Actions
from netwright.spaces.programs import Space
from netwright.strategies.random_search import RandomSearch
from netwright.trials import Proposal, Ticket
from oracles.tiny_search import tiny


class Wrong(RandomSearch):
    """Proposes what it is given."""

    def __init__(self, proposals: Sequence[Proposal]) -> None:
        super().__init__(tiny(), seed=0)
        self._proposals = proposals

    def propose(self, ticket: Ticket) -> list[Proposal]:
        return list(self._proposals)


def proposal(actions: Actions, widths: Sequence[int] = (1, 2, 3), num_layers: int = 3) -> Proposal:
    return Proposal({"num_layers": num_layers}, actions, {"widths": list(widths)})


def started(proposals: Sequence[Proposal], space: Space | None = None) -> SearchCore:
    core = SearchCore(Wrong(proposals), ValueReward(), num_trials=1, seed=0, batch_size=1, lag=0, space=space or tiny())
    core.start()
    return core


@pytest.mark.parametrize(
    ("proposals", "said"),
    [
        ([proposal((0, 1, 4))], "for trial 0 strategy Wrong proposed actions outside the space: action 4 is out of"),
        ([proposal((0, 1))], "outside the space: 2 actions are too few for space"),
        ([proposal((0, 1, 2), num_layers=2)], "outside the space: space .*tiny ended after 2 decisions"),
        ([proposal((0, 1, 1))], r"its actions \(0, 1, 1\) build \{'widths': \[1, 2, 2\]\}"),
        ([], "proposed 0 architectures for a batch of 1"),
    ],
)
def test_it_is_said_what_was_wrong_and_who_finds_it(proposals: list[Proposal], said: str) -> None:
    with pytest.raises(RunError, match=rf"{said}(.|\n)*strategy_contract"):
        started(proposals)


def test_what_belongs_there_is_taken() -> None:
    core = started([proposal((0, 1, 2))])
    assert [trial.proposal.actions for trial in core.trials] == [(0, 1, 2)]
