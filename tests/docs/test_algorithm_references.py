"""What docs/algorithm.md says of the code is there: names, defaults, the list of deviations. And no link is dead."""

import ast
import functools
import inspect
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic.fields import FieldInfo

from netwright import config
from netwright.children.dropout import Dropout
from netwright.config.base import Settings
from netwright.spaces.convolutional import convolutional
from netwright.spaces.metaqnn import metaqnn
from netwright.spaces.programs import Space

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "algorithm.md").read_text(encoding="utf-8")
REFERENCE = re.compile(r"src/[\w/]+\.py(?::[A-Za-z_][\w.]*\w|:[A-Za-z_])?")
LINK = re.compile(r"\]\(<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\)")
LINKING = [
    path
    for path in (
        *sorted((ROOT / "docs").rglob("*.md")),
        *(ROOT / f"{n}.md" for n in ("README", "CONTRIBUTING", "CHANGELOG")),
    )
    if path.exists()
]
MODELS = {
    "RunConfig": "",
    **{entry.settings.__name__: "strategy." for entry in config.STRATEGIES.values()},
    "ImageSettings": "evaluate.",
    "TextSettings": "evaluate.",
    "TranslationSettings": "evaluate.",
    "FunctionSettings": "evaluate.",
    "TableSettings": "evaluate.",
    "ConstraintSettings": "constraints.",
    "ConfirmSettings": "confirm.",
    "StoppingSettings": "stopping.",
    "ReplicaSettings": "replicas.",
    "FinalSettings": "final.",
    "FinalTextSettings": "final.",
    "FinalTranslationSettings": "final.",
    "NgramSettings": "ngram.",
}
"""The tables of part 7 and the prefix of their names; two spaces have one each."""
REQUIRED = object()


# References -----------------------------------------------------------------------------------------------------------


@functools.cache
def definitions(path: Path) -> frozenset[str]:
    """Every dotted name that a file defines: functions, classes, their members, constants."""
    return frozenset(defined_in(ast.parse(path.read_text(encoding="utf-8")).body, ""))


def defined_in(body: list[ast.stmt], prefix: str) -> set[str]:
    names = set()
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(prefix + node.name)
        if isinstance(node, ast.ClassDef):
            names |= defined_in(node.body, f"{prefix}{node.name}.")
        targets = (
            node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        )
        for target in targets:
            names |= {prefix + part.id for part in ast.walk(target) if isinstance(part, ast.Name)}
    return names


def is_defined(reference: str) -> bool:
    file, _, name = reference.partition(":")
    path = ROOT / file
    return path.is_file() and (not name or name in definitions(path))


def test_the_page_refers_to_the_code() -> None:
    assert len(set(REFERENCE.findall(PAGE))) > 50


def test_nothing_that_looks_like_a_reference_escapes() -> None:
    quoted = re.findall(r"`([^`\n]*\.py[^`\n]*)`", PAGE)
    assert [text for text in quoted if not REFERENCE.fullmatch(text)] == []
    assert len(quoted) == len(REFERENCE.findall(PAGE))


@pytest.mark.parametrize("reference", sorted(set(REFERENCE.findall(PAGE))))
def test_a_reference_names_something_in_the_source(reference: str) -> None:
    assert is_defined(reference), f"docs/algorithm.md names {reference}, which is not there"


@pytest.mark.parametrize(
    "reference",
    [
        "src/netwright/searching/core.py:SearchCore._advances",
        "src/netwright/searching/core.py:_advance",
        "src/netwright/searching/core.py:replace",
        "src/netwright/cores.py:SearchCore",
        "src/netwright/cores.py",
    ],
)
def test_a_wrong_reference_is_noticed(reference: str) -> None:
    assert REFERENCE.fullmatch(reference)
    assert not is_defined(reference)


# Deviations -----------------------------------------------------------------------------------------------------------


def section(heading: str) -> str:
    """The text below a heading, up to the next one of whatever depth."""
    found = re.findall(rf"^#+ {re.escape(heading)}\n(.*?)(?=^#|\Z)", PAGE, flags=re.MULTILINE | re.DOTALL)
    assert len(found) == 1, f"docs/algorithm.md has {len(found)} sections {heading!r}"
    return str(found[0])


