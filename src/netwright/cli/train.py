"""`netwright train`."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from netwright.architectures.values import JsonObject
from netwright.cli import options
from netwright.cli.app import app, interruption_explained, reporting
from netwright.cli.ngrams import count_named
from netwright.config import RunConfig, assigned
from netwright.errors import ConfigError, command, unknown
from netwright.terminal import Terminal

if TYPE_CHECKING:
    from netwright.architectures.families import Architecture
    from netwright.config.final_training import FinalTrainingSettings
    from netwright.searching.placement import Placement


@app.command()
@reporting
def train(
    source: options.SourceArgument,
    task: options.TaskOption = None,
    top: options.CandidatesOption = 1,
    grid: options.GridOption = "small",
    epochs: options.FinalEpochsOption = None,
    schedule: options.ScheduleOption = None,
    label_smoothing: options.LabelSmoothingOption = None,
    size: options.SizeOption = None,
    hidden: options.HiddenOption = None,
    like: options.LikeOption = None,
    mc_samples: options.McSamplesOption = None,
    seed: options.FinalSeedOption = 0,
    workers: options.WorkersOption = None,
    address: options.AddressOption = None,
    data: options.DataOption = None,
    verify: options.VerifyOption = True,
    accept_data: options.AcceptDataOption = False,
    target: options.ModelOption = None,
    settings: options.FinalSettingsOption = None,
    trust_code: options.TrustCodeOption = False,
) -> None:
    """Train the best architecture of a run, or one of your choice, to the end and test it once.

    First a small grid is trained on the search's split: learning rate, weight decay, batch normalisation's epsilon and
    start of the decay; for a language model learning rate, initial weights, dropout and start of the decay. The point
    with the best validation score is then trained on all images but the test set's, or on the whole training text, and
    tested once. The same command continues a training that stopped for any reason.

    Examples:
        netwright train runs/digits-reinforce-seed0 --top 3
        netwright train nas-cnn-15 --task cifar10 --grid none --epochs 300
        netwright train nas-cell --task ptb --size 25M
        netwright train nas-cell --task ptb --like lstm-small --grid none
        netwright train lstm-char-1000 --task ptb-characters --grid none
    """
    from netwright.cli.stages import Stages
    from netwright.evaluation.factory import evaluation_of
    from netwright.final_training.pipeline import finish, found_in
    from netwright.recipes.ngram_models import NGRAM_MODELS
    from netwright.searching.store import exists

    of_networks = {"epochs": epochs, "schedule": schedule, "label_smoothing": label_smoothing, "mc_samples": mc_samples}
    if source in NGRAM_MODELS:
        unusable = {**of_networks, "size": size, "hidden": hidden, "like": like, "address": address}
        counted = count_named(
            source, task=task, data=data, verify=verify, target=target, assignments=settings, unusable=unusable
        )
        _print_model(*counted)
        return
    run = Path(source) if exists(Path(source)) else None
    found = {} if run else _named(source)  # a wrong name is reported before a wrong setting
    config, placement, default_target = (
        _of_run(run, task, trust_code=trust_code) if run else _of_task(source, task, data)
    )
    placement = _on_cluster(placement, source, address)
    config = _sized(config, source, size, hidden, like)
    config, final = _assigned(config, {**of_networks, "top": top, "seed": seed}, settings or [])
    found = found_in(run, final.top) if run else found
    placement = replace(
        placement,
        workers=workers or placement.workers,
        data=data.absolute() if data else placement.data,
        verify=verify and placement.verify,
    )
    folder = target or default_target
    complete = folder.exists()
    kept = "Every finished training of the grid and every finished epoch is kept; go on by the same command"
    with interruption_explained(lambda: kept), Stages() as stages:
        final = final if grid == "small" else final.without_grid()
        model = finish(found, config, final, folder, placement, stages, run, accept_data=accept_data)
    _print_model(evaluation_of(config.evaluate).model_lines(model), folder, complete, _as_code(folder))


def _named(source: str) -> dict[str, "Architecture"]:
    """The architecture that `source` names, or that the JSON file `source` holds; the key is `source`."""
    from netwright.architectures.published import PUBLISHED
    from netwright.models.folder import read_architecture
    from netwright.recipes.ngram_models import NGRAM_MODELS
    from netwright.recipes.reference_models import REFERENCE_MODELS

    if source in PUBLISHED:
        return {source: PUBLISHED[source]()}
    if source in REFERENCE_MODELS:
        return {source: REFERENCE_MODELS[source]().architecture}
    path = Path(source)
    if path.suffix == ".json":
        return {source: read_architecture(path)}
    if path.exists():
        raise ConfigError(f"{source} holds no run; expected a folder as `netwright search` makes it")
    known = [*PUBLISHED, *REFERENCE_MODELS, *NGRAM_MODELS]
    raise ConfigError(f"{source} is no run's folder and no FILE.json, and an {unknown('network', source, known)}")


def _of_run(run: Path, task: str | None, *, trust_code: bool) -> tuple[RunConfig, "Placement", Path]:
    """The settings and placement of a stored run, and the default folder of its model."""
    from netwright.searching.run import read_config

    if task is not None:
        raise ConfigError(f"--task {task}: the run {run} has a task of its own; leave --task out")
    return *read_config(run, trust_code=trust_code), run / "model"


def _of_task(source: str, task: str | None, data: Path | None) -> tuple[RunConfig, "Placement", Path]:
    """The same for an architecture without a run: settings of the task's first recipe.

    A reference model has a task of its own, which it is trained on by default.
    """
    from netwright.final_training.pipeline import config_for
    from netwright.recipes.reference_models import REFERENCE_MODELS
    from netwright.searching.placement import Placement, default_workers

    if task is None and source in REFERENCE_MODELS:
        task = REFERENCE_MODELS[source]().settings.task
    if task is None:
        raise ConfigError(f"{source} does not say what to train on; add --task cifar10 or --task ptb, for example")
    config = config_for(task, data)
    return config, Placement(default_workers(config)), Path("models") / Path(source).stem


def _on_cluster(placement: "Placement", source: str, address: str | None) -> "Placement":
    """`placement` with the given address of a Ray cluster; `ConfigError` if it does not fit the placement."""
    from netwright.cli.running import check_address

    check_address(placement, address, "train", source)
    if address is not None and not placement.on_cluster:
        raise ConfigError(f"--address is for a run that was searched on Ray, and {source} was not; leave it out")
    return replace(placement, address=address)


def _sized(config: RunConfig, source: str, size: str | None, hidden: int | None, like: str | None) -> RunConfig:
    """`config` with a reference model's settings and the given size; `ConfigError` for --size and such on images."""
    from netwright.recipes.reference_models import REFERENCE_MODELS, reference_settings, resized

    like = like or (source if source in REFERENCE_MODELS else None)
    if like is None and size is None and hidden is None:
        return config
    settings = config.evaluate
    if settings.kind != "text":
        raise ConfigError(f"{source} is trained on no text here; --size, --hidden and --like are for language models")
    if like is not None:
        settings = reference_settings(like, settings.task, shrunk=like != source)
    return config.changed(evaluate=resized(settings, size=size, hidden=hidden))


