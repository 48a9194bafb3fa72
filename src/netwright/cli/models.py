"""The commands for what a search leaves: train a network to the end, and write it in other forms."""

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
    LabelSmoothingOption,
    ModelOption,
    ScheduleOption,
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
            help="A run's folder, a published network (nas-cnn-15), or an architecture's JSON.",
            show_default=False,
        ),
    ],
    task: TaskOption = None,
    top: CandidatesOption = 1,
    grid: GridOption = GridName.small,
    epochs: FinalEpochsOption = None,
    schedule: ScheduleOption = None,
    label_smoothing: LabelSmoothingOption = 0.0,
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

    A small grid (learning rate, weight decay, batch normalisation's epsilon, start of the learning rate's decay) is
    trained on the search's split; validation chooses. The best point is then trained on all images but the test set's,
    and tested once. The same command goes on where it stopped, whatever stopped it.

        netwright train runs/digits-reinforce-seed0 --top 3
        netwright train nas-cnn-15 --task cifar10 --grid none --epochs 300
    """
    from netwright.cli.stages import Stages
    from netwright.finishing import finish

    found, config, place, default_target = _found(source, task, top, data)
    options = {"top": top, "epochs": epochs, "schedule": schedule, "label_smoothing": label_smoothing, "seed": seed}
    config, final = _assigned(config, options, settings or [])
    place = replace(
        place,
        workers=workers or place.workers,
        data=data.resolve() if data else place.data,
        verify=verify and place.verify,
    )
    folder = target or default_target
    complete = folder.exists()
    with Stages() as stages:
        model = finish(found, config, final if grid is GridName.small else final.without_grid(), folder, place, stages)
    _print_model(model, folder, complete)


def _found(source: str, task: str | None, top: int, data: Path | None) -> tuple[dict[str, Any], Any, Any, Path]:
    """The architectures that `source` names, settings, place, and where the model goes."""
    from netwright.architectures.convolutional import ConvNet
    from netwright.errors import unknown
    from netwright.finishing import config_for, found_in
    from netwright.models.folder import read_architecture
    from netwright.running import Place, default_workers, read_config
    from netwright.store import exists
    from netwright.zoo import PUBLISHED

    path = Path(source)
    if exists(path):
        if task is not None:
            raise ConfigError(f"--task {task}: the run {source} has a task of its own; leave --task out")
        config, place = read_config(path)
        return found_in(path, top), config, place, path / "model"
    if source in PUBLISHED:
        network = PUBLISHED[source]()
        if not isinstance(network, ConvNet):
            raise ConfigError(
                f"{source} is a recurrent cell, and netwright train trains image networks; `netwright draw {source}` "
                "draws it"
            )
        found = {source: network}
    elif path.suffix == ".json":
        found = {source: read_architecture(path)}
    elif path.exists():
        raise ConfigError(f"{source} holds no run; expected a folder as `netwright search` makes it")
    else:
        raise ConfigError(
            f"{source} is no run's folder and no FILE.json, and an {unknown('network', source, PUBLISHED)}"
        )
    if task is None:
        raise ConfigError(f"{source} does not say what to train on; add --task cifar10 or --task digits")
    config = config_for(task, data)
    return found, config, Place(default_workers(config)), Path("models") / path.stem


def _assigned(config: Any, options: dict[str, Any], settings: list[str]) -> tuple[Any, Any]:
    """The run's settings and those of the final training that `options` ask for, both as `--set` changes them."""
    from netwright.config import FinalSettings, assigned

    final = FinalSettings.from_json(options)
    document = assigned({**config.to_json(), "final": final.to_json()}, settings)
    final = FinalSettings.from_json(document.pop("final"))
    return config.from_json(document), final


def _print_model(model: dict[str, Any], folder: Path, complete: bool) -> None:
    metrics, settings = model["metrics"], model["settings"]
    low, high = metrics["test_interval"]
    start = "the schedule's" if settings["decay_at"] is None else f"{settings['decay_at']:g} of training"
    lines = [
        f"{model['origin']}, {metrics['num_parameters']:,} parameters, {settings['epochs']} epochs on "
        f"{metrics['num_train_images']:,} images: learning rate {settings['learning_rate']:g}, weight decay "
        f"{settings['weight_decay']:g}, epsilon {settings['epsilon']:g}, start of the decay: {start}",
    ]
    if metrics["validation_accuracy"] is not None:
        lines.append(
            f"chosen on the search's split: validation accuracy {metrics['validation_accuracy']:.4f}, the best of "
            f"{len(model['grid'])} trainings and so optimistic"
        )
    lines += [
        f"test accuracy {metrics['test_accuracy']:.4f} on {model['data']} (95% interval {low:.4f} to {high:.4f}, "
        f"{metrics['num_test_images']:,} images, tested once)",
        f'the model: {folder} (in Python nw.load("{folder}"), as plain PyTorch: netwright export {folder} --to code)',
    ]
    if complete:
        lines.append(f"It was there already. To train it anew: another --out or --seed, or remove {folder}.")
    for line in lines:
        Console().print(line, highlight=False, markup=False, soft_wrap=True)


class FormName(StrEnum):
    """What `--to` takes."""

    code = "code"
    onnx = "onnx"


@app.command()
@reporting
def export(
    model: Annotated[
        Path,
        typer.Argument(metavar="MODEL", help="A model's folder, as `netwright train` makes it.", show_default=False),
    ],
    form: Annotated[
        FormName,
        typer.Option("--to", help="code: a Python file that needs torch alone; onnx: a file for other runtimes."),
    ],
    target: Annotated[
        Path | None, typer.Option("--out", "-o", help="The file. [dim]Default: MODEL.py or MODEL.onnx[/]")
    ] = None,
) -> None:
    """Write a trained network in a form that works without netwright.

    netwright export runs/digits-reinforce-seed0/model --to code -o digits.py
    python digits.py photograph.png
    """
    console = Console(soft_wrap=True)
    if form is FormName.code:
        from netwright.models.code import export_code

        name = re.sub(r"\W", "_", model.name)
        path, weights = export_code(model, target or model.with_name(f"{name}.py"))
        console.print(
            f"{path} with its weights in {weights}: keep them together. It needs torch; python {path} IMAGE ... prints "
            "the class of each image and needs pillow too.",
            highlight=False,
            markup=False,
        )
    else:
        from netwright.models.onnx_file import export_onnx

        path = export_onnx(model, target or model.with_name(f"{model.name}.onnx"))
        console.print(f"{path}: uint8 images in, logits out", highlight=False, markup=False)
