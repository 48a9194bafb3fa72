"""Every argument and option of the command line, each declared once."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from netwright.config import STRATEGIES
from netwright.execution.factory import EXECUTORS

REPLICAS_PANEL = "Replicas of the controller"

if TYPE_CHECKING:
    ExecutorName = str
else:
    ExecutorName = Literal[tuple(EXECUTORS)]

# Arguments


def recipe_names() -> list[str]:
    """Return the names of all recipes, for the completion of a command in a shell."""
    from netwright.recipes import RECIPES

    return list(RECIPES)


RecipeArgument = Annotated[
    str,
    typer.Argument(
        metavar="RECIPE",
        help="A name from `netwright recipes`, or FILE.py:FUNCTION.",
        show_default=False,
        autocompletion=recipe_names,
    ),
]
RunArgument = Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a run.", show_default=False)]
DrawArgument = Annotated[
    str,
    typer.Argument(
        metavar="RUN|FILE.json|NAME",
        help="The folder of a run, an architecture's JSON, or a published network or cell: nas-cnn-15, nas-cell, "
        "nas-max-cell, lstm-cell.",
        show_default=False,
    ),
]
SourceArgument = Annotated[
    str,
    typer.Argument(
        metavar="RUN|NAME|FILE.json|FILE.py:FUNCTION",
        help="The folder of a run, the name of a published or reference model (nas-cnn-15, nas-cell, resnet-20, rhn; "
        "all of them: netwright models), an architecture's JSON, or a function of (num_classes, in_channels, "
        "image_size) that returns a network for images, also as package.module:FUNCTION.",
        show_default=False,
    ),
]
ModelArgument = Annotated[
    Path,
    typer.Argument(
        metavar="MODEL|RUN",
        help="The folder of a model, as `netwright train` writes it; for optuna the folder of a run.",
        show_default=False,
    ),
]

# Where the output goes

OutOption = Annotated[
    Path | None, typer.Option("--out", "-o", help="The run's folder. [dim]Default: runs/RECIPE-STRATEGY-seedS[/]")
]
ReportOption = Annotated[
    Path | None, typer.Option("--out", "-o", metavar="FILE", help="FILE.html. [dim]Default: RUN/report.html[/]")
]
PictureOption = Annotated[
    Path | None,
    typer.Option(
        "--out",
        "-o",
        metavar="FILE",
        help="FILE.svg or FILE.png; FILE.tex for a cell's equations. [dim]Default: RUN/best.svg or NAME.svg[/]",
    ),
]
ComparisonOption = Annotated[
    Path | None,
    typer.Option("--out", "-o", help="The comparison's folder. [dim]Default: comparisons/RECIPE-A-B-...[/]"),
]
ModelOption = Annotated[
    Path | None,
    typer.Option("--out", "-o", help="The model's folder. [dim]Default: RUN/model, RUN/model-TASK or models/NAME[/]"),
]
ExportOption = Annotated[
    str | None,
    typer.Option(
        "--out",
        "-o",
        help="The file, or the URL of a storage. [dim]Default: MODEL.py, MODEL.onnx, RUN/optuna.db[/]",
    ),
]
OverwriteOption = Annotated[
    bool, typer.Option("--overwrite", help="Begin anew; the run in the folder is renamed to FOLDER.previous.")
]
AcceptChangesOption = Annotated[
    bool,
    typer.Option(
        "--accept-changes",
        help="Go on although the space or your code has changed since the run began; earlier trials are marked.",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print everything as one JSON document.")]
TopOption = Annotated[int, typer.Option("--top", min=1, help="Number of architectures in the table.")]
TrustCodeOption = Annotated[
    bool,
    typer.Option(
        "--trust-code",
        help="Run the Python file that the run names as its recipe, although no command of yours has named this file "
        "with its present content. [dim]NETWRIGHT_TRUST_CODE=1 does so for every command.[/]",
    ),
]
TensorboardOption = Annotated[
    bool, typer.Option("--tensorboard", help="Write live curves for TensorBoard into RUN/tensorboard.")
]
# What is searched, and how

TrialsOption = Annotated[
    int | None,
    typer.Option("--trials", min=1, help="Total number of architectures to try. [dim]Default: the recipe's[/]"),
]
SeedOption = Annotated[int, typer.Option("--seed", help="The same seed gives the same search.")]
StrategyOption = Annotated[
    str | None,
    typer.Option(
        "--strategy",
        help=f"The search strategy: {', '.join(f'{name} ({entry.help})' for name, entry in STRATEGIES.items())}. "
        "[dim]Default: the recipe's[/]",
        autocompletion=lambda: list(STRATEGIES),
    ),
]
SettingsOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Change a setting, for example evaluate.epochs=3. Repeatable."),
]
MaxParametersOption = Annotated[
    int | None,
    typer.Option(
        "--max-parameters", min=1, help="Train no child with more parameters; another is sampled in its place."
    ),
]
MaxFlopsOption = Annotated[
    int | None,
    typer.Option(
        "--max-flops", min=1, help="Train no child with more multiply-adds per image; another is sampled in its place."
    ),
]
StopOption = Annotated[
    list[str] | None,
    typer.Option(
        "--stop",
        metavar="EPOCHS:SHARE",
        help="Stop poor networks early: after so many epochs only this share is trained further, for example 4:1/4. A "
        "network is compared with earlier ones at the same epoch. Repeatable, with ascending epochs.",
    ),
]
InFlightOption = Annotated[
    int | None,
    typer.Option(
        "--in-flight",
        min=1,
        metavar="N",
        help="Largest number of networks in training at the same time. With more of them the strategy proposes before "
        "it knows the latest results, so N changes the search; the number of workers does not. [dim]Default: two "
        "batches; for thompson 2 networks[/]",
    ),
]
EstimateOption = Annotated[
    bool, typer.Option("--estimate", help="Print what the search would cost on this machine, and stop.")
]
ReplicasOption = Annotated[
    int | None,
    typer.Option(
        "--replicas",
        min=1,
        metavar="K",
        rich_help_panel=REPLICAS_PANEL,
        help="Number of controllers that share their parameters; the paper has 100. [dim]Default: one controller[/]",
    ),
]
BatchOption = Annotated[
    int | None,
    typer.Option("--batch", min=1, metavar="M", rich_help_panel=REPLICAS_PANEL, help="Architectures per gradient."),
]
ServersOption = Annotated[
    int | None,
    typer.Option(
        "--servers",
        min=1,
        metavar="S",
        rich_help_panel=REPLICAS_PANEL,
        help="Shards of the parameters. [dim]Default: 20[/]",
    ),
]
AccumulateOption = Annotated[
    int | None,
    typer.Option(
        "--accumulate",
        min=1,
        metavar="N",
        rich_help_panel=REPLICAS_PANEL,
        help="Gradients per update. [dim]Default: 1, for ptb 10[/]",
    ),
]
MaxStalenessOption = Annotated[
    int | None,
    typer.Option(
        "--max-staleness",
        min=0,
        metavar="D",
        rich_help_panel=REPLICAS_PANEL,
        help="Drop a gradient that is more than D updates old. [dim]Default: none is dropped[/]",
    ),
]

# Where children run, and on which data

WorkersOption = Annotated[
    int | None,
    typer.Option(
        "--workers",
        min=1,
        help="Children trained at once. [dim]Default: one per core, or per GPU; on Ray all that fit[/]",
    ),
]
ExecutorOption = Annotated[
    ExecutorName | None,
    typer.Option(
        "--executor",
        help=f"Train children in {' or '.join(entry.help for entry in EXECUTORS.values())}. [dim]Default: local[/]",
    ),
]
AddressOption = Annotated[
    str | None,
    typer.Option(
        "--address",
        metavar="auto|HOST:PORT",
        help="The Ray cluster: auto for the one on this machine, or its head node. [dim]Default: start one here[/]",
    ),
]
ChildrenPerGpuOption = Annotated[
    int | None,
    typer.Option(
        "--children-per-gpu",
        min=1,
        metavar="N",
        help="Children trained at once on each GPU of this machine, in the place of --workers. [dim]Default: 1[/]",
    ),
]
GpusPerChildOption = Annotated[
    float | None,
    typer.Option(
        "--gpus-per-child",
        help="GPUs per child on Ray; a fraction such as 0.25 is allowed. [dim]Default: one where children use GPUs[/]",
    ),
]
DataOption = Annotated[
    Path | None,
    typer.Option(
        "--data",
        help="The data set's official files, a table's CSV, your own images (a folder of classes or an .npz) or text.",
    ),
]
ImageSizeOption = Annotated[
    int | None,
    typer.Option(
        "--image-size",
        min=1,
        max=224,
        metavar="N",
        help="Pixels of the longer side of your own images at most, up to 224. [dim]Default: 64[/]",
    ),
]
AcceptDataOption = Annotated[
    bool,
    typer.Option(
        "--accept-data",
        help="Go on with a run although this netwright reads its data in another way. Changed files are still refused.",
    ),
]
AcceptDeviceOption = Annotated[
    bool,
    typer.Option(
        "--accept-device",
        help="Go on with a run on another device (GPU or processor) than that on which it was begun.",
    ),
]
VerifyOption = Annotated[
    bool, typer.Option("--verify-data/--no-verify-data", help="Require the official checksums of data files.")
]

# Confirmation and pictures

ConfirmTopOption = Annotated[
    int | None, typer.Option("--top", min=1, help="Number of architectures. [dim]Default: the recipe's[/]")
]
RetrainingsOption = Annotated[
    int | None, typer.Option("--num-seeds", min=1, help="Retrainings of each. [dim]Default: the recipe's[/]")
]
ConfirmEpochsOption = Annotated[
    int | None,
    typer.Option("--epochs", min=1, help="Epochs of each, instead of the search's. [dim]Default: the recipe's[/]"),
]
FirstOption = Annotated[
    list[str] | None,
    typer.Option(
        "--first",
        metavar="EPOCHS:SHARE",
        help="Choose the architectures in a step before: train this share of all once for so many epochs, for example "
        "12:1/10, and go on with the best. Repeatable, with ascending epochs; needs --epochs.",
    ),
]
ConfirmTrialOption = Annotated[
    list[int] | None,
    typer.Option("--trial", metavar="N", help="Retrain this trial instead of the best ones. Repeatable."),
]
DrawTrialOption = Annotated[
    int | None, typer.Option("--trial", min=0, help="Draw this trial of a run instead of its best one.")
]

# Comparison

StrategiesOption = Annotated[
    str,
    typer.Option(
        "--strategies",
        metavar="A,B,...",
        help="The strategies to compare; settings follow a name: reinforce:learning_rate=0.01:hidden_size=50.",
        show_default=False,
    ),
]
NumSeedsOption = Annotated[int, typer.Option("--num-seeds", min=1, help="Runs of every strategy.")]
TrialsBudgetOption = Annotated[int | None, typer.Option("--trials", min=1, help="The budget of every run in trials.")]
SecondsBudgetOption = Annotated[
    float | None,
    typer.Option(
        "--budget", metavar="SECONDS", help="The budget in seconds instead: a table's, or those that children took."
    ),
]
EpochsBudgetOption = Annotated[
    int | None, typer.Option("--epochs", min=1, help="The budget of every run in epochs of its children.")
]
LadderOption = Annotated[
    bool,
    typer.Option(
        "--confirm",
        help="Retrain the best of each run at its end, as `netwright confirm` does, and show the score of the one that "
        "is chosen. --set confirm.top=5 and the like change how. The budget does not include it.",
    ),
]
RepeatsOption = Annotated[
    Literal["charged", "free"],
    typer.Option("--repeats", help="charged: a repeated architecture costs its seconds again and counts as a trial."),
]
MaxProposalsOption = Annotated[
    int | None,
    typer.Option(
        "--max-proposals",
        min=1,
        help="Limit of proposals per run where the budget is in seconds or repeats are free. [dim]Default: 1000, or "
        "10 x --trials where that is more[/]",
    ),
]
ComparisonSettingsOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Change a setting for all strategies. Repeatable."),
]

# Final training

TaskOption = Annotated[
    str | None,
    typer.Option(
        "--task",
        help="The data for a NAME or FILE.json: cifar10, digits, images, ptb, ptb-characters, wikitext2, text, "
        "multi30k, parallel. Of a RUN: another task to which its best architecture is carried.",
    ),
]
CandidatesOption = Annotated[
    int, typer.Option("--top", min=1, help="Number of the run's best architectures among which validation chooses.")
]
GridOption = Annotated[
    Literal["small", "none"] | None,
    typer.Option(
        "--grid",
        help="small: 16 points around the search's settings, 8 for a translator; none: only those settings. "
        "[dim]Default: small; none for a reference model and with --minutes[/]",
    ),
]
TrainingEstimateOption = Annotated[
    bool,
    typer.Option("--estimate", help="Time a few mini-batches, print how long the training would take, and stop."),
]
FinalEpochsOption = Annotated[
    int | None,
    typer.Option(
        "--epochs",
        min=1,
        help="Epochs of every training. A language model profits from more only if its learning rate also falls more "
        "slowly: --set evaluate.constant_epochs=N --set evaluate.decay=D. [dim]Default: 6 times the search's; for text "
        "the search's[/]",
    ),
]
MinutesOption = Annotated[
    float | None,
    typer.Option(
        "--minutes",
        min=0.01,
        help="Train for about so many minutes on this machine, instead of --epochs; without a grid. A small part of an "
        "epoch is timed first.",
    ),
]
ScheduleOption = Annotated[
    Literal["constant", "step", "cosine"] | None,
    typer.Option("--schedule", help="Schedule of the learning rate. [dim]Default: the search's[/]"),
]
LabelSmoothingOption = Annotated[
    float | None,
    typer.Option("--label-smoothing", help="Share of each label spread over all classes, for example 0.1."),
]
SizeOption = Annotated[
    str | None,
    typer.Option(
        "--size",
        help="Parameters of a language model or translator: the paper's 25M, 54M (tied) or 32M, or any number such as "
        "5M.",
    ),
]
HiddenOption = Annotated[
    int | None, typer.Option("--hidden", min=1, help="Units per layer of a language model or translator.")
]
LikeOption = Annotated[
    str | None,
    typer.Option(
        "--like",
        metavar="MODEL",
        help="Take settings and number of parameters from a reference model: lstm-small. For translation take the "
        "number of parameters from gnmt with this cell: lstm.",
    ),
]
CellOption = Annotated[
    str | None,
    typer.Option(
        "--cell",
        metavar="NAME|RUN|FILE.json",
        help="The recurrent cell of gnmt: lstm, nas-cell, another published one, or the best of a run. "
        "[dim]Default: lstm[/]",
    ),
]
McSamplesOption = Annotated[
    int | None,
    typer.Option(
        "--mc-samples",
        min=1,
        metavar="N",
        help="Monte-Carlo evaluation: test a language model also by the mean probabilities of N passes with dropout.",
    ),
]
FinalSeedOption = Annotated[int, typer.Option("--seed", help="Seed of the initial weights and of the data order.")]
FinalSettingsOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Change a setting: evaluate.batch_size=128, final.weight_decays=[1,3]. Repeatable.",
    ),
]
