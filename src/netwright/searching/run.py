"""A run as the Python function and the commands use it: started, continued, driven to its end, confirmed."""

import time
from collections.abc import Mapping, Sequence
from contextlib import closing, nullcontext
from dataclasses import replace
from pathlib import Path

from netwright.architectures.values import JsonObject
from netwright.config import RunConfig, differences, with_former_defaults, with_later_settings
from netwright.config.run import FROM_PYTHON
from netwright.errors import ConfigError, StoreError, command
from netwright.evaluation.factory import evaluation_of
from netwright.evaluation.interface import DatasetInfo
from netwright.execution.interface import Executor
from netwright.execution.signals import is_ctrl_c
from netwright.files import is_no_folder
from netwright.searching import same_code, same_device
from netwright.searching.callbacks import Callback
from netwright.searching.confirmation import best_trials, confirm, ladder, next_step, trials_numbered
from netwright.searching.core import SearchCore
from netwright.searching.factory import make_constraints, make_core, make_strategy
from netwright.searching.identity import Identity
from netwright.searching.loop import drive
from netwright.searching.placement import Placement, check_room, make_executor, make_shards
from netwright.searching.provenance import provenance
from netwright.searching.reachable import check_reachable
from netwright.searching.redraws import TrialCount
from netwright.searching.results import Results
from netwright.searching.same_data import checked, description, place_of_moved_data
from netwright.searching.store import Store, exists
from netwright.spaces.references import check_function, load_stored_recipe
from netwright.trials import Trial


def read_config(folder: Path, *, trust_code: bool = False) -> tuple[RunConfig, Placement]:
    """Read the settings of a stored run, for which the file of a recipe FILE.py:FUNCTION is executed.

    Args:
        folder: The run's folder.
        trust_code: Whether the user trusts this file. Without, it must be in the user's trust list.

    Raises:
        ConfigError: The file is not trusted or cannot be loaded.
    """
    with Store.read(folder) as store, store.understood():
        config = with_later_settings(store.document("config"))
        placement = Placement.from_json(store.document("place"))
        recipe, evaluate = str(config["recipe"]), dict(config["evaluate"])
    module = load_stored_recipe(recipe, trust_code=trust_code)
    if "function" in evaluate:
        check_function(evaluate["function"], module)
    return RunConfig.from_json(config), placement


def continued(config: RunConfig, folder: Path, *, num_trials: int | None) -> RunConfig:
    """Return `config` as a run in `folder`, if there is one, continues with it.

    Args:
        config: The settings that were asked for.
        folder: The run's folder; it need not exist.
        num_trials: The new limit; None keeps the limit of the run.

    Raises:
        ConfigError: Names every setting in which `config` differs from the stored run.
    """
    if exists(folder):
        with Store.read(folder) as store, store.understood():
            stored = store.document("config")
            if stored["recipe"] != config.recipe:
                raise ConfigError(
                    f"{folder} holds a run of recipe {stored['recipe']!r}, not {config.recipe!r}; choose another --out"
                )
            config = with_former_defaults(config, stored)
            if changed := differences(stored, config.to_json()):
                remedy = f"`{command('resume', folder)}`" if config.recipe != FROM_PYTHON else "its own settings"
                raise ConfigError(
                    f"{folder} holds a run with other settings: {'; '.join(changed)}. Go on with {remedy}, or choose "
                    "another --out"
                )
            num_trials = num_trials or stored["num_trials"]
    return config if num_trials is None else config.changed(num_trials=num_trials)


def run_search(
    config: RunConfig,
    folder: Path | None,
    placement: Placement,
    callback: Callback,
    *,
    accept_data: bool = False,
    accept_device: bool = False,
    accept_changes: bool = False,
    overwrite: bool = False,
) -> Results:
    """Search to the end, as a new run or continuing the run in `folder`.

    Stopping it at any moment (Ctrl-C, `kill -9`) loses no finished trial; the same call continues.

    Args:
        config: The settings of the run.
        folder: The run's folder; None keeps nothing on disk, and Ctrl-C then returns the results so far.
        placement: Where children run.
        callback: Observes the run; the caller enters and exits it.
        accept_data: Whether a stored run goes on although the reader of its data changed.
        accept_device: Whether a stored run goes on although its children are now trained on another device.
        accept_changes: Whether a run whose space or code has changed goes on all the same.
        overwrite: Whether to begin anew; a run in `folder` is renamed once nothing else can fail before the search.

    Raises:
        ConfigError: The space, the user's code or the device has changed since the run began, or no network of the
            space is within the limits on costs.
    """
    if folder is not None and is_no_folder(folder):
        raise StoreError(f"{folder} is a file, not a folder; choose another --out")
    config.space.at(0).start()  # parameters that the space refuses are found before anything is written
    make_strategy(config)  # and so is a strategy that cannot be made
    stored = None if folder is None or overwrite or not exists(folder) else folder
    identity = None if folder is None else Identity.of(config)
    if stored is not None and identity is not None and not accept_changes:
        same_code.check_same_code(stored, identity)
    with place_of_moved_data("resume", stored, placement.data):
        dataset = open_data(config, placement)
    if stored is None:
        check_reachable(config.space.at(0), make_constraints(config, dataset.shape))
    documents = _documents(config, placement, dataset, identity)
    executor = None
    if stored is None or not is_complete(config, stored):
        # Before the folder is made: a cluster that cannot be reached leaves none behind.
        executor = make_executor(config, evaluation_of(config.evaluate).evaluate(dataset.folder), placement)
        check_room(config, executor, placement)
    with (
        nullcontext() if executor is None else closing(executor),
        _open_store(folder, documents, overwrite=overwrite) as store,
        nullcontext() if executor is None else make_shards(config, placement) as shards,
    ):
        about = checked(store, dataset, accept=accept_data)
        about = same_device.checked(store, about, config, placement, accept=accept_device)
        if identity is not None:
            if stored is None:
                same_code.warn_without_source(identity)
            same_code.accept_changes(store, config, identity)
        core = make_core(config, store, dataset.shape, shards)
        _write_changed(store, {**documents, "about": about})  # only after all else was read
        if executor is not None:
            placement = replace(placement, workers=executor.workers)
        callback.begin(core, config, placement, dataset.notes)
        if executor is not None:
            store.begin_session(time.time(), placement.workers or 1)
            try:
                drive(core, executor, store, callback.step)
                if config.confirm.at_end:
                    _confirm(core, config, store, executor, callback)
            except KeyboardInterrupt as interruption:
                if folder is not None or not is_ctrl_c(interruption):
                    raise
                return Results.of(store, running=False, trials=store.trials(config.space))
        return Results.of(store, running=False, trials=core.trials)


