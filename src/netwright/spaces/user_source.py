"""The sources of functions and classes in a user's own files, normalised: without comments, docstrings and layout."""

import ast
import functools
import importlib.util
import linecache
import sys
import sysconfig
import types
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.machinery import ModuleSpec
from pathlib import Path

Functions = (ast.FunctionDef, ast.AsyncFunctionDef)
NETWRIGHT = str(Path(__file__).resolve().parents[1])


@dataclass(frozen=True)
class Source:
    """A definition as a syntax tree, and as normalised text."""

    tree: ast.AST

    @property
    def text(self) -> str:
        """The source without comments, docstrings and layout."""
        return ast.unparse(self.tree)


def file_of(value: object) -> str:
    """Return the name of the file in which a function, class or module was defined; empty if unknown."""
    if isinstance(value, types.FunctionType):
        return value.__code__.co_filename
    module = value if isinstance(value, types.ModuleType) else sys.modules.get(getattr(value, "__module__", None) or "")
    file = getattr(module, "__file__", None)
    return file if isinstance(file, str) else "<input>" if getattr(module, "__name__", "") == "__main__" else ""


def is_users_file(file: str) -> bool:
    """Return whether a file is neither of the standard library, nor of an installed package, nor of netwright.

    Names that are no files, such as <stdin> and the cells of a notebook, are the user's.
    """
    if not file or file.startswith("<frozen"):
        return False
    parts = Path(file).parts
    if "site-packages" in parts or "dist-packages" in parts:
        return False
    return not any(Path(file).is_relative_to(folder) for folder in _library_folders())


@functools.cache
def _library_folders() -> tuple[str, ...]:
    paths = sysconfig.get_paths()
    return (NETWRIGHT, *{paths[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")})


def source_of_function(function: types.FunctionType) -> Source | None:
    """Return the source of a function or lambda; None if there is none, or if it is newer than the function."""
    code = function.__code__
    tree = _tree(code.co_filename)
    if tree is None or not any(_same(code, each) for each in code_objects(_compiled(code.co_filename))):
        return None
    found = [node for node in ast.walk(tree) if _defines(node, code)]
    return Source(normalised(found[0])) if len(found) == 1 else None


def source_of_class(kind: type) -> Source | None:
    """Return the source of a class; None if there is none."""
    tree = _tree(file_of(kind)) or _tree_of_members(kind)
    nodes: list[ast.AST] = [tree] if tree else []
    for name in kind.__qualname__.split("."):
        inner = [child for node in nodes for child in ast.walk(node)]
        if name != "<locals>":
            nodes = [node for node in inner if isinstance(node, (*Functions, ast.ClassDef)) and node.name == name]
    return Source(normalised(nodes[-1])) if nodes and isinstance(nodes[-1], ast.ClassDef) else None


def _tree_of_members(kind: type) -> ast.Module | None:
    """Return the tree of the file that defines a method; a class of a notebook has no other way to its cell."""
    functions = [member for member in vars(kind).values() if isinstance(member, types.FunctionType)]
    return next((tree for each in functions if (tree := _tree(file_of(each))) is not None), None)


def code_objects(code: types.CodeType | None) -> Iterator[types.CodeType]:
    """Yield a code object and those inside it."""
    if code is not None:
        yield code
        for constant in code.co_consts:
            if isinstance(constant, types.CodeType):
                yield from code_objects(constant)


def _same(code: types.CodeType, other: types.CodeType) -> bool:
    """Whether both are the same function, at the same place of its file and with the same instructions."""
    return (code.co_name, code.co_firstlineno, code.co_code) == (other.co_name, other.co_firstlineno, other.co_code)


def _defines(node: ast.AST, code: types.CodeType) -> bool:
    if isinstance(node, ast.Lambda):
        body = node.body
        place = (body.lineno, body.end_lineno, body.col_offset, body.end_col_offset)
        return code.co_name == "<lambda>" and node.lineno == code.co_firstlineno and place in {*code.co_positions()}
    if isinstance(node, Functions):
        first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
        return node.name == code.co_name and first == code.co_firstlineno
    return False


def _tree(file: str) -> ast.Module | None:
    return _parsed(file)[0]


def _compiled(file: str) -> types.CodeType | None:
    return _parsed(file)[1]


def _parsed(file: str) -> tuple[ast.Module | None, types.CodeType | None]:
    """Return the tree and the code of a file or a cell of a notebook, as it is now."""
    linecache.checkcache(file)
    return _parsed_text(file, "".join(linecache.getlines(file)))


@functools.lru_cache(maxsize=64)
def _parsed_text(file: str, text: str) -> tuple[ast.Module | None, types.CodeType | None]:
    if not text:
        return None, None
    try:
        tree = ast.parse(text)
        return tree, compile(text, file, "exec", dont_inherit=True)
    except (SyntaxError, ValueError):
        return None, None


def normalised(node: ast.AST) -> ast.AST:
    """Return a copy of a tree without docstrings."""
    copied: ast.AST = ast.parse(ast.unparse(node))
    if isinstance(node, ast.Lambda):
        return copied
    for each in ast.walk(copied):
        if (
            isinstance(each, (*Functions, ast.ClassDef, ast.Module))
            and ast.get_docstring(each, clean=False) is not None
        ):
            each.body = each.body[1:] or [ast.Pass()]
    return copied


def modules_imported_inside(code: types.CodeType, folder: Path) -> Iterator[tuple[str, Source]]:
    """Yield the name and source of the user's modules that a function imports when it runs, and of those they import.

    They need not be loaded yet, so they are found as files and recorded whole.

    Args:
        code: The function's code.
        folder: The folder of its file, in which its modules may be.
    """
    tree = _tree(code.co_filename)
    inside = [node for node in ast.walk(tree) if _defines(node, code)] if tree is not None else []
    pending = [name for node in inside for name in _imported(node)]
    seen: set[str] = set()
    while pending:
        name = pending.pop(0)
        path = _file_of_module(name, folder)
        if name in seen or path is None or not is_users_file(str(path)):
            continue
        seen.add(name)
        if (module := _tree(str(path))) is not None:
            yield name, Source(normalised(module))
            pending += _imported(module)


def assigned_value(file: str, variable: str) -> ast.expr | None:
    """Return the expression that a file assigns to a global variable; None if it cannot be found."""
    tree = _tree(file)
    for node in tree.body if tree is not None else ():
        targets = (
            node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        )
        if any(isinstance(each, ast.Name) and each.id == variable for target in targets for each in ast.walk(target)):
            return node.value if isinstance(node, ast.Assign | ast.AnnAssign) else None
    return None


def _imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module


def _file_of_module(name: str, folder: Path) -> Path | None:
    """Return the file of a module without importing anything."""
    first, *rest = name.split(".")
    loaded = getattr(sys.modules.get(first), "__spec__", None)
    try:
        spec = loaded if isinstance(loaded, ModuleSpec) else importlib.util.find_spec(first)
    except (ImportError, ValueError):
        spec = None
    origin = spec.origin if spec is not None else str(folder / f"{first}.py")
    if origin is None or not origin.endswith(".py"):
        return None
    path = Path(origin)
    for part in rest:
        inner = path.parent / part
        path = inner / "__init__.py" if inner.is_dir() else inner.with_suffix(".py")
    return path if path.is_file() else None
