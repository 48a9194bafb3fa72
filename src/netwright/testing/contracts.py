"""What every strategy and every executor must do; run these checks on one of your own before you search with it.

    strategy_contract(lambda: MyStrategy(space, seed=0), space)
    executor_contract(lambda evaluate: MyExecutor(evaluate))

Each raises an `AssertionError` that names the broken rule. No test framework is needed.
"""

import json
import random
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial

import numpy as np

from netwright.architectures.values import JsonObject, fingerprint
from netwright.errors import ChildError
from netwright.execution.interface import Evaluate, Executor
from netwright.seeds import derive_seed
from netwright.spaces.programs import Space
from netwright.strategies.interface import Strategy
from netwright.trials import (
    FailureKind,
    Job,
    Measurement,
    Outcome,
    Proposal,
    RemoteTask,
    StrategyState,
    Ticket,
    Trial,
    TrialState,
    Update,
    is_finite_number,
)

BATCH_SIZE = 4
NUM_ROUNDS = 6
LAG = 1
"""As in the core: batch b is sampled before batch b - LAG is learned, so two batches are in flight."""

# Strategies -----------------------------------------------------------------------------------------------------------


def strategy_contract(make_strategy: Callable[[], Strategy], space: Space) -> None:
    """Check a strategy in a short search with failures and restarts.

    Checked are: whole batches of proposals that rebuild their architectures; equal proposals from equal state and
    ticket, whatever the global random generators; batches learned in order, among them one with a reward of None, one
    with no other rewards, and one whose children all failed (reward 0); and at every point of the search, also with two
    batches in flight, that a fresh strategy continues from `state()`, converted to JSON and back, as the old one does.

    Args:
        make_strategy: Returns a fresh strategy over `space`, every time an equal one.
        space: The space to search.

    Raises:
        AssertionError: A rule is broken; the message names it.
    """
    plan = _plan()
    uninterrupted = _Play(make_strategy(), space)
    uninterrupted.run(plan)

    _disturb_global_generators()
    again = _Play(make_strategy(), space)
    again.run(plan)
    _same(again, uninterrupted, "in a second strategy from make_strategy()")

    for cut in range(len(plan) + 1):
        play = _Play(make_strategy(), space)
        play.run(plan[:cut])
        state = _through_json(play.strategy.state())
        _disturb_global_generators()
        for goes_on, what in ((play.strategy, "after state() was asked"), (make_strategy(), "after restore(state())")):
            if goes_on is not play.strategy:
                goes_on.restore(state)
            rest = _Play(goes_on, space, play.proposals, play.updates)
            rest.run(plan[cut:])
            _same(rest, uninterrupted, f"{what} behind {' '.join(f'{verb}({n})' for verb, n in plan[:cut]) or 'start'}")


def _plan() -> list[tuple[str, int]]:
    """propose(0) propose(1) observe(0) propose(2) observe(1) ..."""
    plan = [("propose", number) for number in range(LAG)]
    for number in range(LAG, NUM_ROUNDS + LAG):
        if number < NUM_ROUNDS:
            plan.append(("propose", number))
        plan.append(("observe", number - LAG))
    return plan


class _Play:
    """One strategy that follows a plan, with its proposals and updates by round."""

    def __init__(
        self,
        strategy: Strategy,
        space: Space,
        proposals: Mapping[int, list[Proposal]] | None = None,
        updates: Mapping[int, Update] | None = None,
    ) -> None:
        self.strategy, self.space = strategy, space
        self.proposals = dict(proposals or {})
        self.updates = dict(updates or {})

    def run(self, plan: Iterable[tuple[str, int]]) -> None:
        """Follow `plan` and check each result."""
        for verb, number in plan:
            ticket = Ticket(number, number * BATCH_SIZE, BATCH_SIZE)
            if verb == "propose":
                self.proposals[number] = self._checked_proposals(ticket)
            else:
                update = self.strategy.observe(ticket, _finished(ticket, self.proposals[number]))
                assert isinstance(update, Update), f"observe() returned {update!r}, not an Update"
                assert update.round == number, f"observe() of round {number} returned an Update of round {update.round}"
                for name, value in update.metrics.items():
                    assert is_finite_number(value), f"observe() of round {number}: metric {name} is {value!r}"
                self.updates[number] = update

    def _checked_proposals(self, ticket: Ticket) -> list[Proposal]:
        proposals = list(self.strategy.propose(ticket))
        assert len(proposals) == ticket.size, f"propose() gave {len(proposals)} proposals for a batch of {ticket.size}"
        for proposal in proposals:
            rebuilt = self.space.with_parameters(**proposal.parameters).replay(proposal.actions)
            assert fingerprint(rebuilt.architecture) == fingerprint(proposal.architecture), (
                f"the actions {proposal.actions} rebuild {rebuilt.architecture}, not the proposed "
                f"{proposal.architecture}"
            )
            assert 0 <= proposal.policy_version <= len(self.updates), (
                f"policy_version {proposal.policy_version} after {len(self.updates)} updates; it counts updates seen"
            )
        return proposals