def run_confirmation(
    folder: Path,
    *,
    numbers: Sequence[int],
    placement: Placement,
    callback: Callback,
    accept_data: bool = False,
    accept_device: bool = False,
    **changes: object,
) -> Results:
    """Train architectures of a stored run again with fresh seeds.

    Args:
        folder: The run's folder.
        numbers: Trials to confirm in the place of the best ones.
        placement: Where children run.
        callback: Observes the retrainings; the caller enters and exits it.
        accept_data: Whether to retrain although the reader of the data changed.
        accept_device: Whether to retrain on another device than that of the run.
        **changes: Settings of the confirmation in the place of the run's; None leaves one as it is.

    Raises:
        ConfigError: The run's kind of child cannot be confirmed, a trial was not measured, or the device is
            another one.
    """
    config, _ = read_config(folder)
    same_code.check_same_code(folder, Identity.of(config))
    given = {name: value for name, value in changes.items() if value is not None}
    config = config.changed(confirm={**config.confirm.to_json(), **given})
    if config.evaluate.cannot_repeat and config.confirm.epochs is None:
        raise ConfigError(f"{folder} cannot be confirmed: {config.evaluate.cannot_repeat}")
    with place_of_moved_data("confirm", folder, placement.data):
        dataset = open_data(config, placement)
    with Store.open(folder) as store:
        about = checked(store, dataset, accept=accept_data)
        about = same_device.checked(store, about, config, placement, accept=accept_device)
        evaluate = evaluation_of(config.evaluate).evaluate(dataset.folder)
        with closing(make_executor(config, evaluate, placement)) as executor:
            core = make_core(config, store, dataset.shape)
            _write_changed(store, {"about": about})
            store.begin_session(time.time(), executor.workers or 1)
            _confirm(core, config, store, executor, callback, numbers)
        return Results.of(store, running=False)


def is_complete(config: RunConfig, folder: Path) -> bool:
    """Return whether `folder` holds a run that has nothing left to do for `config`."""
    if not exists(folder):
        return False
    with Store.read(folder) as store:
        trials = store.trials()
        count = TrialCount(config.constraints.max_redraws, trials)
        if not count.all_ended(trials, config.num_trials):
            return False
        return not _confirmations_missing(config, store, trials[: count.end(config.num_trials)])


def open_data(config: RunConfig, placement: Placement) -> DatasetInfo:
    """Open the data once in this process, so that a bad file is found before any worker starts."""
    return evaluation_of(config.evaluate).open(placement.data, verify=placement.verify)


def _confirm(
    core: SearchCore,
    config: RunConfig,
    store: Store,
    executor: Executor,
    callback: Callback,
    numbers: Sequence[int] = (),
) -> None:
    trials, settings = core.trials[: core.end], config.confirm
    if numbers:  # these alone, so there is nothing to choose
        settings = settings.model_copy(update={"first": (), "top": len(numbers)})
    chosen = trials_numbered(trials, numbers, store.folder) if numbers else best_trials(trials)
    confirm(
        chosen,
        config=config,
        reward=evaluation_of(config.evaluate).reward,
        store=store,
        executor=executor,
        steps=ladder(settings, len(chosen), getattr(config.evaluate, "epochs", None)),
        on_result=callback.confirming,
    )


def _confirmations_missing(config: RunConfig, store: Store, trials: Sequence[Trial]) -> bool:
    if not config.confirm.at_end:
        return False
    best, reward = best_trials(trials), evaluation_of(config.evaluate).reward
    steps = ladder(config.confirm, len(best), getattr(config.evaluate, "epochs", None))
    return next_step(best, steps, store, reward) is not None


def _documents(
    config: RunConfig, placement: Placement, dataset: DatasetInfo, identity: Identity | None
) -> dict[str, JsonObject]:
    reward = evaluation_of(config.evaluate).reward
    about = {
        **description(dataset),
        "data_notes": list(dataset.notes),
        "score_name": reward.score_name,
        "higher_is_better": reward.higher_is_better,
        **provenance(),
        **same_device.description(config, placement),
    }
    documents = {"config": config.to_json(), "place": placement.to_json(), "about": about}
    if dataset.for_report is not None:
        documents["images"] = dataset.for_report
    return documents if identity is None else {**documents, "identity": identity.to_json()}


def _open_store(folder: Path | None, documents: Mapping[str, JsonObject], *, overwrite: bool) -> Store:
    if folder is None:
        return Store.in_memory(documents)
    if overwrite:
        same_code.set_aside(folder)
    return Store.open(folder) if exists(folder) else Store.create(folder, documents)


def _write_changed(store: Store, documents: Mapping[str, JsonObject]) -> None:
    for name, document in documents.items():
        if store.find_document(name) != document:
            store.write_document(name, document)
