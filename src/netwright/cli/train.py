"""The commands for what a search leaves: train a network to the end, and write it in other forms."""

import importlib.util
import re
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from netwright.cli.app import app, reporting
from netwright.cli.options import (
    CandidatesOption,
    DataOption,
    FinalEpochsOption,
    GridName,
    GridOption,
    HiddenOption,
    LabelSmoothingOption,
    LikeOption,
    ModelOption,
    ScheduleOption,
    SizeOption,
    TaskOption,
    VerifyOption,
    WorkersOption,
)
from netwright.errors import ConfigError


@app.command()
@reporting
def train(
    source: Annotated[
        str,
        typer.Argument(
            metavar="RUN|NAME|FILE.json",
            help="A run's folder, a published network or cell (nas-cnn-15, nas-cell), a baseline (lstm-small, rhn), or "
            "an architecture's JSON.",
            show_default=False,
        ),
    ],
    task: TaskOption = None,
    top: CandidatesOption = 1,
    grid: GridOption = GridName.small,
    epochs: FinalEpochsOption = None,
    schedule: ScheduleOption = None,
    label_smoothing: LabelSmoothingOption = None,
    size: SizeOption = None,
    hidden: HiddenOption = None,
    like: LikeOption = None,
    seed: Annotated[int, typer.Option("--seed", help="Of the first weights and the order of the images.")] = 0,
    workers: WorkersOption = None,
    data: DataOption = None,
    verify: VerifyOption = True,
    target: ModelOption = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="KEY=VALUE", help="Change a setting: evaluate.batch_size=128, final.weight_decays=[1,3]."
        ),
    ] = None,
) -> None:
    """Train what a search has found to the end, and test it.

    A small grid is trained on the search's split (learning rate, weight decay, batch normalisation's epsilon, start of
    the decay; for a language model learning rate, first weights, dropout, start of the decay); validation chooses. The
    best point is then trained to the end, on all images but the test set's or on the whole training text, and tested
    once. The same command goes on where it stopped, whatever stopped it.

        netwright train runs/digits-reinforce-seed0 --top 3
        netwright train nas-cnn-15 --task cifar10 --grid none --epochs 300
        netwright train nas-cell --task ptb --size 25M
        netwright train nas-cell --task ptb --like lstm-small --grid none
    """
    from netwright.cli.stages import Stages
    from netwright.final_training.pipeline import finish, found_in
    from netwright.searching.store import exists

    run = Path(source) if exists(Path(source)) else None
    found = {} if run else _named(source)
    config, placement, default_target = _of_run(run, task) if run else _of_task(source, task, data)
    config = _sized(config, source, size, hidden, like)
    options = {"top": top, "epochs": epochs, "schedule": schedule, "label_smoothing": label_smoothing, "seed": seed}
    config, final = _assigned(config, options, settings or [])
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
        final = final if grid is GridName.small else final.without_grid()
        model = finish(found, config, final, folder, placement, stages, run)
    _print_model(model, folder, complete)


def _named(source: str) -> dict[str, Any]:
    """The architecture that `source` names, or that is in the file of this name."""
    from netwright.architectures.published import PUBLISHED
    from netwright.errors import unknown
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


def _of_run(run: Path, task: str | None) -> tuple[Any, Any, Path]:
    """Settings and place of a stored run, and where its model goes."""
    from netwright.searching.run import read_config

    if task is not None:
        raise ConfigError(f"--task {task}: the run {run} has a task of its own; leave --task out")
    return *read_config(run), run / "model"


def _of_task(source: str, task: str | None, data: Path | None) -> tuple[Any, Any, Path]:
    """The same for an architecture without a run."""
    from netwright.final_training.pipeline import config_for
    from netwright.searching.run import Placement, default_workers

    if task is None:
        raise ConfigError(f"{source} does not say what to train on; add --task cifar10 or --task ptb, for example")
    config = config_for(task, data)
    return config, Placement(default_workers(config)), Path("models") / Path(source).stem


def _sized(config: Any, source: str, size: str | None, hidden: int | None, like: str | None) -> Any:
    """`config` with a baseline's settings and the size that is asked for; `ConfigError` where it trains no text."""
    from netwright.config import TextSettings
    from netwright.recipes.reference_models import REFERENCE_MODELS, reference_settings, resized

    like = like or (source if source in REFERENCE_MODELS else None)
    if like is None and size is None and hidden is None:
        return config
    if not isinstance(config.evaluate, TextSettings):
        raise ConfigError(f"{source} on {config.evaluate.task}: --size, --hidden and --like are for language models")
    settings = (
        config.evaluate if like is None else reference_settings(like, config.evaluate.task, shrunk=like != source)
    )
    return config.changed(evaluate=resized(settings, size=size, hidden=hidden))


