"""What each setting means, as it stands beside the setting in the source: a comment in its line or a text below it."""

import ast
import inspect
import io
import re
import tokenize
from collections.abc import Iterator, Mapping
from dataclasses import is_dataclass
from functools import cache
from typing import TYPE_CHECKING

from netwright.config.base import Settings
from netwright.spaces.programs import Space

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


def meanings(settings: object, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield (dotted name, meaning) of every setting in `settings`, as `--set` names them.

    Args:
        settings: A group of settings, with the groups inside it.
        prefix: Stands before every name.
    """
    if isinstance(settings, Space):
        yield from ((prefix + name, meaning) for name, meaning in _of_arguments(settings.factory.__doc__ or ""))
    elif isinstance(settings, Settings) or (is_dataclass(settings) and not isinstance(settings, type)):
        for name, meaning in _of_class(type(settings)).items():
            yield prefix + name, meaning
            yield from meanings(getattr(settings, name, None), f"{prefix}{name}.")


@cache
def _of_class(described: type[Settings] | type["DataclassInstance"]) -> Mapping[str, str]:
    """Return the meanings of the fields of a class and of its bases, by name."""
    found: dict[str, str] = {}
    for each in reversed(described.__mro__):
        if each.__module__.startswith("netwright."):
            found |= _of_source(inspect.getsource(each))
    names = described.model_fields if issubclass(described, Settings) else described.__dataclass_fields__
    return {name: found[name] for name in names}


def _of_source(source: str) -> dict[str, str]:
    """Return the meanings of the fields in the source of a class."""
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    comments = {token.start[0]: token.string.lstrip("# ") for token in tokens if token.type == tokenize.COMMENT}
    (definition,) = ast.parse(source).body
    assert isinstance(definition, ast.ClassDef)
    found: dict[str, str] = {}
    for line, following in zip(definition.body, [*definition.body[1:], None], strict=True):
        if isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name):
            numbers = range(line.lineno, (line.end_lineno or line.lineno) + 1)
            found[line.target.id] = " ".join(comments[number] for number in numbers if number in comments)
            match following:
                case ast.Expr(value=ast.Constant(value=str(text))):
                    found[line.target.id] = inspect.cleandoc(text)
    return found


def _of_arguments(docstring: str) -> Iterator[tuple[str, str]]:
    """Yield (name, meaning) of the arguments in a docstring of Google's style."""
    _, _, arguments = inspect.cleandoc(docstring).partition("\nArgs:\n")
    arguments = re.split(r"\n(?=\S)", arguments)[0]
    for entry in re.split(r"\n(?= {4}\S)", "\n" + arguments):
        if found := re.match(r"\s*(\w+): (.*)", entry, re.DOTALL):
            yield found[1], " ".join(found[2].split())
