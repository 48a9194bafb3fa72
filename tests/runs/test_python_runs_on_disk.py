"""`nw.search` into a folder: the same call goes on, other settings are refused."""

import threading
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

import netwright as nw
from netwright.errors import ConfigError, StoreError
from netwright.trials import TrialState
from oracles.tiny_search import Architecture, raise_always, seen, states, tiny, total


def test_the_same_call_goes_on_and_more_trials_extend_it(tmp_path: Path) -> None:
    calls: list[Architecture] = []

    def evaluate(architecture: Architecture) -> float:
        calls.append(architecture)
        return total(architecture)

    def search(num_trials: int, workers: int | None = None) -> Any:
        return nw.search(tiny(), evaluate, num_trials=num_trials, out=tmp_path / "run", workers=workers)

    assert len(search(10).trials) == 10
    num_calls = len(calls)
    assert len(search(10).trials) == 10
    assert len(calls) == num_calls
    extended = search(30)
    at_once = nw.search(tiny(), total, num_trials=30)
    assert seen(extended.trials) == seen(at_once.trials)
    assert len(calls) == len({str(call) for call in calls})
    assert seen(search(30, workers=1).trials) == seen(at_once.trials)
    assert seen(search(10).trials) == seen(at_once.trials[:10])


def test_an_interrupted_search_goes_on(tmp_path: Path) -> None:
    calls: list[Architecture] = []

    def evaluate(architecture: Architecture) -> float:
        calls.append(architecture)
        if len(calls) == 8:
            raise KeyboardInterrupt
        return total(architecture)

    with pytest.raises(KeyboardInterrupt):
        nw.search(tiny(), evaluate, num_trials=20, out=tmp_path / "run")
    results = nw.search(tiny(), evaluate, num_trials=20, out=tmp_path / "run")
    assert seen(results.trials) == seen(nw.search(tiny(), total, num_trials=20).trials)
    # Only the one that was interrupted was evaluated twice.
    assert {count for call, count in Counter(map(str, calls)).items() if call != str(calls[7])} == {1}
    assert Counter(map(str, calls))[str(calls[7])] == 2


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"seed": 7}, "seed: 0 in the run, now 7"),
        ({"strategy": "random"}, "strategy.name: 'reinforce' in the run, now 'random'"),
        ({"space": tiny(num_layers=2)}, "space.num_layers: 3 in the run, now 2"),
        ({"lag": 0, "batch_size": 2}, "batch_size: 8 in the run, now 2; lag: 1 in the run, now 0"),
        ({"evaluate": raise_always}, "evaluate.function: '.*:total' in the run, now '.*:raise_always'"),
    ],
)
def test_other_settings_on_the_same_folder_are_refused_by_name(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    arguments: dict[str, Any] = {"space": tiny(), "evaluate": total, "num_trials": 2, "out": tmp_path / "run"}
    first = nw.search(**arguments)
    with pytest.raises(ConfigError, match=message):
        nw.search(**{**arguments, **changes})
    assert seen(nw.search(**arguments).trials) == seen(first.trials)


@pytest.mark.filterwarnings("ignore:the source of evaluate is not known")  # pytest changes functions that assert
def test_two_searches_cannot_write_one_run(tmp_path: Path) -> None:
    inside, leave = threading.Event(), threading.Event()

    def evaluate(architecture: Architecture) -> float:
        inside.set()
        assert leave.wait(30)
        return total(architecture)

    arguments: dict[str, Any] = {"space": tiny(), "evaluate": evaluate, "num_trials": 3, "out": tmp_path / "run"}
    writer = threading.Thread(target=nw.search, kwargs=arguments)
    writer.start()
    try:
        assert inside.wait(30)
        with pytest.raises(StoreError, match="another process is writing"):
            nw.search(**arguments)
    finally:
        leave.set()
        writer.join()
    assert states(nw.search(**arguments)) == {TrialState.DONE: 3}
