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
from netwright.spaces import trust
from netwright.spaces.programs import Schedule, Space, Traits


def reference(function: Callable[..., object]) -> str:
    """Return `module:name` of a function or class."""
    name = getattr(function, "__qualname__", type(function).__qualname__)
    return f"{getattr(function, '__module__', type(function).__module__)}:{name}"


def resolve(name: object) -> object:
    """Return the object that the reference `name` denotes.

    References are read from files, so for safety only modules in `netwright.spaces` are imported, and any other module
    must be loaded already. An object is found in the module that defines it, and not where it was imported.

    Raises:
        ConfigError: There is no such object.
    """
    module_name, _, path = name.partition(":") if isinstance(name, str) else ("", "", "")
    if module_name.startswith("netwright.spaces."):
        with contextlib.suppress(ModuleNotFoundError):
            importlib.import_module(module_name)
    found: object = sys.modules.get(module_name)
    for part in path.split("."):
        if isinstance(found, ModuleType):
            found = vars(found).get(part)  # getattr could run the module's __getattr__, which may import others
        else:
            found = getattr(found, part, None) if isinstance(found, type) else None
    if not callable(found) or reference(found) != name:
        raise _cannot_be_found(name)
    return found


def _cannot_be_found(name: object) -> ConfigError:
    return ConfigError(
        f"{name} cannot be found. Continue a run that was started from Python by the same call of nw.search with "
        "the same `out`; a run with a recipe FILE.py:FUNCTION needs that file at its old path"
    )


def check_function(name: object, module: ModuleType | None) -> None:
    """Check that the function to evaluate with, as a stored run names it, is one of the user's recipe.

    Without this check a stored run could make netwright call any function of any loaded module.

    Args:
        name: The reference.
        module: The recipe's file; None if the run has none.

    Raises:
        ConfigError: `module` neither has the function nor has imported it or its module.
    """
    found, module_name = resolve(name), str(name).partition(":")[0]
    package = module_name.partition(".")[0]
    if module is not None and module_name == module.__name__:
        return
    held = [] if module is None else list(vars(module).values())
    holders = (found, sys.modules.get(module_name), sys.modules.get(package))
    is_foreign = package in sys.stdlib_module_names or package == "netwright"
    if is_foreign or not any(each is holder for each in held for holder in holders):
        if module is None:
            raise _cannot_be_found(name)
        raise ConfigError(
            f"the run calls {name}, which its recipe {module.__file__} neither defines nor imports by name; continue "
            "it by the `netwright search FILE.py:FUNCTION` that started it"
        )


def load_stored_recipe(recipe: str, *, trust_code: bool = False) -> ModuleType | None:
    """Import the user's file that a stored run names as its recipe, if the user trusts this file.

    Args:
        recipe: The stored name of the recipe.
        trust_code: Whether the user trusts the file whatever it contains.

    Returns:
        The file as a module; None if the recipe is not FILE.py:FUNCTION.

    Raises:
        ConfigError: The file is not trusted, does not exist or cannot be imported.
    """
    name, _, function = recipe.rpartition(":")
    path = Path(name)
    if not name.endswith(".py") or not function:
        return None
    loaded = _loaded(path)
    if loaded is not None and loaded.__name__ in cloudpickle.list_registry_pickle_by_value():
        return loaded  # by `load_file` or here, so it is the user's
    trust_code = trust_code or trust.trusts_all()
    if not trust_code and not trust.is_listed(path):
        raise trust.refusal(path)  # before anything is opened
    source = _source(path)
    if not trust_code and not trust.is_listed(path, source):
        raise trust.refusal(path)
    return loaded or _execute(path, source)


def load_file(path: Path) -> ModuleType:
    """Import a file that the user names, and add it to the user's trust list.

    Its functions are pickled by value, so worker processes do not need the file.

    Raises:
        ConfigError: The file does not exist, cannot be imported, or has the name of another loaded module.
    """
    if (loaded := _loaded(path)) is not None:
        return loaded
    source = _source(path)
    module = _execute(path, source)
    trust.remember(path.resolve(), source)
    return module


def _loaded(path: Path) -> ModuleType | None:
    """Return the loaded module of the file `path`; raise `ConfigError` if another module has its name."""
    existing = sys.modules.get(path.stem)
    if existing is not None and getattr(existing, "__file__", None) != str(path.resolve()):
        raise ConfigError(f"{path} has the name of the module {path.stem}, which is in use; rename the file")
    if existing is not None and not path.is_file():
        raise _no_file(path)
    return existing


def _no_file(path: Path) -> ConfigError:
    return ConfigError(f"there is no file {path}; expected a recipe as FILE.py:FUNCTION")


def _source(path: Path) -> bytes:
    if not path.is_file():
        raise _no_file(path)
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from None


def _execute(path: Path, source: bytes) -> ModuleType:
    """Import `source` as the module at `path`: these bytes, and neither the file as it is now nor a cached .pyc."""
    spec = importlib.util.spec_from_file_location(path.stem, path.resolve())
    if spec is None or spec.loader is None:
        raise ConfigError(f"{path} is not a Python file; its name must end in .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    try:
        exec(compile(source, str(path.resolve()), "exec", dont_inherit=True), vars(module))
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


def stored_space(config: JsonObject, *, trust_code: bool = False) -> Space:
    """Return the space of a stored run; the recipe's file is executed only if the space is not one of netwright's.

    Args:
        config: The stored settings.
        trust_code: Whether the user trusts this file whatever it contains.

    Raises:
        ConfigError: The file is not trusted or cannot be loaded, or does not have the space.
        SpaceError: The document is not that of a space.
    """
    document = config.get("space")
    if not isinstance(document, dict) or not str(document.get("program")).startswith("netwright."):
        load_stored_recipe(str(config.get("recipe")), trust_code=trust_code)
    return space_from_json(document)  # type: ignore[arg-type]  # which refuses whatever is no document of a space