def _finished(ticket: Ticket, proposals: Sequence[Proposal]) -> list[Trial]:
    """Return a finished batch. Round 1 lost one worker, round 2 all; in round 3 every child failed."""
    trials = []
    for index, proposal in enumerate(proposals):
        trial = Trial(ticket.first + index, proposal, TrialState.FAILED, error="lost on purpose")
        if ticket.round == 3:
            trial = Trial(ticket.first + index, proposal, TrialState.FAILED, reward=0.0, error="failed on purpose")
        elif ticket.round != 2 and not (ticket.round == 1 and index == 0):
            reward = derive_seed("contract", fingerprint(proposal.architecture)) / 2**63
            trial = Trial(ticket.first + index, proposal, TrialState.DONE, reward=reward)
        trials.append(trial)
    return trials


def _same(play: _Play, expected: _Play, when: str) -> None:
    for number, proposals in expected.proposals.items():
        mine = [(proposal.actions, proposal.policy_version) for proposal in play.proposals[number]]
        theirs = [(proposal.actions, proposal.policy_version) for proposal in proposals]
        assert mine == theirs, f"{when}, round {number} proposes {mine} instead of {theirs}"
    for number, update in expected.updates.items():
        assert play.updates[number] == update, f"{when}, round {number} gives {play.updates[number]}, not {update}"


def _through_json(state: StrategyState) -> StrategyState:
    """Return the state as a store returns it."""
    values = json.loads(json.dumps(state.values))
    assert values == state.values, f"state() changes on its way through JSON: {state.values} comes back as {values}"
    assert isinstance(state.tensors, bytes), f"the tensors of state() are {type(state.tensors).__name__}, not bytes"
    return StrategyState(values, bytes(state.tensors))


def _disturb_global_generators() -> None:
    random.random()
    np.random.random()


# Executors ------------------------------------------------------------------------------------------------------------


def executor_contract(make_executor: Callable[[Evaluate], Executor], *, close_within: float = 10.0) -> None:
    """Check an executor with jobs that succeed and fail.

    Checked are: every job comes back exactly once with the measurement of its own evaluation, also one that is
    submitted late, and a remote task with its answer; an exception of a child comes back as a failure with kind,
    message and traceback; `wait` never returns an empty list; `now` never decreases; and `close` with jobs under way
    returns in time. If an executor loses a job, `wait` blocks for ever.

    Args:
        make_executor: Returns a new executor for an evaluate function.
        close_within: Seconds that `close` may take.

    Raises:
        AssertionError: A rule is broken; the message names it.
    """
    executor = make_executor(evaluate_for_contract)
    try:
        _check_outcomes(executor)
    finally:
        executor.close()
    make_executor(evaluate_for_contract).close()
    _check_closing(make_executor(evaluate_for_contract), close_within)


_RAISED = {
    "raise": (FailureKind.EXCEPTION, "ValueError: broken on purpose"),
    "go astray": (FailureKind.NOT_FINITE, "astray on purpose"),
    "fill memory": (FailureKind.OUT_OF_MEMORY, "MemoryError: full on purpose"),
}


def evaluate_for_contract(job: Job) -> Measurement:
    """Train the child of `executor_contract`, whose architecture is {"do": ...}."""
    match _settings(job)["do"]:
        case "raise":
            raise ValueError("broken on purpose")
        case "go astray":
            raise ChildError("astray on purpose")
        case "fill memory":
            raise MemoryError("full on purpose")
        case "sleep":
            time.sleep(_settings(job)["seconds"])
    return _measured(job)


