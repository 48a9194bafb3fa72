"""Functions of users by name: "FILE.py:FUNCTION" or "package.module:FUNCTION".

A function that the user names is imported, and remembered in the trust list. One that a stored file names is imported
only if the list has it with the same content, or if the user trusts it for one command.
"""

import importlib
import importlib.util
import traceback
from collections.abc import Callable
from pathlib import Path

from netwright.errors import ConfigError, unknown
from netwright.spaces import trust
from netwright.spaces.references import load_function, load_stored_recipe

Function = Callable[..., object]
_trusted: set[str] = set()
"""The names that were imported in this process."""


def is_function_name(text: str) -> bool:
    """Return whether the text has the form of a function's name."""
    module, _, function = text.rpartition(":")
    return function.isidentifier() and (
        module.endswith(".py") or all(part.isidentifier() for part in module.split("."))
    )


def named_function(name: str) -> tuple[str, Function]:
    """Import a function that the user names.

    Args:
        name: FILE.py:FUNCTION or package.module:FUNCTION.

    Returns:
        The name by which it is found again from any folder, and the function.

    Raises:
        ConfigError: There is no such function, or its module cannot be imported.
    """
    module, _, function = name.rpartition(":")
    if module.endswith(".py"):
        return f"{Path(module).resolve()}:{function}", load_function(name)
    place, content = _package(name)
    found = _imported(name)
    trust.remember(place, content)
    _trusted.add(name)
    return name, found


def stored_function(name: str, *, trust_code: bool = False) -> Function:
    """Import a function that a stored file names, if the user trusts it.

    Args:
        name: As `named_function` returned it.
        trust_code: Whether the user trusts the function whatever it is.

    Raises:
        ConfigError: It is not trusted, or cannot be imported.
    """
    if not is_function_name(name):
        raise ConfigError(f"{name!r} is no function; expected FILE.py:FUNCTION or package.module:FUNCTION")
    if ".py:" in name:
        load_stored_recipe(name, trust_code=trust_code)
        return load_function(name)
    place, content = _package(name)
    if not (name in _trusted or trust_code or trust.trusts_all() or trust.is_listed(place, content)):
        raise trust.refusal(place)
    _trusted.add(name)
    return _imported(name)


def _package(name: str) -> tuple[Path, bytes]:
    """Return the key and the content of a packaged function in the trust list; nothing is executed."""
    package = name.partition(":")[0].partition(".")[0]
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None or not Path(spec.origin).is_file():
        raise ConfigError(f"there is no package {package} for {name}; install it, or name a file: FILE.py:FUNCTION")
    return Path(f"{spec.origin}:{name}"), Path(spec.origin).read_bytes()


def _imported(name: str) -> Function:
    module_name, _, function = name.partition(":")
    try:
        module = importlib.import_module(module_name)
    except Exception as error:  # the module may raise anything
        raise ConfigError(f"{module_name} cannot be imported:\n{traceback.format_exc(limit=-1)}") from error
    found = getattr(module, function, None)
    if not callable(found):
        public = [key for key, value in vars(module).items() if callable(value) and not key.startswith("_")]
        raise ConfigError(f"{module_name}: {unknown('function', function, public)}")
    return found  # type: ignore[no-any-return]
