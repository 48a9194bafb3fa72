"""The code that a user's function is made of, so that a later change of it is noticed.

    before = code_of({"evaluate": evaluate})
    ... the file is edited and loaded again ...
    changes(before, code_of({"evaluate": evaluate}))     # a diff; empty if nothing but comments has changed

Recorded is the source of each function and of everything that it reaches by name in the user's own files: functions,
classes, and the values of plain global variables and closure cells. Files of the standard library, of installed
packages and of netwright are not the user's. Sources are normalised (`user_source`), and both sides are compared as
syntax trees, so they may come from different versions of Python. A function without a source, such as one of a program
on standard input, is recorded by its bytecode, which only the same version of Python can compare.
"""

import ast
import contextlib
import difflib
import dis
import enum
import functools
import hashlib
import inspect
import platform
import re
import types
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path

from netwright.spaces.user_source import (
    NETWRIGHT,
    Functions,
    Source,
    assigned_value,
    code_objects,
    file_of,
    is_users_file,
    modules_imported_inside,
    source_of_class,
    source_of_function,
)

Code = dict[str, dict[str, str]]
"""Name of a part -> {"source": ...}, {"value": ...}, {"bytecode": ..., "python": ...} or {"unknown": reason}."""

MAX_VALUE, MAX_DEPTH = 2000, 8
"""Characters and levels of a value; of a longer one a part and a checksum are recorded, a deeper one is not."""
MAX_DIFF_LINES, MAX_DIFF_WIDTH = 60, 200
MUTATING = {
    "add", "append", "appendleft", "clear", "discard", "extend", "insert", "pop", "popitem", "popleft", "remove",
    "reverse", "setdefault", "sort", "update",
}  # fmt: skip
"""Methods that change a container: a variable on which the user's own code calls one is state and no setting."""
VOLATILE = {"datetime", "random", "secrets", "socket", "tempfile", "time", "uuid"}
"""Modules whose values differ from start to start; a variable that is assigned from one is no setting either."""


def code_of(functions: Mapping[str, Callable[..., object]]) -> Code:
    """Return the code of callables and of everything in the user's files that they reach by name.

    Args:
        functions: Callables, by the names that they have in the result. Those of netwright itself have no part.
    """
    collector = _Collector()
    for name, function in functions.items():
        num_parts = len(collector.parts)
        collector.visit(name, function)
        if len(collector.parts) == num_parts and not file_of(function).startswith(NETWRIGHT):
            collector.parts[name] = {"unknown": "it has no source, or its file is not the user's"}
    return collector.code()


def without_source(code: Code) -> list[str]:
    """Return the names of the parts whose source is not known."""
    return [name for name, part in code.items() if "bytecode" in part or "unknown" in part]


def changes(before: Code, now: Code) -> list[str]:
    """Return the lines of a diff between two codes; empty if they are equal as far as they can be compared."""
    lines: list[str] = []
    for name in {**before, **now}:
        old, new = before.get(name), now.get(name)
        if not _equal(old, new):
            head = f"{name} (in the run)", f"{name} (now)"
            lines += difflib.unified_diff(_lines(old), _lines(new), *head, n=2, lineterm="")
    cut = [line if len(line) <= MAX_DIFF_WIDTH else f"{line[:MAX_DIFF_WIDTH]}..." for line in lines[:MAX_DIFF_LINES]]
    return cut + ([f"... and {len(lines) - MAX_DIFF_LINES} more lines"] if len(lines) > MAX_DIFF_LINES else [])


def _equal(old: dict[str, str] | None, new: dict[str, str] | None) -> bool:
    if old is None or new is None or old == new:
        return old == new
    if "source" in old and "source" in new:
        try:
            return ast.dump(ast.parse(old["source"])) == ast.dump(ast.parse(new["source"]))
        except SyntaxError:  # that of a newer Python
            return True
    comparable = {*old} == {*new} and old.get("python") == new.get("python")
    return not comparable


def _lines(part: dict[str, str] | None) -> list[str]:
    return next(iter(part.values())).splitlines() if part else []


@dataclass(frozen=True)
class _Variable:
    """A value that was reached: the name of its part, the variable that holds it (or none), and its file."""

    part: str
    variable: str
    value: object
    file: str


