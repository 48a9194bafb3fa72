"""The page of a user's images: how they were read, and pictures of each class."""

from collections.abc import Sequence
from pathlib import Path

from netwright.files import make_folder_of, utf8, write_whole
from netwright.report.html import render
from netwright.tasks.images.understood import Understood


def write_data_page(understood: Understood, pictures: Sequence[Sequence[str]], file: Path) -> None:
    """Write the page; raise `ConfigError` if the file cannot be written.

    Args:
        understood: How the images were read.
        pictures: Data URLs of pictures of each class, in the order of the classes.
        file: Where to write.
    """
    make_folder_of(file)
    write_whole(file, utf8(data_page(understood, pictures)))


def data_page(understood: Understood, pictures: Sequence[Sequence[str]]) -> str:
    """Render the page as one HTML document; the arguments are those of `write_data_page`."""
    return render("report/data.html.jinja", (), images=understood.for_pages(pictures))
