"""The map of the house holds: layers, what may be imported without torch, and names that stay what they are."""

import importlib
import pkgutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import netwright
from netwright.config import strategies

PROJECT = Path(__file__).parents[2]


def modules_below(package: str) -> list[str]:
    """The names of a package and everything in it; __main__ would run."""
    path = importlib.import_module(package).__path__
    return [package, *(m.name for m in pkgutil.walk_packages(path, f"{package}.") if not m.name.endswith("__main__"))]


def test_lower_rows_never_import_higher_ones() -> None:
    command = Path(sys.executable).with_name("lint-imports")
    ended = subprocess.run([command, "--no-cache"], cwd=PROJECT, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "0 broken" in ended.stdout


@pytest.mark.parametrize(
    "names",
    [
        modules_below("netwright.spaces"),
        modules_below("netwright.architectures"),
        [
            "netwright",
            "netwright.trials",
            "netwright.architectures.published",
            "netwright.errors",
            "netwright.searching.core",
            "netwright.searching.store",
        ],
        [f"netwright.evaluation.{name}" for name in ("factory", "images", "text", "table", "function", "interface")],
    ],
    ids=["spaces", "architectures", "values", "kinds of children"],
)
def test_values_spaces_and_kinds_need_no_torch(names: list[str]) -> None:
    assert len(names) > 1
    program = f"import sys, importlib\nfor n in {names}: importlib.import_module(n)\nprint('torch' in sys.modules)"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "False"


def test_nothing_exported_bears_the_name_of_a_module() -> None:
    """Importing a submodule puts it into its package under its name, and would replace what was exported there."""
    for name in modules_below("netwright"):
        importlib.import_module(name)
    packages = [
        module for name, module in sys.modules.items() if name.split(".")[0] == "netwright" and is_package(module)
    ]
    assert len(packages) > 5
    for package in packages:
        for submodule in pkgutil.iter_modules(package.__path__):
            if submodule.name != "__main__":
                found = vars(package)[submodule.name]
                assert found is sys.modules[f"{package.__name__}.{submodule.name}"], f"{package.__name__}: {found!r}"


def is_package(module: ModuleType) -> bool:
    return hasattr(module, "__path__")


def test_nothing_exported_late_bears_the_name_of_a_module() -> None:
    modules = {module.name for module in pkgutil.iter_modules(netwright.__path__)}
    late = set(netwright._LATER)
    assert {"search", "build"} <= late
    assert not late & modules
    assert not {name.rsplit(".", 1)[-1] for name in netwright._LATER.values()} & late
    for name in late:
        assert callable(getattr(netwright, name))
        assert name in dir(netwright)


def test_the_settings_of_every_strategy_are_exported_also_to_type_checkers() -> None:
    exported_settings = {name for name in strategies.__all__ if name.endswith("Settings")}
    assert exported_settings == {entry.settings.__name__ for entry in strategies.STRATEGIES.values()}
    for name in exported_settings:
        assert getattr(netwright, name) is getattr(strategies, name)
        assert name in dir(netwright)