def test_the_list_of_deviations_is_that_of_the_source() -> None:
    listed = Counter(re.findall(r"^- `(src/[\w/]+\.py)[:`]", section("9. Deviations"), flags=re.MULTILINE))
    marked = Counter(
        path.relative_to(ROOT).as_posix()
        for path in sorted((ROOT / "src").rglob("*.py"))
        for _ in re.finditer(r"\bDeviation:", path.read_text(encoding="utf-8"))
    )
    assert listed == marked, "one entry in part 9 of docs/algorithm.md for each paragraph `Deviation:` in src"


# Settings -------------------------------------------------------------------------------------------------------------


def table(heading: str) -> list[tuple[str, Any]]:
    """(name, default) of each row of one of the tables in part 7."""
    rows = []
    for line in section(f"`{heading}`").splitlines():
        if not line.startswith("|") or line.startswith(("| setting |", "|---")):
            continue
        name, default, what, source = (cell.strip() for cell in line.strip("|").split("|"))
        assert re.fullmatch(r"`[\w.]+`", name), f"{heading}: {name} is not the name of a setting"
        assert all((what, source)), f"{heading}: too little is said of {name}"
        rows.append((name.strip("`"), value_of(default)))
    return rows


def value_of(cell: str) -> Any:
    """The default that a cell prints: a literal, the settings of a group, or `required`."""
    if cell == "required":
        return REQUIRED
    text = cell.strip("`")
    group = re.fullmatch(r"(\w+)\((.*)\)", text)
    if group is None:
        return ast.literal_eval(text)
    call = ast.parse(text, mode="eval").body
    assert isinstance(call, ast.Call)
    groups = {**vars(config), "Dropout": Dropout}
    return groups[group[1]](**{word.arg: ast.literal_eval(word.value) for word in call.keywords})


def default_of(field: FieldInfo) -> Any:
    return REQUIRED if field.is_required() else field.get_default(call_default_factory=True)


def typed(rows: list[tuple[str, Any]]) -> list[tuple[str, type, Any]]:
    """1 is not 1.0, and 0 is not False."""
    return [(name, type(value), value) for name, value in rows]


def test_every_group_of_settings_has_its_table() -> None:
    groups = {name for name, value in vars(config).items() if inspect.isclass(value) and issubclass(value, Settings)}
    assert set(MODELS) == groups - {"Settings"}


@pytest.mark.parametrize("model", MODELS)
def test_a_table_of_settings_has_every_field_with_its_default(model: str) -> None:
    fields = getattr(config, model).model_fields
    expected = [(MODELS[model] + name, default_of(field)) for name, field in fields.items()]
    assert typed(table(model)) == typed(expected)


@pytest.mark.parametrize("space", [convolutional, metaqnn], ids=lambda space: space.__name__)
def test_the_table_of_a_space_has_every_parameter_with_its_default(space: Callable[..., Space]) -> None:
    parameters = inspect.signature(space).parameters.values()
    expected = [(f"space.{parameter.name}", parameter.default) for parameter in parameters]
    assert typed(table(space.__name__)) == typed(expected)


# Links ----------------------------------------------------------------------------------------------------------------


def anchors(path: Path) -> set[str]:
    """The fragments that GitHub makes of a page's headings."""
    text = re.sub(r"^```.*?^```", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", text, flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", LINKING, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_relative_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    dead = []
    for link in LINK.findall(text):
        if re.match(r"[a-z][a-z0-9+.-]*:", link):
            continue
        file, _, fragment = link.partition("#")
        target = page.parent / file if file else page
        if not target.exists() or (fragment and target.suffix == ".md" and fragment not in anchors(target)):
            dead.append(link)
    assert dead == []


def test_the_page_on_comparing_lists_every_strategy() -> None:
    page = (ROOT / "docs" / "comparing.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `([a-z-]+)` \| (.*) \|$", page, re.MULTILINE))
    assert set(rows) == set(config.STRATEGIES)
    for name, entry in config.STRATEGIES.items():
        has_settings = set(entry.settings.model_fields) > {"name"}
        assert has_settings == (f"(algorithm.md#{entry.settings.__name__.lower()})" in rows[name])
