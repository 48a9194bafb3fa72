"""A limit that no network of the space meets is refused before the search; any other one is not."""

import re
from pathlib import Path

import pytest

from netwright.architectures.costs import ImageShape
from netwright.errors import ConfigError
from netwright.evaluation.constraints import Constraints
from netwright.recipes import RECIPES
from netwright.searching.factory import make_constraints
from netwright.searching.reachable import check_reachable
from oracles.refusals import Cli, refused

SHAPE = ImageShape(1, 8, 8, 10)


def limited(**limits: int) -> tuple[object, Constraints]:
    config = RECIPES["digits"]()
    config = config.changed(constraints=config.constraints.model_copy(update=limits))
    return config.space, make_constraints(config, SHAPE)


def smallest() -> int:
    with pytest.raises(ConfigError) as refusal:
        check_reachable(*limited(max_parameters=1))  # type: ignore[arg-type]
    found = re.search(r"([\d,]+) after a greedy descent", str(refusal.value))
    assert found is not None
    return int(found[1].replace(",", ""))


def test_the_smallest_network_is_found_by_descent_and_its_size_is_a_limit_that_is_accepted() -> None:
    # 4 layers of 4 filters of 1 x 1: a chain without skip connections has the fewest parameters.
    lowest = smallest()
    check_reachable(*limited(max_parameters=lowest))  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=f"--max-parameters {lowest - 1}: no network"):
        check_reachable(*limited(max_parameters=lowest - 1))  # type: ignore[arg-type]


def test_both_limits_are_named_with_smallest_and_median() -> None:
    with pytest.raises(ConfigError) as refusal:
        check_reachable(*limited(max_parameters=1, max_multiply_adds=1))  # type: ignore[arg-type]
    message = str(refusal.value)
    assert message.startswith("--max-parameters 1 and --max-flops 1: no network")
    assert "among 2,000 random ones" in message
    for cost in ("parameters", "multiply-adds"):
        found = re.search(rf"{cost}: smallest ([\d,]+), median ([\d,]+), ([\d,]+) after", message)
        assert found is not None
        low, median, descended = (int(each.replace(",", "")) for each in found.groups())
        assert 1 < descended <= low < median


def test_a_limit_that_most_networks_meet_counts_one_network() -> None:
    counted: list[object] = []
    space, constraints = limited(max_parameters=10**9)

    def count(architecture: object) -> dict[str, int]:
        counted.append(architecture)
        return dict(constraints.count(architecture))

    check_reachable(space, Constraints(count, limits=constraints.limits))  # type: ignore[arg-type]
    assert len(counted) == 1


def test_the_command_refuses_and_makes_no_folder(cli: Cli, tmp_path: Path) -> None:
    run = tmp_path / "run"
    message = refused(cli, "search", "digits", "--trials", 2, "--max-flops", 1, "-o", run, "--workers", 1)
    assert "--max-flops 1: no network of this space" in message
    assert not run.exists()
