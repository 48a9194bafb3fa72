"""`netwright test`."""

import json
from pathlib import Path
from typing import Annotated, Literal

import typer

from netwright.cli import options
from netwright.cli.app import command_in
from netwright.cli.help import USE
from netwright.cli.tables import print_table
from netwright.terminal import Terminal

ModelArgument = Annotated[
    Path,
    typer.Argument(
        metavar="MODEL", help="The folder of a network for images or of a language model.", show_default=False
    ),
]
DataOption = Annotated[
    Path | None,
    typer.Option("--data", help="Your own images with the same classes, the files of --task, or a text file."),
]
TaskOption = Annotated[
    str | None,
    typer.Option(
        "--task", help="An official task, such as cifar10. [dim]Default: your own images, else that of the training[/]"
    ),
]
PartOption = Annotated[
    Literal["test", "all"] | None,
    typer.Option(
        "--part",
        help="Take the test part of the data or all of its images. [dim]Default: all images of your own data, unless "
        "the network was trained on them[/]",
    ),
]


@command_in(USE, "test")
def another_test(
    model: ModelArgument,
    data: DataOption = None,
    task: TaskOption = None,
    part: PartOption = None,
    verify: options.VerifyOption = True,
    as_json: options.JsonOption = False,
    trust_code: options.TrustCodeOption = False,
) -> None:
    """Test a trained network on other images with the same classes, or a language model on a text.

    The measures are those of the test after the training. Every test is counted in model.json, by the checksum of its
    data, since a network that is chosen by repeated tests does worse on new data than its tests say.

    Examples:
        netwright test runs/images-reinforce-seed0/model --data new-photographs
        netwright test models/resnet-20 --task cifar10
        netwright test runs/text-reinforce-seed0/model --data novel.txt
    """
    from netwright.evaluation.model_tests import image_test_lines, text_test_line
    from netwright.final_training.other_data import evaluate

    found = evaluate(model, data, task=task, part=part, verify=verify, trust_code=trust_code)
    if as_json:
        print(json.dumps(found))
        return
    console = Terminal()
    if "test_perplexity" in found:
        for line in [text_test_line(found), *(f"note: {note}" for note in found["notes"])]:
            console.print(line, highlight=False, markup=False, soft_wrap=True)
        return
    which = "the test part of " if found["part"] == "test" else ""
    for line in [
        *image_test_lines(found, f"{which}{found['data']}", found["num_tests"]),
        *(f"data: {note}" for note in found["notes"]),
    ]:
        console.print(line, highlight=False, markup=False, soft_wrap=True)
    rows = [
        [each["name"], f"{each['num_images']:,}", f"{each['recall']:.4f}", f"{each['precision']:.4f}"]
        for each in found["per_class"]
    ]
    print_table(console, ["class", "images", "recall", "precision"], rows)