def _assigned(
    config: RunConfig, options_given: JsonObject, settings: list[str]
) -> tuple[RunConfig, "FinalTrainingSettings"]:
    """The settings of the run and of its final training (`options_given`, None if not given), both after `--set`."""
    from netwright.evaluation.factory import evaluation_of

    given = {name: value for name, value in options_given.items() if value is not None}
    kind = evaluation_of(config.evaluate).final_settings
    if "mc_samples" in given and "mc_samples" not in kind.model_fields:
        raise ConfigError(
            f"--mc-samples averages the predictions of a language model, and the task {config.evaluate.task} is no "
            "text; leave it out"
        )
    if not given.keys() <= kind.model_fields.keys():
        raise ConfigError(
            f"--schedule and --label-smoothing are for images, and the task {config.evaluate.task} is a text; leave "
            "them out. How a language model's learning rate falls: --set evaluate.constant_epochs=N --set "
            "evaluate.decay=D"
        )
    final = kind.from_json(given)
    document = assigned({**config.to_json(), "final": final.to_json()}, settings)
    final = kind.from_json(document.pop("final"))
    return config.from_json(document), final


def _print_model(lines: list[str], folder: Path, complete: bool, as_code: str = "") -> None:
    lines.append(f"the model: {folder} (in Python nw.load({str(folder)!r}){as_code})")
    if complete:
        lines.append(f"It was there already. To train it again, choose another --out or --seed, or remove {folder}.")
    for line in lines:
        Terminal().print(line, highlight=False, markup=False, soft_wrap=True)


def _as_code(folder: Path) -> str:
    from netwright.architectures.families import entry_of
    from netwright.models.export_code import EXPORTERS
    from netwright.models.folder import ARCHITECTURE, read_architecture

    is_spelled_out = entry_of(EXPORTERS, read_architecture(folder / ARCHITECTURE)) is not None
    return f", as plain PyTorch: {command('export', folder, '--to', 'code')}" if is_spelled_out else ""
