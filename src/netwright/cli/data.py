"""`netwright data`."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from netwright.cli import options
from netwright.cli.app import command_in, print_note
from netwright.cli.help import FIND
from netwright.errors import command, printable
from netwright.terminal import Terminal

if TYPE_CHECKING:
    from netwright.tasks.images.understood import Understood

PathArgument = Annotated[
    Path, typer.Argument(metavar="PATH", help="The folder or file with your own images.", show_default=False)
]
PageOption = Annotated[
    Path, typer.Option("--out", "-o", metavar="FILE", help="Where the page with pictures of each class is written.")
]
NoPageOption = Annotated[bool, typer.Option("--no-page", help="Write no page.")]


@command_in(FIND)
def data(
    path: PathArgument,
    image_size: options.ImageSizeOption = None,
    out: PageOption = Path("data.html"),
    no_page: NoPageOption = False,
    as_json: options.JsonOption = False,
) -> None:
    """Show how your own images are read, before anything is trained.

    Prints the classes with their numbers of images, the sizes, the parts, and what is left out and why, and writes a
    page with pictures of each class.

    Examples:
        netwright data FOLDER
        netwright data FOLDER/labels.csv --image-size 128 -o labels.html
        netwright data FOLDER --no-page --json
    """
    from netwright.cli.reading import reading_shown
    from netwright.tasks.images.user_images import load_images

    with reading_shown(said=None):
        images = load_images(path, image_size=image_size)
    understood = images.understood
    assert understood is not None
    if as_json:
        print(json.dumps(understood.to_json()))
    else:
        _print_understood(understood)
    if not no_page:
        from netwright.report.data_page import write_data_page
        from netwright.tasks.images.thumbnails import thumbnails

        write_data_page(understood, thumbnails(images), out)
        print_note(f"Pictures of each class: {out}")
    if not as_json:
        size = () if image_size is None else ("--image-size", image_size)
        print_note(f"A search on these images: {command('search', 'images', '--data', path, *size)}")


def _print_understood(understood: "Understood") -> None:
    from netwright.cli.tables import print_table

    console = Terminal()
    total = understood.num_train + understood.num_test
    lines = [
        f"{understood.name}: {total:,} images in {len(understood.classes):,} classes, read as {understood.arrangement}",
        f"{understood.num_train:,} to train and validate, {understood.num_test:,} to test",
        f"original sizes: {understood.described_sizes()}",
        f"prepared as {understood.described_format()}",
        f"always answering with the largest class is right for {understood.largest_share:.1%}",
        *understood.left_out,
        *(f"note: {note}" for note in understood.notes),
    ]
    for line in lines:
        console.print(printable(line, one_line=True), highlight=False, markup=False, soft_wrap=True)
    rows = [
        [each.name, f"{each.train:,}", f"{each.test:,}", f"{each.total / total:.1%}"] for each in understood.classes
    ]
    print_table(console, ["class", "train and validate", "test", "share"], rows)
