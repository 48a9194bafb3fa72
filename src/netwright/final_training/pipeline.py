"""The second stage: from what a search has found to one trained and tested network (paper, sections 4.1 and 4.2).

    candidates (architecture x grid point)  --trained on the search's split-->  score  --> the winner
    winner  --trained to the end-->  network  --tested once-->  the folder of a model

The test data are looked at after the last decision has been taken. What was finished is kept beside the model's folder
until that is complete; the same call goes on from there. What differs between kinds of networks is in `finals`.
"""

import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from netwright.architectures.families import Architecture, architecture_from_json, reads_images, reads_text
from netwright.architectures.values import fingerprint, to_json
from netwright.config import (
    FinalSettings,
    FinalTextSettings,
    FunctionSettings,
    ImageSettings,
    RunConfig,
    TableSettings,
    TextSettings,
)
from netwright.errors import ChildError, ConfigError, NetwrightError, RunError, StoreError, unknown
from netwright.execution.attempts import in_one_line, is_out_of_memory
from netwright.files import locked
from netwright.final_training.grid import Measured, OnProgress, best_candidate, candidates_of, train_candidates
from netwright.final_training.images import FinalImages
from netwright.final_training.interface import Candidate, FinalTraining, Finished
from netwright.final_training.text import FinalText
from netwright.models.folder import read_description, write_model
from netwright.recipes import RECIPES, config_of
from netwright.searching.results import Results
from netwright.searching.run import Placement, check_same_data, hardware
from netwright.searching.store import Store
from netwright.training.checkpoints import Checkpoint


def found_in(run: Path, top: int) -> dict[str, Architecture]:
    """The `top` best architectures of a run, confirmed ones first, by where they are from."""
    with Store.read(run) as store:
        results = Results.of(store)
    if not (trials := results.top(top)):
        raise RunError(f"{run} has no measured trial, so there is nothing to train; go on with netwright resume {run}")
    found: dict[str, Architecture] = {}
    for trial in trials:
        network = architecture_from_json(trial.proposal.architecture)
        if network is None:
            raise ConfigError(
                f"the architectures of {run} are of a kind of your own, and netwright trains ConvNets, PlainNets and "
                "recurrent cells; `netwright show RUN --json` prints them for your own code"
            )
        found[f"trial {trial.number} of {run.resolve().name}"] = network
    return found


def config_for(task: str, data: Path | None = None) -> RunConfig:
    """The first recipe for `task`, fitted to `data`: what an architecture without a run is trained with."""
    recipes: dict[str, str] = {}
    for name, recipe in RECIPES.items():
        if not isinstance(settings := recipe().evaluate, FunctionSettings | TableSettings):
            recipes.setdefault(settings.task, name)
    if task not in recipes:
        raise ConfigError(unknown("task", task, recipes))
    return config_of(recipes[task], data)


def final_training(
    config: RunConfig, final: FinalSettings | FinalTextSettings, found: Mapping[str, Architecture], placement: Placement
) -> FinalTraining:
    """The kind that `config` trains; `ConfigError` where `found` are no networks of that kind."""
    settings = config.evaluate
    if isinstance(settings, FunctionSettings):
        raise ConfigError(
            "a final training needs networks that netwright trains itself, and this run calls a function of yours; "
            "`netwright show RUN --json` prints the architectures to train in your own code"
        )
    if isinstance(settings, TableSettings):
        raise ConfigError(
            f"this run looks up what others have trained, in the table {settings.task}, and there is nothing to train; "
            "its test accuracies are in `netwright show RUN --json`"
        )
    for origin, network in found.items():
        if not (reads_images(network) or reads_text(network)):
            raise ConfigError(
                f"{origin} is a cell of NAS-Bench-201, which netwright looks up in a table and does not train"
            )
        if reads_images(network) != isinstance(settings, ImageSettings):
            reads = "images" if reads_images(network) else "text"
            raise ConfigError(f"{origin} is a network for {reads}, and the task {settings.task} is not; another --task")
    if isinstance(settings, TextSettings):
        assert isinstance(final, FinalTextSettings)
        return FinalText.open(settings, final, placement)
    assert isinstance(final, FinalSettings)
    return FinalImages.open(settings, final, placement)


