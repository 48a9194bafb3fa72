"""The parameters of netwright's own spaces, checked against the types in their signatures."""

from typing import get_type_hints

from pydantic import TypeAdapter, ValidationError

from netwright.errors import SpaceError
from netwright.spaces.programs import Schedule, Space


def checked(space: Space) -> Space:
    """Return `space`; raise `SpaceError` if a parameter of one of netwright's own spaces has another type.

    A user's own space checks its own parameters.
    """
    if not space.factory.__module__.startswith("netwright."):
        return space
    hints = get_type_hints(space.program)
    for name, value in space.parameters.items():
        values = [value] if not isinstance(value, Schedule) else [value.start, value.step, value.interval]
        for each in values:
            try:
                TypeAdapter(hints[name]).validate_python(each, strict=True)
            except ValidationError as error:
                problem = error.errors()[0]
                place = "".join(f"[{index}]" for index in problem["loc"])
                raise SpaceError(f"space.{name}{place}: {problem['msg']}; got {problem['input']!r}") from None
    return space
