"""How good the networks are that a strategy draws in the end, on the made-up quality of benchmarks/synthetic.py."""

import statistics

from synthetic import measured_quality, true_quality

from netwright.config import FunctionSettings, RunConfig
from netwright.evaluation.function import UserFunction
from netwright.execution.in_process import InProcessExecutor
from netwright.execution.interface import Executor
from netwright.searching.factory import make_core
from netwright.searching.loop import drive
from netwright.searching.store import Store


def mean_quality_of_the_last(last: int, *, executor: Executor | None = None, **settings) -> float:
    """Of the last so many trials of a search in this process; `settings` are those of a RunConfig.

    `executor` runs `UserFunction(measured_quality)`; without one children end in the order of their numbers.
    """
    config = RunConfig(evaluate=FunctionSettings(function=measured_quality), **settings)
    store = Store.in_memory({})
    core = make_core(config, store)
    drive(core, executor or InProcessExecutor(UserFunction(measured_quality)), store)
    ended = core.trials[: config.num_trials]
    return statistics.fmean(true_quality(trial.proposal.architecture) for trial in ended[-last:])
