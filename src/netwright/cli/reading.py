"""What the command line shows while a user's images are read: a bar on a terminal, and then what was understood."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext

from netwright.cli.stages import Stages
from netwright.errors import printable
from netwright.tasks.images.observing import Observer, observed
from netwright.tasks.images.understood import Understood
from netwright.terminal import Terminal


@contextmanager
def reading_shown(
    said: set[str] | None, stages: Callable[[str, int, int], None] | None = None, *, left_out: bool = True
) -> Iterator[None]:
    """Show the reading of images inside the block, on standard error.

    Args:
        said: The names of data that were described already; that of newly described data is added. None describes none.
        stages: The bars of a command that has some; None makes one for the block.
        left_out: Whether to name what was left out; a search does it among the notes on its data.
    """
    console = Terminal(stderr=True, soft_wrap=True)

    def say(understood: Understood) -> None:
        if said is not None and understood.name not in said:
            said.add(understood.name)
            for line in (*understood.short(), *(understood.left_out if left_out else ())):
                console.print(f"data: {printable(line, one_line=True)}", highlight=False, markup=False)

    if not console.is_terminal:
        with observed(Observer(understood=say)):
            yield
        return
    with Stages() if stages is None else nullcontext(stages) as shown, observed(Observer(shown, say)):
        yield