def _assigned(config: Any, options: dict[str, Any], settings: list[str]) -> tuple[Any, Any]:
    """The run's settings and those of the final training that `options` ask for, both as `--set` changes them."""
    from netwright.config import FinalSettings, FinalTextSettings, TextSettings, assigned

    given = {name: value for name, value in options.items() if value is not None}
    is_text = isinstance(config.evaluate, TextSettings)
    if is_text and not given.keys().isdisjoint(("schedule", "label_smoothing")):
        raise ConfigError(
            f"--schedule and --label-smoothing are for images, and the task {config.evaluate.task} is a text; leave "
            "them out. How a language model's learning rate falls: --set evaluate.constant_epochs=N --set "
            "evaluate.decay=D"
        )
    kind = FinalTextSettings if is_text else FinalSettings
    final = kind.from_json(given)
    document = assigned({**config.to_json(), "final": final.to_json()}, settings)
    final = kind.from_json(document.pop("final"))
    return config.from_json(document), final


def _print_model(model: dict[str, Any], folder: Path, complete: bool) -> None:
    lines = _about_text(model) if model.get("kind") == "text" else _about_images(model)
    lines.append(f'the model: {folder} (in Python nw.load("{folder}"){_as_code(folder)})')
    if complete:
        lines.append(f"It was there already. To train it anew: another --out or --seed, or remove {folder}.")
    for line in lines:
        Console().print(line, highlight=False, markup=False, soft_wrap=True)


def _as_code(folder: Path) -> str:
    from netwright.architectures.families import entry_of
    from netwright.models.export_code import EXPORTERS
    from netwright.models.folder import ARCHITECTURE, read_architecture

    is_spelled_out = entry_of(EXPORTERS, read_architecture(folder / ARCHITECTURE)) is not None
    return f", as plain PyTorch: netwright export {folder} --to code" if is_spelled_out else ""


def _about_images(model: dict[str, Any]) -> list[str]:
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


def _about_text(model: dict[str, Any]) -> list[str]:
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


def _chosen(model: dict[str, Any], score: str) -> list[str]:
    """What the grid said, where there was one."""
    if model["metrics"][score] is None:
        return []
    return [
        f"chosen on the search's split: {score.replace('_', ' ')} {model['metrics'][score]:.4f}, the best of "
        f"{len(model['grid'])} trainings and so optimistic"
    ]


class FormName(StrEnum):
    """What `--to` takes."""

    code = "code"
    onnx = "onnx"
    optuna = "optuna"


@app.command()
@reporting
def export(
    model: Annotated[
        Path,
        typer.Argument(
            metavar="MODEL|RUN",
            help="A model's folder, as `netwright train` makes it; for optuna a run's folder.",
            show_default=False,
        ),
    ],
    form: Annotated[
        FormName,
        typer.Option(
            "--to",
            help="code: a Python file that needs torch alone; onnx: a file for other runtimes; optuna: a study, for "
            "optuna-dashboard.",
        ),
    ],
    target: Annotated[
        str | None,
        typer.Option(
            "--out",
            "-o",
            help="The file, or the URL of a storage. [dim]Default: MODEL.py, MODEL.onnx, RUN/optuna.db[/]",
        ),
    ] = None,
) -> None:
    """Write a trained network, or a whole run, in a form that works without netwright.

    netwright export runs/digits-reinforce-seed0/model --to code -o digits.py
    python digits.py photograph.png
    netwright export runs/digits-reinforce-seed0 --to optuna -o sqlite:///studies.db
    """
    console = Console(soft_wrap=True)
    named = model if model.name not in ("", "..") else model.resolve()  # "." has no name of its own
    if form is FormName.optuna:
        console.print(_mirrored(model, target or f"sqlite:///{model / 'optuna.db'}"), highlight=False, markup=False)
    elif form is FormName.code:
        from netwright.models.export_code import export_code

        name = re.sub(r"\W", "_", named.name)
        path, weights = export_code(model, Path(target) if target else named.parent / f"{name}.py")
        console.print(
            f"{path} with its weights in {weights}: keep them together. It needs torch; python {path} IMAGE ... prints "
            "the class of each image and needs pillow too.",
            highlight=False,
            markup=False,
        )
    else:
        from netwright.models.export_onnx import export_onnx

        path = export_onnx(model, Path(target) if target else named.parent / f"{named.name}.onnx")
        console.print(f"{path}: uint8 images in, logits out", highlight=False, markup=False)


def _mirrored(run: Path, storage_url: str) -> str:
    if importlib.util.find_spec("optuna") is None:
        raise ConfigError("--to optuna needs Optuna, not installed here: pip install 'netwright[optuna]'")
    from netwright.integrations.optuna.mirroring import mirror

    num_new = mirror(run, storage_url)
    return f"{num_new} new trials in the study {run.resolve().name}. To look at it: optuna-dashboard {storage_url}"
