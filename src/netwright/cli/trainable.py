"""What `netwright train` trains: found by a search, published, a reference, a file or a function of the user's."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from netwright.architectures.recurrent import Lstm
from netwright.config import ImageSettings, RunConfig
from netwright.errors import ConfigError, command, unknown
from netwright.recipes.ngram_models import NGRAM_MODELS
from netwright.recipes.reference_models import REFERENCE_MODELS, reference_settings, resized
from netwright.recipes.reference_networks import REFERENCE_NETWORKS, settings_on
from netwright.recipes.translation import GNMT, GNMT_CELL, GNMT_TASK

if TYPE_CHECKING:
    from netwright.architectures.families import Architecture
    from netwright.searching.placement import Placement


@dataclass(frozen=True)
class Trainable:
    """A model to train, with its settings, where to train it, and the default folder of the result."""

    source: str
    """As the user named it."""
    config: RunConfig
    placement: "Placement"
    folder: Path
    """The default folder of the model."""
    find: Callable[[int], Mapping[str, "Architecture"]]
    """Returns the given number of a run's best architectures, or the one that the user named, by where it is from."""
    run: Path | None = None
    """The run whose settings and data the training has; None for any other architecture or task."""
    epochs: int | None = None
    """Those of the final training where they are published; None leaves them to the settings."""

    @property
    def is_reference(self) -> bool:
        """Whether the settings of the training are published, so that no grid is needed to find them."""
        return self.source in {*REFERENCE_MODELS, *REFERENCE_NETWORKS}

    def in_translator(self, name: str, cell: str) -> "Trainable":
        """Return the translator `name` around this cell, which the user called `cell`.

        Raises:
            ConfigError: The task is no parallel text.
        """
        settings = self.config.evaluate
        if settings.kind != "translation":
            raise ConfigError(
                f"{name} translates, and the task {settings.task} has no parallel text; "
                "--task multi30k, or --task parallel with --data FOLDER"
            )

        def find(top: int) -> Mapping[str, "Architecture"]:
            return {f"{name} with {origin}": architecture for origin, architecture in self.find(top).items()}

        folder = Path("models") / f"{name}-{Path(cell).resolve().stem}"
        return replace(self, source=f"{name} --cell {cell}", find=find, folder=folder)

    def sized(self, size: str | None, hidden: int | None, like: str | None) -> RunConfig:
        """Return the settings with those of a reference model and the given size.

        Args:
            size: The value of --size.
            hidden: The value of --hidden.
            like: The value of --like; of a translator it counts after --set, see `of_equal_size`.

        Raises:
            ConfigError: One of them is given for images.
        """
        settings = self.config.evaluate
        like = like or (self.source if self.source in REFERENCE_MODELS and settings.kind != "translation" else None)
        if like is None and size is None and hidden is None:
            return self.config
        if settings.kind == "translation":
            return self.config.changed(evaluate=resized(settings, size=size, hidden=hidden))
        if settings.kind != "text":
            raise ConfigError(
                f"{self.source} is trained on no text here; --size, --hidden and --like are for language models "
                "and translators"
            )
        if like is not None:
            settings = reference_settings(like, settings.task, shrunk=like != self.source)
        return self.config.changed(evaluate=resized(settings, size=size, hidden=hidden))


def trainable(
    source: str,
    task: str | None,
    data: Path | None,
    *,
    cell: str | None = None,
    image_size: int | None = None,
    trust_code: bool,
) -> Trainable:
    """Find what `source` names.

    Args:
        source: The folder of a run, a name, FILE.json, FILE.py:FUNCTION or package.module:FUNCTION.
        task: The value of --task. It takes what a run found to another task, with the settings of that task's recipe.
        data: The value of --data, to which a recipe may be fitted.
        cell: The value of --cell, for a translator alone.
        image_size: The value of --image-size, for a user's own images alone.
        trust_code: Whether the user trusts the recipe's file of a run.

    Raises:
        ConfigError: There is nothing of this name, or the task is missing, unknown or superfluous.
    """
    from netwright.final_training.pipeline import found_in
    from netwright.searching.run import read_config
    from netwright.searching.store import exists

    if source == GNMT:
        cell, task = cell or GNMT_CELL, task or GNMT_TASK
        if exists(Path(cell)):
            of_cell = _carried(cell, read_config(Path(cell), trust_code=trust_code)[1], task, data, image_size)
        else:
            of_cell = _named(cell, task, data, image_size)
        return of_cell.in_translator(source, cell)
    if cell is not None:
        raise ConfigError(f"--cell {cell} is for {GNMT}, and {source} has a cell of its own; leave --cell out")
    run = Path(source)
    if not exists(run):
        return _named(source, task, data, image_size)
    config, placement = read_config(run, trust_code=trust_code)
    if task is None:
        if image_size is not None:
            raise ConfigError(f"--image-size {image_size}: {source} has the size of its images; leave the option out")
        return Trainable(source, config, placement, run / "model", partial(found_in, run), run)
    if task == config.evaluate.task and data is None:
        raise ConfigError(
            f"--task {task}: {source} was searched on this task; leave --task out to train with the run's settings on "
            "its data, or name other data of this task with --data"
        )
    return _carried(source, placement, task, data, image_size)


