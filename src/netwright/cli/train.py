"""`netwright train`."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from netwright.architectures.convolutional import ConvNet
from netwright.architectures.values import JsonObject
from netwright.cli import options
from netwright.cli.app import app, reporting
from netwright.config import FinalSettings, FinalTextSettings, RunConfig, TextSettings, assigned
from netwright.errors import ConfigError, unknown

if TYPE_CHECKING:
    from netwright.architectures.reading import Architecture
    from netwright.searching.run import Placement


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
    seed: options.FinalSeedOption = 0,
    workers: options.WorkersOption = None,
    data: options.DataOption = None,
    verify: options.VerifyOption = True,
    target: options.ModelOption = None,
    settings: options.FinalSettingsOption = None,
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
    """
    from netwright.cli.stages import Stages
    from netwright.final_training.pipeline import finish, found_in
    from netwright.searching.store import exists

    run = Path(source) if exists(Path(source)) else None
    found = {} if run else _named(source)  # a wrong name is reported before a wrong setting
    config, placement, default_target = _of_run(run, task) if run else _of_task(source, task, data)
    config = _sized(config, source, size, hidden, like)
    given = {"top": top, "epochs": epochs, "schedule": schedule, "label_smoothing": label_smoothing, "seed": seed}
    config, final = _assigned(config, given, settings or [])
    found = found_in(run, final.top) if run else found
    placement = replace(
        placement,
        workers=workers or placement.workers,
        data=data.resolve() if data else placement.data,
        verify=verify and placement.verify,
    )
    folder = target or default_target
    complete = folder.exists()
    with Stages() as stages:
        final = final if grid == "small" else final.without_grid()
        model = finish(found, config, final, folder, placement, stages, run)
    _print_model(model, folder, complete)


def _named(source: str) -> dict[str, "Architecture"]:
    """The architecture that `source` names, or that the JSON file `source` holds; the key is `source`."""
    from netwright.architectures.published import PUBLISHED
    from netwright.models.folder import read_architecture
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
    known = [*PUBLISHED, *REFERENCE_MODELS]
    raise ConfigError(f"{source} is no run's folder and no FILE.json, and an {unknown('network', source, known)}")


def _of_run(run: Path, task: str | None) -> tuple[RunConfig, "Placement", Path]:
    """The settings and placement of a stored run, and the default folder of its model."""
    from netwright.searching.run import read_config

    if task is not None:
        raise ConfigError(f"--task {task}: the run {run} has a task of its own; leave --task out")
    return *read_config(run), run / "model"


def _of_task(source: str, task: str | None, data: Path | None) -> tuple[RunConfig, "Placement", Path]:
    """The same for an architecture without a run: settings of the task's first recipe."""
    from netwright.final_training.pipeline import config_for
    from netwright.searching.run import Placement, default_workers

    if task is None:
        raise ConfigError(f"{source} does not say what to train on; add --task cifar10 or --task ptb, for example")
    config = config_for(task, data)
    return config, Placement(default_workers(config)), Path("models") / Path(source).stem


def _sized(config: RunConfig, source: str, size: str | None, hidden: int | None, like: str | None) -> RunConfig:
    """`config` with a reference model's settings and the given size; `ConfigError` for --size and such on images."""
    from netwright.recipes.reference_models import REFERENCE_MODELS, reference_settings, resized

    like = like or (source if source in REFERENCE_MODELS else None)
    if like is None and size is None and hidden is None:
        return config
    if not isinstance(config.evaluate, TextSettings):
        raise ConfigError(f"{source} is trained on no text here; --size, --hidden and --like are for language models")
    settings = (
        config.evaluate if like is None else reference_settings(like, config.evaluate.task, shrunk=like != source)
    )
    return config.changed(evaluate=resized(settings, size=size, hidden=hidden))


def _assigned(
    config: RunConfig, options_given: JsonObject, settings: list[str]
) -> tuple[RunConfig, FinalSettings | FinalTextSettings]:
    """The settings of the run and of its final training (`options_given`, None if not given), both after `--set`."""
    given = {name: value for name, value in options_given.items() if value is not None}
    if isinstance(config.evaluate, TextSettings) and not given.keys().isdisjoint(("schedule", "label_smoothing")):
        raise ConfigError(
            f"--schedule and --label-smoothing are for images, and the task {config.evaluate.task} is a text; leave "
            "them out. How a language model's learning rate falls: --set evaluate.constant_epochs=N --set "
            "evaluate.decay=D"
        )
    kind = FinalTextSettings if isinstance(config.evaluate, TextSettings) else FinalSettings
    final = kind.from_json(given)
    document = assigned({**config.to_json(), "final": final.to_json()}, settings)
    final = kind.from_json(document.pop("final"))
    return config.from_json(document), final


def _print_model(model: JsonObject, folder: Path, complete: bool) -> None:
    lines = _about_text(model) if model.get("kind") == "text" else _about_images(model)
    lines.append(f'the model: {folder} (in Python nw.load("{folder}"){_as_code(folder)})')
    if complete:
        lines.append(f"It was there already. To train it again, choose another --out or --seed, or remove {folder}.")
    for line in lines:
        Console().print(line, highlight=False, markup=False, soft_wrap=True)


def _as_code(folder: Path) -> str:
    from netwright.models.folder import ARCHITECTURE, read_architecture

    is_spelled_out = isinstance(read_architecture(folder / ARCHITECTURE), ConvNet)
    return f", as plain PyTorch: netwright export {folder} --to code" if is_spelled_out else ""


def _about_images(model: JsonObject) -> list[str]:
    metrics, settings = model["metrics"], model["settings"]
    low, high = metrics["test_interval"]
    start = "the schedule's" if settings["decay_at"] is None else f"{settings['decay_at']:g} of training"
    return [
        f"{model['origin']}, {metrics['num_parameters']:,} parameters, {settings['epochs']} epochs on "
        f"{metrics['num_train_images']:,} images: learning rate {settings['learning_rate']:g}, weight decay "
        f"{settings['weight_decay']:g}, epsilon {settings['epsilon']:g}, start of the decay: {start}",
        *_chosen(model, "validation_accuracy"),
        f"test accuracy {metrics['test_accuracy']:.4f} on {model['data']} (95% interval {low:.4f} to {high:.4f}, "
        f"{metrics['num_test_images']:,} images, tested once)",
    ]


def _about_text(model: JsonObject) -> list[str]:
    metrics, settings = model["metrics"], model["settings"]
    bits = metrics[f"test_bits_per_{model['unit']}"]
    return [
        f"{model['origin']}, {metrics['num_parameters']:,} parameters, {model['hidden_size']} units in "
        f"{model['num_layers']} layers, {settings['epochs']} epochs on {metrics['num_train_tokens']:,} tokens: "
        f"learning rate {settings['learning_rate']:g} for {settings['constant_epochs']} epochs, first weights up to "
        f"{settings['init_range']:g}",
        *_chosen(model, "validation_perplexity"),
        f"test perplexity {metrics['test_perplexity']:.2f} on {model['data']} ({bits:.3f} bits per {model['unit']}, "
        f"{metrics['num_test_tokens']:,} tokens, tested once)",
    ]


def _chosen(model: JsonObject, score: str) -> list[str]:
    """The validation score of the chosen grid point, if there was a grid."""
    if model["metrics"][score] is None:
        return []
    return [
        f"chosen on the search's split: {score.replace('_', ' ')} {model['metrics'][score]:.4f}, the best of "
        f"{len(model['grid'])} trainings and so optimistic"
    ]
