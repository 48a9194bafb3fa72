"""Spaces and functions as JSON: by the name under which they can be found again, "module:name"."""

import contextlib
import importlib
import importlib.util
import sys
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import cloudpickle

from netwright.errors import ConfigError, SpaceError, unknown
from netwright.spaces.programs import Schedule, Space, Traits


def reference(function: Callable[..., Any]) -> str:
    """`module:name` of a function or class."""
    name = getattr(function, "__qualname__", type(function).__qualname__)
    return f"{getattr(function, '__module__', type(function).__module__)}:{name}"


def resolve(name: str) -> Any:
    """What a reference names.

    References are read from files, so nothing is imported for one: it has to be in netwright itself or in a module that
    the user has loaded.
    """
    module_name, _, path = name.partition(":")
    if module_name.startswith("netwright."):
        with contextlib.suppress(ModuleNotFoundError):
            importlib.import_module(module_name)
    found: Any = sys.modules.get(module_name)
    for part in path.split("."):
        found = getattr(found, part, None)
    if found is None:
        raise ConfigError(
            f"{name} cannot be found here. A run that was started from Python goes on by the same call of nw.search "
            "with the same `out`; one with a recipe FILE.py:FUNCTION needs that file where it was"
        )
    return found


def load_file(path: Path) -> ModuleType:
    """The module in a user's file. Worker processes will receive its functions by value."""
    if not path.is_file():
        raise ConfigError(f"there is no file {path}; expected a recipe as FILE.py:FUNCTION")
    existing = sys.modules.get(path.stem)
    if existing is not None:
        if getattr(existing, "__file__", None) == str(path.resolve()):
            return existing
        raise ConfigError(f"{path} has the name of the module {path.stem} that is in use; rename the file")
    spec = importlib.util.spec_from_file_location(path.stem, path.resolve())
    if spec is None or spec.loader is None:
        raise ConfigError(f"{path} is not a Python file; its name must end in .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # whatever stands in the user's file
        del sys.modules[path.stem]
        raise ConfigError(f"{path} cannot be loaded:\n{traceback.format_exc(limit=-1)}") from error
    cloudpickle.register_pickle_by_value(module)
    return module


def load_function(name: str) -> Callable[..., Any]:
    """The function that `FILE.py:FUNCTION` names."""
    path, _, function = name.rpartition(":")
    module = load_file(Path(path))
    found = getattr(module, function, None)
    if not callable(found):
        public = [key for key, value in vars(module).items() if callable(value) and not key.startswith("_")]
        raise ConfigError(f"{path}: {unknown('function', function, public)}")
    return found  # type: ignore[no-any-return]


def space_to_json(space: Space) -> dict[str, Any]:
    """{"program": "module:function", "parameters": {...}}."""
    return {"program": space.name, "parameters": {name: _value(value) for name, value in space.parameters.items()}}


def _value(value: Any) -> Any:
    if isinstance(value, Schedule):
        return {"schedule": {"start": value.start, "step": value.step, "interval": value.interval, "stop": value.stop}}
    return [_value(inner) for inner in value] if isinstance(value, tuple) else value


def _restored(value: Any) -> Any:
    """The way back from `_value`; JSON has no tuples, and spaces are equal by value."""
    if isinstance(value, dict) and value.keys() == {"schedule"}:
        return Schedule(**value["schedule"])
    return tuple(map(_restored, value)) if isinstance(value, list) else value


def space_from_json(document: Mapping[str, Any]) -> Space:
    """The space that `space_to_json` wrote; `SpaceError` or, for a program not found, `ConfigError` for all else."""
    try:
        name = document["program"]
        parameters = {key: _restored(value) for key, value in document["parameters"].items()}
        if not isinstance(name, str):
            raise TypeError(name)
    except (KeyError, TypeError, AttributeError):
        raise SpaceError(
            f'not the JSON of a space: {document!r}; expected {{"program": ..., "parameters": ...}}'
        ) from None
    factory = resolve(name)
    if not isinstance(getattr(factory, "traits", None), Traits):
        raise SpaceError(f"{name} is not a space; decorate its generator function with @nw.space")
    space = factory(**parameters)
    assert isinstance(space, Space)
    return space
