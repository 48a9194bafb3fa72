"""What users depend on, as text: the names of `import netwright as nw`, every setting, and the command line.

python tests/contracts/surface.py > tests/contracts/surface.txt
"""

import inspect
import re
from collections.abc import Callable, Iterator
from dataclasses import MISSING, fields
from enum import Enum
from types import FunctionType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from typer.models import ArgumentInfo

import netwright as nw
from netwright import config
from netwright.cli.app import app
from netwright.config.base import Settings

BOUNDS = {"gt": ">", "ge": ">=", "lt": "<", "le": "<=", "min_length": "at least"}


def listing() -> str:
    """The whole surface, one name, field or option a line."""
    return "\n".join([*python_names(), *settings(), *commands()]) + "\n"


def python_names() -> Iterator[str]:
    """Every public name of the package and of `nw.zoo`, with its arguments."""
    for name in sorted(set(dir(nw))):
        value = getattr(nw, name)
        if name.startswith("_") or not getattr(value, "__module__", "").startswith("netwright."):
            continue
        yield f"nw.{name}"
        if inspect.isclass(value) and issubclass(value, Settings):
            yield f"  settings {name}, below"
        else:
            yield from arguments(value)
    for name, value in sorted(vars(nw.zoo).items()):
        if inspect.isfunction(value):
            yield f"nw.zoo.{name}"
            yield from arguments(value)
    yield f"nw.zoo.PUBLISHED: {', '.join(nw.zoo.PUBLISHED)}"


def arguments(value: Callable[..., Any]) -> Iterator[str]:
    """What a function or a constructor takes, and what a function returns."""
    if hasattr(value, "__dataclass_fields__"):
        yield from (described(each.name, each.type, each.default, MISSING) for each in fields(value))
        return
    signature = inspect.signature(value)
    for each in signature.parameters.values():
        by_keyword = ", by keyword" if each.kind is each.KEYWORD_ONLY else ""
        yield described(each.name + by_keyword, each.annotation, each.default, each.empty)
    yield f"  -> {shown_type(signature.return_annotation)}"


def settings() -> Iterator[str]:
    """Every group of settings, with the defaults."""
    for name, kind in sorted(vars(config).items()):
        if inspect.isclass(kind) and issubclass(kind, Settings):
            yield f"settings {name}"
            hints = get_type_hints(kind, include_extras=True)
            for key, each in kind.model_fields.items():
                yield described(key, hints[key], MISSING if each.is_required() else each.default, MISSING)


def commands() -> Iterator[str]:
    """Every command with its arguments and options, in the order of the help."""
    named = {each.name or each.callback.__name__: each.callback for each in app.registered_commands}
    for name_of_command, command in sorted(named.items()):
        yield f"netwright {name_of_command}"
        hints = get_type_hints(command, include_extras=True)
        for name, parameter in inspect.signature(command).parameters.items():
            kind, info = get_args(hints[name])
            spellings = [info.metavar] if isinstance(info, ArgumentInfo) else [info.default, *info.param_decls]
            bound = "" if info.min is None else f", >= {info.min}"
            yield described(", ".join(spellings), kind, parameter.default, parameter.empty) + bound


def described(name: str, kind: object, default: object, missing: object) -> str:
    """A line for an argument, a setting or an option: its type and its default."""
    if isinstance(default, FunctionType):  # its `repr` has an address
        default = default.__name__
    value = repr(default.value if isinstance(default, Enum) else default)
    return f"  {name}: {shown_type(kind)}" + ("" if default is missing else f" = {value}")


def shown_type(kind: object) -> str:
    """A type without the paths of modules; of an enumeration its values, of a bounded number its bounds."""
    origin, inner = get_origin(kind), get_args(kind)
    if origin is Literal or (inspect.isclass(kind) and issubclass(kind, Enum)):
        return " | ".join(repr(getattr(each, "value", each)) for each in inner or kind)
    if origin in (UnionType, Union):
        return " | ".join(map(shown_type, inner))
    if origin is Annotated:
        metadata = [each for info in inner[1:] for each in getattr(info, "metadata", [info])]
        bounds = [f"{BOUNDS[key]} {getattr(each, key)}" for each in metadata for key in BOUNDS if hasattr(each, key)]
        return " ".join([shown_type(inner[0]), *bounds])
    if origin is tuple:
        return f"tuple[{', '.join('...' if each is ... else shown_type(each) for each in inner)}]"
    text = kind if isinstance(kind, str) else inspect.formatannotation(kind)
    return re.sub(r"\b(?:[A-Za-z_]\w*\.)+(?=\w)", "", text).replace("NoneType", "None")


if __name__ == "__main__":
    print(listing(), end="")