def _carried(run: str, placement: "Placement", task: str, data: Path | None, image_size: int | None) -> Trainable:
    """Return what a run found, with the settings of a task's first recipe and without the data of the run."""
    from netwright.final_training.pipeline import config_for, found_in

    elsewhere = replace(placement, data=None, verify=True)
    config = config_for(task, data, image_size)
    return Trainable(run, config, elsewhere, Path(run) / f"model-{task}", partial(found_in, Path(run)))


def _named(source: str, task: str | None, data: Path | None, image_size: int | None) -> Trainable:
    """Return an architecture without a run: with its published settings, or those of the task's first recipe."""
    from netwright.final_training.pipeline import config_for
    from netwright.searching.placement import Placement, default_workers

    found = {source: _architecture(source)}  # a wrong name is reported before a wrong task
    if task is None and source in REFERENCE_MODELS:
        task = REFERENCE_MODELS[source]().settings.task
    if task is None:
        raise ConfigError(f"{source} does not say what to train on; add --task cifar10 or --task ptb, for example")
    config, epochs = config_for(task, data, image_size), None
    if source in REFERENCE_NETWORKS and isinstance(config.evaluate, ImageSettings):
        settings = settings_on(source, config.evaluate)
        config, epochs = config.changed(evaluate=settings), settings.epochs
    name = source.rpartition(":")[2] if ":" in source else Path(source).stem
    return Trainable(
        source, config, Placement(default_workers(config)), Path("models") / name, lambda _top: found, epochs=epochs
    )


def of_equal_size(config: RunConfig, like: str | None) -> RunConfig:
    """Return the settings of a translator with as many parameters as one with the cell `like` and these settings.

    `config` is returned as it is where `like` is None and for all other kinds of models, whose --like is in
    `Trainable.sized`.

    Raises:
        ConfigError: There is no cell of this name.
    """
    settings = config.evaluate
    if like is None or settings.kind != "translation":
        return config
    from netwright.evaluation.factory import evaluation_of

    costs = evaluation_of(settings).costs(_architecture(like), settings.vocabulary_size)
    if not costs:
        raise ConfigError(f"--like {like}: it is no cell; expected lstm or nas-cell, for example")
    size = {"hidden_size": None, "num_parameters": costs["num_parameters"]}
    return config.changed(evaluate=settings.model_copy(update=size))


def _architecture(source: str) -> "Architecture":
    """Return the architecture that `source` names, or that the JSON file `source` holds."""
    from netwright.architectures.named import OwnNetwork, ReferenceNetwork
    from netwright.architectures.published import PUBLISHED
    from netwright.models.folder import read_architecture
    from netwright.spaces.named_functions import is_function_name, named_function

    if source == GNMT_CELL:
        return Lstm()
    if source in PUBLISHED:
        return PUBLISHED[source]()
    if source in REFERENCE_MODELS:
        return REFERENCE_MODELS[source]().architecture
    if source in REFERENCE_NETWORKS:
        return ReferenceNetwork(source)
    if is_function_name(source):
        return OwnNetwork(named_function(source)[0])
    path = Path(source)
    if path.suffix == ".json":
        return read_architecture(path)
    if path.suffix == ".py":
        raise ConfigError(f"{source} does not say which function makes the network; expected {source}:FUNCTION")
    if path.exists():
        raise ConfigError(f"{source} holds no run; expected a folder as `netwright search` makes it")
    known = [GNMT, GNMT_CELL, *PUBLISHED, *REFERENCE_MODELS, *REFERENCE_NETWORKS, *NGRAM_MODELS]
    raise ConfigError(
        f"{source} is no run's folder, no FILE.json and no FILE.py:FUNCTION, and an "
        f"{unknown('network', source, known)} (all of them: {command('models')})"
    )