def finish(
    found: Mapping[str, Architecture],
    config: RunConfig,
    final: FinalSettings | FinalTextSettings,
    folder: Path,
    placement: Placement,
    on_progress: OnProgress = lambda stage, ended, total: None,
    run: Path | None = None,
) -> dict[str, Any]:
    """Choose among the architectures in `found` and the points of the grid, train the winner, test it, write `folder`.

    `found` maps where an architecture is from to the architecture; `run` is the stored one that found them all, if one
    did, and `DataError` says that its data was other data. Returns the content of model.json. A `folder` that the same
    call has completed is returned as it is, without a second test; `ConfigError` for any other one.
    """
    training = final_training(config, final, found, placement)
    data = training.data_description()
    if run is not None:
        with Store.read(run) as store, store.understood():
            check_same_data(store, data["data"])
    common = {"search_settings": config.evaluate.to_json(), "seed": final.seed, "data_sha256": training.checksum()}
    plan = {
        **common,
        "architectures": {origin: to_json(network) for origin, network in found.items()},
        "final_settings": final.to_json(),
    }
    if folder.exists():
        return _finished_already(folder, plan, data)
    candidates = candidates_of(found, training.grid())
    with _unfinished(folder) as unfinished:
        measured = Measured(unfinished / "grid.json", common, training.reward)
        winner, score = candidates[0], None
        if len(candidates) > 1:
            evaluate = training.evaluate(candidates)
            train_candidates(
                candidates, evaluate=evaluate, config=config, seed=final.seed, placement=placement, measured=measured,
                on_progress=on_progress,
            )  # fmt: skip
            winner, score = best_candidate(candidates, measured)
        with _explained(f"the final training of {winner.origin}"):
            finished = _trained_to_the_end(winner, training, final.seed, unfinished, common, on_progress)
        with _explained(f"the test of {winner.origin} after its final training"):
            tested = training.tested(finished.network)
        metrics = {**tested, training.reward.score_name: score}
        description = {
            **training.description(winner, finished),
            "origin": winner.origin,
            "metrics": metrics,
            **_provenance(candidates, measured, plan),
        }
        write_model(folder, finished.network, winner.architecture, description)
    return read_description(folder)


def _trained_to_the_end(
    winner: Candidate,
    training: FinalTraining,
    seed: int,
    folder: Path,
    common: Mapping[str, Any],
    on_progress: OnProgress,
) -> Finished:
    """The winner's last training, going on from a checkpoint in `folder`."""
    identity = fingerprint({**common, "architecture": to_json(winner.architecture), "settings": dict(winner.settings)})
    on_progress("final training", 0, winner.settings["epochs"])
    try:
        return training.train(
            winner,
            seed=seed,
            checkpoint=Checkpoint(folder / f"{identity}.safetensors"),
            on_epoch=lambda ended, total: on_progress("final training", ended, total),
        )
    except ChildError as error:
        raise RunError(f"the final training failed: {error}; lower --set evaluate.learning_rate") from error


@contextmanager
def _explained(what: str) -> Iterator[None]:
    """Exceptions inside that are none of netwright's own, which say themselves what to do, become a `RunError`."""
    try:
        yield
    except NetwrightError:
        raise
    except Exception as error:  # a network may fail in any way
        problem = f"{what} failed: {in_one_line(error)}"
        if is_out_of_memory(error):
            raise RunError(
                f"{problem}\nThe memory was exhausted; every epoch before is kept: free some and run the same command "
                "again, or train anew with a smaller --set evaluate.batch_size"
            ) from error
        raise RunError(
            f"{problem}\nEverything before is kept. Change the settings with --set evaluate.NAME=VALUE, or train "
            "another architecture"
        ) from error


def _finished_already(folder: Path, plan: Mapping[str, Any], data: Mapping[str, Any]) -> dict[str, Any]:
    """What is in `folder`, if that was trained as `plan` says and, as far as it says so, on `data`."""
    document = read_description(folder)
    if changed := [name for name, value in data.items() if document.get(name, value) != value]:
        raise ConfigError(
            f"{folder} holds a network that was trained and tested on other data, {document.get('data')}; now it is "
            f"{data['data']} (different: {', '.join(changed)}); choose another --out, or remove the folder"
        )
    if document.get("plan") != plan:
        raise ConfigError(
            f"{folder} holds a network that was trained from other architectures, settings or data; choose another "
            "--out, or remove the folder"
        )
    return document


@contextmanager
def _unfinished(folder: Path) -> Iterator[Path]:
    """The folder beside the model's for what was finished, this process's alone; gone when the model is complete."""
    unfinished = folder.with_name(folder.name + ".unfinished")
    try:
        unfinished.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"cannot make the folder {unfinished}: {error.strerror}; choose another --out") from None
    with locked(unfinished):
        yield unfinished
    shutil.rmtree(unfinished)


def _provenance(candidates: Sequence[Candidate], measured: Measured, plan: Mapping[str, Any]) -> dict[str, Any]:
    """The part of model.json about where the network comes from: the grid, and what made it, when, from what."""
    return {
        "grid": [
            {"origin": each.origin, "settings": dict(each.settings), **(measured.of(each) or {})} for each in candidates
        ],
        "command": sys.argv,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": {name: version(name) for name in ("netwright", "torch", "numpy")},
        "hardware": hardware(),
        "plan": dict(plan),
    }