class _Collector:
    """Follows names from function to function."""

    def __init__(self) -> None:
        self.parts: Code = {}
        self._variables: list[_Variable] = []
        self._state: set[str] = set()
        """Variables and attributes that the user's code changes itself."""
        self._visited: dict[int, object] = {}
        """Visited objects by their id; kept alive, so that no other object gets the same id."""

    def code(self) -> Code:
        """Return everything that was found."""
        settings = [each for each in self._variables if each.variable not in self._state]
        values = {each.part: text for each in settings if (text := _plain_text(each)) is not None}
        return {**self.parts, **{part: {"value": text} for part, text in values.items()}}

    def visit(self, part: str, value: object, variable: str = "", file: str = "") -> None:
        """Record `value`, which was reached as `part`, and what it reaches."""
        wrapped = getattr(value, "__wrapped__", None)
        if isinstance(value, functools.partial):
            self.visit(part, value.func)
            self._variables.append(_Variable(f"{part} (arguments)", "", [value.args, value.keywords], file))
        elif isinstance(value, types.MethodType):
            self.visit(part, value.__func__)
            self._instance(f"{part} (object)", value.__self__, file)
        elif isinstance(value, types.FunctionType):
            self._function(part, value)
        elif isinstance(value, type):
            self._class(part, value)
        elif isinstance(wrapped, types.FunctionType):
            self._function(part, wrapped)
        elif is_users_file(file_of(type(value))) and not isinstance(value, enum.Enum):
            self._instance(part, value, file)
        else:
            self._variables.append(_Variable(part, variable, value, file))

    def _function(self, part: str, function: types.FunctionType) -> None:
        file = file_of(function)
        if not is_users_file(file):
            # A decorator of a library around the user's function.
            if isinstance(wrapped := getattr(function, "__wrapped__", None), types.FunctionType):
                self._function(part, wrapped)
            return
        if id(function) in self._visited:
            return
        self._visited[id(function)] = function
        self._record(part, source_of_function(function), function)
        self._follow(part, function)

    def _record(self, part: str, source: Source | None, *functions: types.FunctionType) -> None:
        if source is not None:
            self.parts[part] = {"source": source.text}
            own = {name for each in functions for code in code_objects(each.__code__) for name in code.co_varnames}
            self._state |= _changed_in(source.tree) - own
        else:
            text = "\n".join(_instructions(each.__code__) for each in functions)
            self.parts[part] = {"bytecode": text, "python": ".".join(platform.python_version_tuple()[:2])}
            self._state = self._state.union(*map(_changed_by, functions))

    def _follow(self, part: str, function: types.FunctionType) -> None:
        """Record what a function reaches: globals, closure cells, defaults, and modules that it imports."""
        file, code = file_of(function), function.__code__
        names = list(dict.fromkeys(name for inner in code_objects(code) for name in inner.co_names))
        for name in names:
            if name in function.__globals__:
                self._named(_qualified(name, function), function.__globals__[name], names, name, file)
        for name, cell in zip(code.co_freevars, function.__closure__ or (), strict=False):
            with contextlib.suppress(ValueError):  # a cell that is not assigned yet
                self._named(f"{part}.{name}", cell.cell_contents, names, name, file)
        if function.__defaults__ or function.__kwdefaults__:
            values = [function.__defaults__, function.__kwdefaults__]
            self._variables.append(_Variable(f"{part} (defaults)", "", values, file))
        for module, source in modules_imported_inside(code, Path(file).parent):
            self.parts.setdefault(f"module {module}", {"source": source.text})

    def _named(self, part: str, value: object, names: Sequence[str], variable: str, file: str) -> None:
        """Record what a name stands for; of a module, only what is used of it."""
        if variable.startswith("__"):
            return
        if not isinstance(value, types.ModuleType):
            self.visit(part, value, variable, file)
        elif is_users_file(file_of(value)) and id(value) not in self._visited:
            self._visited[id(value)] = value
            for name in names:
                if name in vars(value):
                    self._named(f"{value.__name__}.{name}", vars(value)[name], names, name, file_of(value))
            del self._visited[id(value)]

    def _class(self, part: str, kind: type) -> None:
        if id(kind) in self._visited or not is_users_file(file_of(kind)):
            return
        self._visited[id(kind)] = kind
        members = [getattr(each, "__func__", getattr(each, "fget", each)) for each in vars(kind).values()]
        # Those that a decorator such as dataclass generates have a place in the decorator.
        methods = [
            each
            for each in members
            if isinstance(each, types.FunctionType)
            and is_users_file(file_of(each))
            and ("<locals>" in kind.__qualname__ or "<locals>" not in each.__code__.co_qualname)
        ]
        self._record(part, source_of_class(kind), *methods)
        for base in kind.__bases__:
            self._class(_qualified(base.__qualname__, base), base)
        for method in methods:
            self._follow(f"{part}.{method.__name__}", method)

    def _instance(self, part: str, instance: object, file: str) -> None:
        """Record the class of an object and its plain attributes."""
        if id(instance) in self._visited:
            return
        self._visited[id(instance)] = instance
        self._class(_qualified(type(instance).__qualname__, type(instance)), type(instance))
        for name, value in getattr(instance, "__dict__", {}).items():
            self.visit(f"{part}.{name}", value, name, file)


