"""`netwright report`, and the report that every search leaves behind."""

import re

import pytest

from netwright.report import page
from oracles.made_up_runs import make_run


def test_the_command_says_where_the_report_is(cli, tmp_path):
    run = make_run(tmp_path / "run", num_trials=16)
    result = cli("report", run)
    assert result.exit_code == 0
    assert f"Report: {run / 'report.html'}" in result.stdout
    assert (run / "report.html").read_text().startswith("<!doctype html>")
    assert cli("report", run, "-o", tmp_path / "mine.html").exit_code == 0
    assert (tmp_path / "mine.html").exists()


def test_search_resume_and_confirm_end_with_a_report(cli, recipe_file, tmp_path):
    run = tmp_path / "r"
    result = cli("search", f"{recipe_file}:config", "--trials", 24, "--workers", 1, "-o", run)
    assert f"Report: {run / 'report.html'}" in result.stdout
    assert "netwright draw" not in result.stdout  # these architectures are no pictures
    first = (run / "report.html").read_text()
    assert "of 24 trials measured" in re.sub(r"<[^>]+>", "", first)
    assert '"title":"width"' in first  # the user's own space
    result = cli("resume", run, "--trials", 32)
    assert f"Report: {run / 'report.html'}" in result.stdout
    assert "of 32 trials measured" in (run / "report.html").read_text()
    result = cli("confirm", run, "--top", 1, "--num-seeds", 2)
    assert f"Report: {run / 'report.html'}" in result.stdout
    assert "fresh seeds" in (run / "report.html").read_text()


def test_a_recipe_file_that_is_gone_leaves_a_report(cli, recipe_file, tmp_path):
    run = tmp_path / "r"
    assert cli("search", f"{recipe_file}:config", "--trials", 8, "--workers", 1, "-o", run).exit_code == 0
    recipe_file.unlink()
    result = cli("report", run)
    assert result.exit_code == 0
    text = (run / "report.html").read_text()
    assert "There are no option frequencies" in text
    assert f"there is no file {recipe_file}" in text
    assert "Value per trial" in text


def test_a_report_that_cannot_be_written_does_not_spoil_the_search(cli, recipe_file, tmp_path):
    run = tmp_path / "r"
    (run / "report.html").mkdir(parents=True)
    result = cli("search", f"{recipe_file}:config", "--trials", 8, "--workers", 1, "-o", run)
    assert result.exit_code == 0
    assert "No report could be written: cannot write" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["."], "holds no run"),
        (["missing"], "holds no run"),
        (["run", "-o", "no/folder/r.html"], "cannot write no/folder/r.html"),
        (["run", "-o", "run"], "cannot write run"),
    ],
)
def test_mistakes_are_explained(cli, tmp_path, monkeypatch, arguments, words):
    monkeypatch.chdir(tmp_path)
    make_run(tmp_path / "run", num_trials=8)
    result = cli("report", *arguments)
    assert result.exit_code == 2
    assert words in result.stderr
    assert not list(tmp_path.rglob("*.html*"))


def test_a_report_is_whole_or_the_old_one(tmp_path, monkeypatch):
    run = make_run(tmp_path / "run", num_trials=8)
    file = page.write_report(run)
    before = file.read_bytes()

    def full_disk(self, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.replace", full_disk)
    with pytest.raises(page.ConfigError, match="No space left on device"):
        page.write_report(run)
    assert file.read_bytes() == before
    assert sorted(path.name for path in run.iterdir() if "report" in path.name) == ["report.html"]
