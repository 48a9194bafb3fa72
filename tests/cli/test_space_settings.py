"""Parameters of a space that have the wrong type are one sentence, before anything is written."""

from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

Cli = Callable[..., Result]


@pytest.mark.parametrize(
    ("assignment", "said"),
    [
        ('space.num_layers="a"', "space.num_layers: Input should be a valid integer; got 'a'"),
        ("space.num_layers=null", "space.num_layers: Input should be a valid integer; got None"),
        ("space.filter_sizes=5", "space.filter_sizes: "),
        ('space.filter_sizes=["a"]', "space.filter_sizes[0]: Input should be a valid integer; got 'a'"),
        ("space.filter_sizes={}", "space.filter_sizes: "),
        ("space.strides=[1e308]", "space.strides[0]: Input should be a valid integer; got 1e+308"),
        ("space.anchors=5", "space.anchors: Input should be 'before_filters' or 'after_filters'; got 5"),
        ('space.skip_connections="x"', "space.skip_connections: Input should be a valid boolean; got 'x'"),
        ("space.more_filters=NaN", "space.more_filters: Input should be "),
        ('space.num_layers={"schedule":{"start":"a","step":1,"interval":2,"stop":5}}', "space.num_layers: "),
        ("space.num_layers=999999999", "10,000 decisions without ending"),
    ],
)
def test_a_parameter_of_the_wrong_type_is_named(cli: Cli, tmp_path: Path, assignment: str, said: str) -> None:
    refused = cli("search", "digits", "--trials", 2, "--set", assignment, "-o", tmp_path / "run")
    assert refused.exit_code == 2
    assert said in refused.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_schedule_of_the_right_type_is_accepted(cli: Cli, tmp_path: Path) -> None:
    schedule = 'space.num_layers={"schedule":{"start":2,"step":1,"interval":2,"stop":3}}'
    accepted = cli(
        "search", "digits", "--trials", 2, "--workers", 1, "--set", schedule, "--set", "evaluate.epochs=1", "--set",
        "confirm.at_end=false", "-o", tmp_path / "run",
    )  # fmt: skip
    assert accepted.exit_code == 0, accepted.stderr


def test_a_space_in_the_place_of_a_recipe_gets_the_line_to_add(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "own_space.py"
    file.write_text('import netwright as nw\n\n@nw.space\ndef mine():\n    return [(yield nw.Choice("a", (1, 2)))]\n')
    refused = cli("search", f"{file}:mine", "-o", tmp_path / "run")
    assert refused.exit_code == 2
    assert "return nw.RunConfig(space=" in refused.stderr
