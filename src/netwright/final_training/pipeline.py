"""The second stage: from what a search has found to one trained and tested network (paper, sections 4.1 and 4.2).

    candidates (architecture x grid point)  --trained on the search's split-->  score  --> the winner
    winner  --trained to the end-->  network  --tested once-->  the folder of a model

The test data is read after the last decision. Finished parts are kept beside the model's folder until that is
complete; the same call continues from there. The kinds of networks differ in `final_training.images` and `.text`.
"""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from netwright.architectures.families import Architecture, architecture_from_json
from netwright.architectures.values import JsonObject, fingerprint, to_json
from netwright.config import RunConfig
from netwright.config.children import as_stored_first
from netwright.config.final_training import FinalTrainingSettings
from netwright.errors import ChildError, ConfigError, NetwrightError, RunError, StoreError, command, unknown
from netwright.execution.attempts import in_one_line
from netwright.execution.device_errors import is_out_of_memory
from netwright.files import check_own_folder, locked
from netwright.final_training.factory import FINAL_TRAININGS, final_training_of
from netwright.final_training.grid import Measured, OnProgress, best_candidate, candidates_of, train_candidates
from netwright.final_training.interface import Candidate, FinalTraining, Finished
from netwright.final_training.minutes import keep_epochs, lasting
from netwright.models.folder import read_description, write_model
from netwright.recipes import RECIPES, RECIPES_OF_TASKS, config_of
from netwright.searching.placement import Placement
from netwright.searching.provenance import provenance
from netwright.searching.results import Results
from netwright.searching.same_data import checked, description, place_of_moved_data
from netwright.searching.store import Store
from netwright.training.checkpoints import Checkpoint


def found_in(run: Path, top: int) -> dict[str, Architecture]:
    """Return the `top` best architectures of a run, confirmed ones first, by where they are from.

    Raises:
        RunError: The run has no measured trial.
        ConfigError: The architectures are of a user's own kind.
    """
    with Store.read(run) as store:
        results = Results.of(store)
    if not (trials := results.top(top)):
        more = ("--trials", 2 * results.config["num_trials"]) if results.state == "finished" else ()
        raise RunError(
            f"{run} has no measured trial, so there is nothing to train; go on with `{command('resume', run, *more)}`"
        )
    found: dict[str, Architecture] = {}
    for trial in trials:
        network = architecture_from_json(trial.proposal.architecture)
        if network is None:
            raise ConfigError(
                f"the architectures of {run} are of a kind of your own, and netwright trains ConvNets, PlainNets and "
                f"recurrent cells; `{command('show', run, '--json')}` prints them for your own code"
            )
        found[f"trial {trial.number} of {run.resolve().name}"] = network
    return found


def config_for(task: str, data: Path | None = None, image_size: int | None = None) -> RunConfig:
    """Return the settings that an architecture is trained with on a task: those of the task's first recipe.

    `RECIPES_OF_TASKS` names the recipes for tasks on which none searches.

    Args:
        task: The task's name.
        data: A user's own data, to which the recipe is fitted.
        image_size: The largest side of a user's own images in pixels; None is that of the task.

    Raises:
        ConfigError: No recipe trains networks on this task.
    """
    recipes = dict(RECIPES_OF_TASKS)
    for name, recipe in RECIPES.items():
        settings = recipe().evaluate
        if settings.task is not None and settings.kind in FINAL_TRAININGS:
            recipes.setdefault(settings.task, name)
    if task not in recipes:
        raise ConfigError(unknown("task", task, recipes))
    config = config_of(recipes[task], data, image_size)
    return config.changed(evaluate=config.evaluate.model_copy(update={"task": task}))