def _qualified(name: str, owner: types.FunctionType | type) -> str:
    """Return the name of a global with the module of `owner`; for a program itself, with the name of its file."""
    file, module = Path(file_of(owner)), owner.__module__
    if module == "__main__":
        module = file.stem if file.is_file() else ""
    return f"{module}.{name}" if module else name


def _changed_in(tree: ast.AST) -> set[str]:
    """Return the names of the variables and attributes that code changes outside of `__init__`."""
    if isinstance(tree, Functions) and tree.name in ("__init__", "__post_init__"):
        return set()
    changed: set[str] = set()
    if isinstance(tree, ast.Global | ast.Nonlocal):
        changed |= {*tree.names}
    elif isinstance(tree, ast.Attribute | ast.Subscript) and isinstance(tree.ctx, ast.Store | ast.Del):
        changed.add(_base(tree.value) if isinstance(tree, ast.Subscript) else tree.attr)
    elif isinstance(tree, ast.Call) and isinstance(tree.func, ast.Attribute) and tree.func.attr in MUTATING:
        changed.add(_base(tree.func.value))
    return changed.union(*map(_changed_in, ast.iter_child_nodes(tree)))


def _changed_by(function: types.FunctionType) -> set[str]:
    """Return the same for a function without a source: what it stores, and the containers that it may change."""
    changed: set[str] = set()
    for code in code_objects(function.__code__):
        instructions = [*dis.get_instructions(code)]
        stores = {"STORE_GLOBAL", "DELETE_GLOBAL"} | ({"STORE_ATTR"} if code.co_name != "__init__" else set())
        changed |= {str(each.argval) for each in instructions if each.opname in stores}
        if any("STORE_SUBSCR" in each.opname or each.argval in MUTATING for each in instructions):
            reached = {**function.__globals__, **inspect.getclosurevars(function).nonlocals}
            names = (*code.co_names, *code.co_freevars)
            changed |= {name for name in names if isinstance(reached.get(name), list | dict | set | bytearray)}
    return changed


def _base(node: ast.AST) -> str:
    """Return the variable or attribute that holds what an expression changes; empty if there is none."""
    if isinstance(node, ast.Subscript):
        return _base(node.value)
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _instructions(code: types.CodeType) -> str:
    """Return the instructions of a function and of those inside it, without line numbers and docstring."""
    listed = [
        f"{each.opname} {'' if isinstance(each.argval, types.CodeType) else each.argrepr}".rstrip()
        for inner in code_objects(code)
        for each in dis.get_instructions(inner)
    ]
    return re.sub(r" at 0x[0-9a-f]+", "", "\n".join(listed))


def _plain_text(variable: _Variable) -> str | None:
    """Return a variable's value as text; None if it is not made of plain values, or differs from start to start."""
    assigned = assigned_value(variable.file, variable.variable) if variable.variable else None
    if assigned is not None and any(isinstance(each, ast.Name) and each.id in VOLATILE for each in ast.walk(assigned)):
        return None
    text = _plain(variable.value)
    if text is None:
        return None
    folder = str(Path(variable.file).parent)
    if len(folder) > 1:
        text = text.replace(folder, ".")  # a project that was moved is the same
    if len(text) > MAX_VALUE:
        return f"{text[:MAX_VALUE]}... sha256 {hashlib.sha256(text.encode(errors='surrogatepass')).hexdigest()}"
    return text


def _plain(value: object, depth: int = 0) -> str | None:
    """Return the text of a value that is made of numbers, strings and containers; None of any other."""
    if isinstance(value, enum.Enum):
        return str(value)
    if value is None or isinstance(value, bool | float | complex | str | bytes | range):
        return repr(value)
    if isinstance(value, int):
        return repr(int(value)) if abs(value) < 10**18 else hex(value)
    if isinstance(value, Path):
        return repr(str(value))
    if type(value).__module__ == "numpy" and getattr(value, "shape", None) == () and hasattr(value, "item"):
        return _plain(value.item(), depth)
    inner: list[object]
    if isinstance(value, dict):
        inner = [each for pair in value.items() for each in pair]
    elif isinstance(value, list | tuple | set | frozenset):
        inner = list(value)
    elif is_dataclass(value) and not isinstance(value, type):
        inner = [getattr(value, each.name, None) for each in fields(value)]
    else:
        return None
    texts = [_plain(each, depth + 1) for each in inner] if depth < MAX_DEPTH else [None]
    if None in texts:
        return None
    listed = sorted(map(str, texts)) if isinstance(value, set | frozenset) else map(str, texts)
    return f"{type(value).__name__}({', '.join(listed)})"
