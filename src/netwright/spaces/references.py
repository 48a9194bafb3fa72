"""Spaces and functions as JSON: a reference "module:name" by which they can be found again.

document = space_to_json(space)          # {"program": "netwright.spaces...", "parameters": {...}}
space_from_json(document) == space
"""

import contextlib
import importlib
import importlib.util
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import cloudpickle

from netwright.architectures.values import JsonObject
from netwright.errors import ConfigError, SpaceError, unknown
from netwright.spaces.programs import Schedule, Space, Traits


def reference(function: Callable[..., object]) -> str:
    """Return `module:name` of a function or class."""
    name = getattr(function, "__qualname__", type(function).__qualname__)
    return f"{getattr(function, '__module__', type(function).__module__)}:{name}"


def resolve(name: str) -> object:
    """Return the object that the reference `name` denotes.

    References are read from files, so for safety only modules of netwright are imported; any other module must be
    loaded already.

    Raises:
        ConfigError: there is no such object.
    """
    module_name, _, path = name.partition(":")
    if module_name.startswith("netwright."):
        with contextlib.suppress(ModuleNotFoundError):
            importlib.import_module(module_name)
    found: object = sys.modules.get(module_name)
    for part in path.split("."):
        found = getattr(found, part, None)
    if found is None:
        raise ConfigError(
            f"{name} cannot be found. Continue a run that was started from Python by the same call of nw.search with "
            "the same `out`; a run with a recipe FILE.py:FUNCTION needs that file at its old path"
        )
    return found


def load_file(path: Path) -> ModuleType:
    """Import a user's file as a module; its functions are pickled by value, so worker processes do not need the file.

    Raises:
        ConfigError: the file does not exist, cannot be imported, or has the name of another loaded module.
    """
    if not path.is_file():
        raise ConfigError(f"there is no file {path}; expected a recipe as FILE.py:FUNCTION")
    existing = sys.modules.get(path.stem)
    if existing is not None:
        if getattr(existing, "__file__", None) == str(path.resolve()):
            return existing
        raise ConfigError(f"{path} has the name of the module {path.stem}, which is in use; rename the file")
    spec = importlib.util.spec_from_file_location(path.stem, path.resolve())
    if spec is None or spec.loader is None:
        raise ConfigError(f"{path} is not a Python file; its name must end in .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # the user's file may raise anything
        del sys.modules[path.stem]
        raise ConfigError(f"{path} cannot be loaded:\n{traceback.format_exc(limit=-1)}") from error
    cloudpickle.register_pickle_by_value(module)
    return module


def load_function(name: str) -> Callable[..., object]:
    """Return the function that `FILE.py:FUNCTION` denotes; raise `ConfigError` if there is none."""
    path, _, function = name.rpartition(":")
    module = load_file(Path(path))
    found = getattr(module, function, None)
    if not callable(found):
        public = [key for key, value in vars(module).items() if callable(value) and not key.startswith("_")]
        raise ConfigError(f"{path}: {unknown('function', function, public)}")
    return found  # type: ignore[no-any-return]


def space_to_json(space: Space) -> JsonObject:
    """Return {"program": "module:function", "parameters": {...}}."""
    return {"program": space.name, "parameters": {name: _value(value) for name, value in space.parameters.items()}}


def _value(value: object) -> object:
    if isinstance(value, Schedule):
        return {"schedule": {"start": value.start, "step": value.step, "interval": value.interval, "stop": value.stop}}
    return [_value(inner) for inner in value] if isinstance(value, tuple) else value


def _restored(value: object) -> object:
    """Invert `_value`: lists become tuples, so that the restored space is equal to the original one."""
    if isinstance(value, dict) and value.keys() == {"schedule"}:
        return Schedule(**value["schedule"])
    return tuple(map(_restored, value)) if isinstance(value, list) else value


def space_from_json(document: JsonObject) -> Space:
    """Return the space that `space_to_json` wrote.

    Raises:
        SpaceError: the document is not that of a space.
        ConfigError: its program cannot be found.
    """
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
    if not callable(factory) or not isinstance(getattr(factory, "traits", None), Traits):
        raise SpaceError(f"{name} is not a space; decorate its generator function with @nw.space")
    space = factory(**parameters)
    assert isinstance(space, Space)
    return space
