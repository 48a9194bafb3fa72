"""`nw.search` leaves a report in its folder, and a report that cannot be written costs nothing."""

from pathlib import Path

import pytest

import netwright as nw


@nw.space
def pair():
    first = yield nw.Choice("width", (1, 2, 3, 4))
    second = yield nw.Choice("width", (1, 2, 3, 4))
    return {"widths": [first, second]}


def total(architecture) -> float:
    return float(sum(architecture["widths"]))


def test_a_search_into_a_folder_leaves_its_report(tmp_path: Path) -> None:
    results = nw.search(pair(), total, num_trials=10, out=tmp_path / "run")
    report = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    assert "10 trials" in report
    assert "widths=" + str(results.best.proposal.architecture["widths"]) in report
    nw.search(pair(), total, num_trials=20, out=tmp_path / "run")
    assert "20 trials" in (tmp_path / "run" / "report.html").read_text(encoding="utf-8")


def test_a_search_in_memory_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    nw.search(pair(), total, num_trials=4)
    assert list(tmp_path.iterdir()) == []


def test_a_report_that_cannot_be_written_is_a_warning(tmp_path: Path) -> None:
    (tmp_path / "run" / "report.html").mkdir(parents=True)
    with pytest.warns(UserWarning, match="no report could be written: cannot write") as caught:
        results = nw.search(pair(), total, num_trials=10, out=tmp_path / "run")
    assert len(results.trials) == 10
    assert caught[0].filename == __file__