def finish(
    found: Mapping[str, Architecture],
    config: RunConfig,
    final: FinalTrainingSettings,
    folder: Path,
    placement: Placement,
    on_progress: OnProgress = lambda stage, ended, total: None,
    run: Path | None = None,
    *,
    accept_data: bool = False,
) -> JsonObject:
    """Choose among architectures and grid points, train the winner to the end, test it, and write its folder.

    Args:
        found: The architectures, by where they are from.
        config: The search's settings.
        final: The settings of the final training.
        folder: The model's folder. One that the same call has completed is kept, without a second test.
        placement: Where candidates are trained and where the data is.
        on_progress: Called after every training of the grid and every epoch of the final training.
        run: The stored run that found all the architectures, if there is one.
        accept_data: Whether to train although the reader of the run's data changed.

    Returns:
        The content of model.json.

    Raises:
        ConfigError: The architectures cannot be trained on this task, or `folder` holds another model.
        DataError: The data is missing, or differs from the run's.
        RunError: A training or the test failed; what was finished is kept.
    """
    training, about_data = _opened(found, config, final, placement, run, accept_data=accept_data)
    settings = as_stored_first(config.evaluate.to_json())
    common = {"search_settings": settings, "seed": final.seed, "data_sha256": training.checksum()}
    architectures = {origin: to_json(each) for origin, each in found.items()}
    plan = {**common, "architectures": architectures, "final_settings": final.as_stored_first()}
    if folder.exists():
        return _finished_already(folder, plan, training)
    candidates = candidates_of(found, training.grid())
    if final.minutes is not None:
        candidates = (lasting(final.minutes, candidates, training, _folder_beside(folder)),)
    with _unfinished(folder) as unfinished:
        if final.minutes is not None:
            keep_epochs(final.minutes, candidates[0], unfinished)
        measured = Measured(unfinished / "grid.json", common, training.reward)
        if len(candidates) > 1:
            train_candidates(
                candidates, measured, evaluate=training.evaluate(candidates), config=config, seed=final.seed,
                placement=placement, on_progress=on_progress, run=run,
            )  # fmt: skip
        winner, score = best_candidate(candidates, measured) if len(candidates) > 1 else (candidates[0], None)
        finished = _trained_to_the_end(winner, training, final.seed, unfinished, common, on_progress)
        with _explained(f"the test of {winner.origin} after its final training"):
            tested = training.tested(finished.network, winner, measured.of(winner) or {})
        metrics = {**tested.metrics, training.reward.score_name: score}
        rest = {"origin": winner.origin, "metrics": metrics, "grid": measured.table(candidates), **provenance()}
        model = {**training.description(winner, finished), **about_data, **rest, "plan": plan}
        write_model(folder, finished.network, winner.architecture, model, tested.files)
    return read_description(folder)


def _opened(
    found: Mapping[str, Architecture],
    config: RunConfig,
    final: FinalTrainingSettings,
    placement: Placement,
    run: Path | None,
    *,
    accept_data: bool,
) -> tuple[FinalTraining, JsonObject]:
    """Open the training and check that its data is the run's; return it with what a model stores about its data."""
    with place_of_moved_data("train", run, placement.data):
        training = final_training_of(config, final, found, placement)
    notes = list(training.dataset.notes)
    if run is not None:
        with Store.read(run) as store:
            notes = list(checked(store, training.dataset, accept=accept_data).get("data_notes", ()))
    return training, {**description(training.dataset), "data_notes": notes}


def _trained_to_the_end(
    winner: Candidate,
    training: FinalTraining,
    seed: int,
    folder: Path,
    common: Mapping[str, object],
    on_progress: OnProgress,
) -> Finished:
    """Train the winner to the end, continuing from a checkpoint in `folder`."""
    identity = fingerprint({**common, "architecture": to_json(winner.architecture), "settings": dict(winner.settings)})
    on_progress("final training", 0, winner.settings["epochs"])
    try:
        with _explained(f"the final training of {winner.origin}"):
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
    """Turn exceptions that are not netwright's own, whose messages have a remedy, into a `RunError` with one."""
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


def _finished_already(folder: Path, plan: Mapping[str, object], training: FinalTraining) -> JsonObject:
    """Return model.json of `folder` if it was trained as `plan` says and, as far as it records that, on this data."""
    document, data = read_description(folder), training.data_description()
    changed = [name for name, value in data.items() if document.get(name, value) != value]
    if changed == ["data"] and training.dataset.identity is not None:
        changed = []  # the folder has another name
    if changed:
        raise ConfigError(
            f"{folder} holds a network that was trained and tested on other data, {document.get('data')}; now it is "
            f"{data['data']} (different: {', '.join(changed)}); choose another --out, or remove the folder"
        )
    if document.get("plan") != plan:
        raise ConfigError(
            f"{folder} holds a network that was trained from other architectures, settings or data; choose another "
            "--out, or remove the folder"
        )
    if _folder_beside(folder).exists():  # the process was killed after it had written the model
        with _unfinished(folder):
            pass
    return document


def _folder_beside(folder: Path) -> Path:
    return folder.with_name(folder.name + ".unfinished")


@contextmanager
def _unfinished(folder: Path) -> Iterator[Path]:
    """Lock a folder beside the model's for finished parts; it is removed when the model is complete."""
    unfinished = _folder_beside(folder)
    for place in (folder, unfinished):
        check_own_folder(place)
    try:
        unfinished.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"cannot make the folder {unfinished}: {error.strerror}; choose another --out") from None
    with locked(unfinished):
        yield unfinished
    shutil.rmtree(unfinished)
