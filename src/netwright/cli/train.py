"""`netwright train`."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from netwright.architectures.values import JsonObject
from netwright.cli import options
from netwright.cli.app import command_in, interruption_explained
from netwright.cli.help import USE
from netwright.cli.hints import print_next
from netwright.cli.ngrams import count_named
from netwright.cli.stages import Stages
from netwright.cli.trainable import Trainable, of_equal_size, trainable
from netwright.config import RunConfig, assigned
from netwright.errors import ConfigError, NetwrightError, command
from netwright.terminal import Terminal

if TYPE_CHECKING:
    from netwright.config.final_training import FinalTrainingSettings
    from netwright.searching.placement import Placement

NOT_FOR_ALL = {
    "mc_samples": "--mc-samples averages the predictions of a language model, and is for tasks with a text",
    "schedule": "--schedule is for tasks with images (a language model has --set evaluate.constant_epochs=N and "
    "evaluate.decay=D, a translator evaluate.decay_from=SHARE)",
    "label_smoothing": "--label-smoothing is for tasks with images and for translation",
}
"""What an option is for that not all kinds of networks have, by the setting that it changes."""


@command_in(USE)
def train(
    source: options.SourceArgument,
    task: options.TaskOption = None,
    top: options.CandidatesOption = 1,
    grid: options.GridOption = None,
    epochs: options.FinalEpochsOption = None,
    minutes: options.MinutesOption = None,
    schedule: options.ScheduleOption = None,
    label_smoothing: options.LabelSmoothingOption = None,
    size: options.SizeOption = None,
    hidden: options.HiddenOption = None,
    like: options.LikeOption = None,
    cell: options.CellOption = None,
    mc_samples: options.McSamplesOption = None,
    seed: options.FinalSeedOption = 0,
    workers: options.WorkersOption = None,
    children_per_gpu: options.ChildrenPerGpuOption = None,
    address: options.AddressOption = None,
    data: options.DataOption = None,
    image_size: options.ImageSizeOption = None,
    verify: options.VerifyOption = True,
    accept_data: options.AcceptDataOption = False,
    target: options.ModelOption = None,
    estimate: options.TrainingEstimateOption = False,
    settings: options.FinalSettingsOption = None,
    trust_code: options.TrustCodeOption = False,
) -> None:
    """Train the best architecture of a run, or one of your choice, to the end and test it once.

    With --task, what a run found is carried to another task: trained on its data with the settings of its recipe.

    First a small grid is trained on the search's split: learning rate, weight decay, batch normalisation's epsilon and
    start of the decay; for a language model learning rate, initial weights, dropout and start of the decay; for a
    translator learning rate, initial weights and warm-up. The point with the best validation score is then trained on
    all images but the test set's, or on the whole training text, and tested once. A reference model has its
    published settings and no grid unless --grid small asks for it. The same command continues a training that stopped
    for any reason.

    Examples:
        netwright train runs/digits-reinforce-seed0 --top 3
        netwright train RUN --task ptb-characters --like lstm-char
        netwright train resnet-20 --task cifar10 --epochs 60
        netwright train resnet-20 --task images --data photographs --minutes 20
        netwright train FILE.py:FUNCTION --task images --data photographs
        netwright train nas-cell --task ptb --size 25M
        netwright train nas-cell --task ptb-characters --grid none
        netwright train nas-cell --task ptb --like lstm-small --grid none
        netwright train gnmt --task multi30k --cell nas-cell --like lstm
        netwright train RUN --task multi30k
        netwright train lstm-medium --estimate
    """
    from netwright.cli.reading import reading_shown
    from netwright.evaluation.factory import evaluation_of
    from netwright.final_training.pipeline import finish
    from netwright.recipes.ngram_models import NGRAM_MODELS

    of_networks = {
        "epochs": epochs,
        "minutes": minutes,
        "schedule": schedule,
        "label_smoothing": label_smoothing,
        "mc_samples": mc_samples,
    }
    if source in NGRAM_MODELS:
        unusable = {**of_networks, "size": size, "hidden": hidden, "like": like, "cell": cell, "address": address}
        counted = count_named(
            source, task=task, data=data, verify=verify, target=target, assignments=settings,
            unusable={**unusable, "grid": grid, "estimate": estimate or None},
        )  # fmt: skip
        _print_model(*counted)
        return
    said: set[str] = set()
    with reading_shown(said):
        what = trainable(source, task, data, cell=cell, image_size=image_size, trust_code=trust_code)
    placement = _placed(what, address, workers, children_per_gpu, data, verify=verify)
    if epochs is not None and minutes is not None:
        raise ConfigError(f"--epochs {epochs} and --minutes {minutes:g} both say how long to train; leave one out")
    published = None if minutes else what.epochs
    given = {**of_networks, "epochs": epochs or published, "top": top, "seed": seed}
    config, final = _assigned(what.sized(size, hidden, like), given, settings or [])
    config = of_equal_size(config, like)
    grid = grid or ("none" if what.is_reference or final.minutes else "small")
    final = final if grid == "small" else final.without_grid()
    found = what.find(final.top)
    folder = target or what.folder
    if estimate:
        from netwright.cli.estimate import print_training_estimate

        print_training_estimate(found, config, final, placement)
        return
    complete = folder.exists()
    kept = "Every finished training of the grid and every finished epoch is kept; go on by the same command"
    with interruption_explained(lambda: kept), Stages() as stages, reading_shown(said, stages):
        model = finish(found, config, final, folder, placement, stages, what.run, accept_data=accept_data)
    lines = [*evaluation_of(config.evaluate).model_lines(model), *_page_of(folder)]
    lines += _report_of(what.run, folder, trust_code=trust_code)
    _print_model(lines, folder, complete)
    print_next(*_after_training(folder))


def _placed(
    what: Trainable,
    address: str | None,
    workers: int | None,
    children_per_gpu: int | None,
    data: Path | None,
    *,
    verify: bool,
) -> "Placement":
    """Return where candidates are trained; `ConfigError` if an address of a Ray cluster does not fit it."""
    from netwright.cli.running import check_address
    from netwright.searching.placement import chosen_workers

    placement = what.placement
    check_address(placement, address, "train", what.source)
    if address is not None and not placement.on_cluster:
        raise ConfigError(f"--address is for a run that was searched on Ray, and {what.source} was not; leave it out")
    chosen = chosen_workers(what.config, workers, children_per_gpu, on_cluster=placement.on_cluster)
    return replace(
        placement,
        address=address,
        workers=chosen or placement.workers,
        data=data.absolute() if data else placement.data,
        verify=verify and placement.verify,
    )


def _assigned(
    config: RunConfig, options_given: JsonObject, settings: list[str]
) -> tuple[RunConfig, "FinalTrainingSettings"]:
    """The settings of the run and of its final training (`options_given`, None if not given), both after `--set`."""
    from netwright.evaluation.factory import evaluation_of

    given = {name: value for name, value in options_given.items() if value is not None}
    kind = evaluation_of(config.evaluate).final_settings
    for name in given.keys() - kind.model_fields.keys():
        raise ConfigError(f"{NOT_FOR_ALL[name]}, and the task {config.evaluate.task} is none of these; leave it out")
    final = kind.from_json(given)
    document = assigned({**config.to_json(), "final": final.to_json()}, settings)
    final = kind.from_json(document.pop("final"))
    return config.from_json(document), final


def _page_of(folder: Path) -> list[str]:
    """Write model.html, and return a line that names it or says why there is none; the model is complete without."""
    from netwright.report.model_page import write_model_page

    try:
        page = write_model_page(folder)
    except NetwrightError as error:
        return [f"no page could be written: {error}"]
    return [f"what it does, as a page: {page}"] if page else []


def _report_of(run: Path | None, folder: Path, *, trust_code: bool) -> list[str]:
    """Write the report of a run anew that shows the model in `folder`, and return a line that names it."""
    from netwright.report.page import write_report
    from netwright.searching.trained_model import FOLDER

    if run is None or folder != run / FOLDER:
        return []
    try:
        return [f"the run's report, with the test: {write_report(run, trust_code=trust_code)}"]
    except NetwrightError as error:
        return [f"no report could be written: {error}"]


def _print_model(lines: list[str], folder: Path, complete: bool) -> None:
    lines.append(f"the model: {folder} (in Python nw.load({str(folder)!r}))")
    if complete:
        lines.append(f"It was there already. To train it again, choose another --out or --seed, or remove {folder}.")
    for line in lines:
        Terminal().print(line, highlight=False, markup=False, soft_wrap=True)


def _after_training(folder: Path) -> list[str]:
    """Return what can be done with a trained network."""
    from netwright.architectures.families import entry_of
    from netwright.models.export_code import EXPORTERS
    from netwright.models.folder import ARCHITECTURE, kind_of, read_architecture, read_description

    kind = kind_of(read_description(folder))
    if kind == "translation":
        return [command("translate", folder)]
    is_spelled_out = entry_of(EXPORTERS, read_architecture(folder / ARCHITECTURE)) is not None
    exports = [command("export", folder, "--to", "code")] if is_spelled_out else []
    use = command("generate", folder) if kind == "text" else command("predict", folder, "FILE")
    return [use, *exports]
