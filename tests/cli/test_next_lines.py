"""The line to type next: on standard error, so that standard output holds results alone."""

import json
import shlex
import sys
from pathlib import Path

import pytest

from oracles.refusals import Cli

OPEN = "open" if sys.platform == "darwin" else "xdg-open"


@pytest.fixture
def table_run(cli: Cli, tmp_path: Path) -> Path:
    run = tmp_path / "it's a run"
    result = cli("search", "digits-table", "--trials", 8, "--strategy", "random", "--workers", 1, "-o", run)
    assert result.exit_code == 0, result.output
    return run


def last(result: object) -> list[str]:
    """The words of the last line of standard error."""
    return shlex.split(str(getattr(result, "stderr", "")).splitlines()[-1])


def test_a_run_leads_on_and_json_stays_json(cli: Cli, table_run: Path) -> None:
    shown = cli("show", table_run)
    assert last(shown) == ["next:", "netwright", "draw", str(table_run)]
    assert "next:" not in shown.stdout
    as_json = cli("show", table_run, "--json")
    json.loads(as_json.stdout)
    assert as_json.stderr == ""


def test_what_was_written_is_opened_next(cli: Cli, table_run: Path, tmp_path: Path) -> None:
    assert last(cli("report", table_run)) == ["next:", OPEN, str(table_run / "report.html")]
    assert last(cli("draw", table_run)) == ["next:", OPEN, str(table_run / "best.svg")]
    folder = tmp_path / "comparison"
    compared = cli("compare", "digits-table", "--strategies", "random", "--num-seeds", 2, "--trials", 5, "-o", folder)
    assert compared.exit_code == 0, compared.output
    assert last(compared)[:2] == ["next:", OPEN]
    assert Path(last(compared)[2]).is_file()


def test_lists_lead_to_their_commands(cli: Cli) -> None:
    assert last(cli("recipes", "digits")) == ["next:", "netwright", "search", "digits"]
    assert last(cli("recipes"))[1:] == ["netwright", "search", "digits"]
    assert last(cli("models"))[1:3] == ["netwright", "train"]
