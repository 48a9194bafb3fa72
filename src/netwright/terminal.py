"""The terminal: everything that is printed passes here, so that no text of others controls it."""

from rich.console import Console, HighlighterType, JustifyMethod, OverflowMethod
from rich.style import Style
from rich.text import Text

from netwright.errors import printable


class Terminal(Console):
    """A console that escapes control characters in every string that it prints, also in cells of tables.

    Only `Text` objects, which the program itself makes, are printed as they are. Names such as :smile: stay text.

    Args:
        stderr: Print to standard error.
        soft_wrap: Leave the wrapping of long lines to the terminal.
    """

    def __init__(self, *, stderr: bool = False, soft_wrap: bool = False) -> None:
        super().__init__(stderr=stderr, soft_wrap=soft_wrap, emoji=False)

    def render_str(
        self,
        text: str,
        *,
        style: str | Style = "",
        justify: JustifyMethod | None = None,
        overflow: OverflowMethod | None = None,
        emoji: bool | None = None,
        markup: bool | None = None,
        highlight: bool | None = None,
        highlighter: HighlighterType | None = None,
    ) -> Text:
        """Convert a string to a `Text`, as rich does with every string that it prints; control characters escaped."""
        return super().render_str(
            printable(text), style=style, justify=justify, overflow=overflow, emoji=emoji, markup=markup,
            highlight=highlight, highlighter=highlighter,
        )  # fmt: skip