def _settings(job: Job) -> JsonObject:
    assert isinstance(job.architecture, dict)
    return job.architecture


def _measured(job: Job) -> Measurement:
    return Measurement({"number": job.number, "seed": job.seed, "architecture": job.architecture})


def _job(number: int, **architecture: object) -> Job:
    return Job(number, architecture, seed=derive_seed("contract", number))


def _check_outcomes(executor: Executor) -> None:
    kinds = ["measure", *_RAISED, "measure", "sleep"]
    # The first one takes longest, so that several workers do not end jobs in the order of submission.
    jobs = [_job(100 - n, do=kinds[-1 - n % len(kinds)], seconds=0.3 / (n + 1)) for n in range(2 * len(kinds))]
    late = [_job(7, do="measure"), _job(8, do="raise")]
    tasks = {number: RemoteTask(number, partial(_do_task, number)) for number in (-1, -2, -3)}
    expected: dict[int, Job | RemoteTask] = {job.number: job for job in [*jobs, *late]}
    expected |= tasks
    for job in jobs:
        executor.submit(job)
    for task in tasks.values():
        executor.submit(task)
    arrived: dict[int, Outcome] = {}
    now = executor.now()
    while len(arrived) < len(expected):
        outcomes = executor.wait()
        assert len(outcomes) > 0, "wait() returned no outcome; it blocks until there is one"
        for outcome in outcomes:
            assert outcome.number in expected, f"an outcome of number {outcome.number}, which was never submitted"
            assert outcome.number not in arrived, f"job {outcome.number} came back twice"
            arrived[outcome.number] = outcome
        before, now = now, executor.now()
        assert now >= before, f"now() went back from {before} to {now}"
        if late and len(arrived) >= 2:
            for job in late:
                executor.submit(job)
            late = []
    for number, sent in expected.items():
        if isinstance(sent, RemoteTask):
            _check_answer(arrived[number])
        else:
            _check_outcome(sent, arrived[number])


def _do_task(number: int) -> list[int]:
    if number == -2:
        raise ValueError("broken on purpose")
    return [number]


def _check_answer(outcome: Outcome) -> None:
    what = f"remote task {outcome.number}"
    if outcome.number == -2:
        assert outcome.failure is not None, f"{what} raised, and came back without a failure"
        assert "broken on purpose" in outcome.failure.message, f"{what} raised, and came back with {outcome.failure}"
    else:
        assert outcome.failure is None, f"{what} failed: {outcome.failure}"
        assert outcome.answer == [outcome.number], f"{what} came back with {outcome.answer!r}"


def _check_outcome(job: Job, outcome: Outcome) -> None:
    do = _settings(job)["do"]
    assert is_finite_number(outcome.seconds), f"job {job.number} ({do}) took {outcome.seconds!r} seconds"
    assert outcome.seconds >= 0, f"job {job.number} ({do}) took {outcome.seconds} seconds"
    if do not in _RAISED:
        assert outcome.failure is None, f"job {job.number} ({do}) failed: {outcome.failure}"
        assert outcome.measurement == _measured(job), f"job {job.number} ({do}) came back with {outcome.measurement}"
        return
    kind, message = _RAISED[do]
    assert outcome.measurement is None, f"job {job.number} raised, and came back with {outcome.measurement}"
    assert outcome.failure is not None, f"job {job.number} raised, and came back without a failure"
    assert outcome.failure.kind is kind, f"what raised {message!r} is called {outcome.failure.kind!r}, not {kind!r}"
    assert message in outcome.failure.message, f"the message {outcome.failure.message!r} does not say {message!r}"
    if kind is FailureKind.EXCEPTION:
        detail = outcome.failure.detail
        assert evaluate_for_contract.__name__ in detail, f"the failure has no traceback of the child: {detail!r}"


def _check_closing(executor: Executor, close_within: float) -> None:
    executor.submit(_job(0, do="measure"))
    executor.wait()  # the workers, if there are any, have started
    for number in range(1, 9):
        executor.submit(_job(number, do="sleep", seconds=600))
    time.sleep(0.2)
    begun = time.monotonic()
    executor.close()
    seconds = time.monotonic() - begun
    assert seconds < close_within, f"close() took {seconds:.1f} seconds; it gives up the jobs under way"
