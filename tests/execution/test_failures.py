"""Texts of errors are cut to a few kB, and the whole text goes into a log that is itself bounded."""

from pathlib import Path

import pytest

from netwright.execution.attempts import attempt
from netwright.execution.failures import MAX_DETAIL, MAX_MESSAGE, MAX_UNCUT, shortened
from netwright.searching import error_log
from netwright.searching.error_log import FILE_NAME, logged
from netwright.trials import Job, Measurement, Outcome


def outcome_of(text: str) -> Outcome:
    def evaluate(job: Job) -> Measurement:
        raise RuntimeError(text)

    return attempt(evaluate, Job(7, None, seed=0))


def test_a_short_text_remains_as_it_is(tmp_path: Path) -> None:
    outcome = outcome_of("no such network")
    assert outcome.failure is not None
    assert outcome.failure.message == "RuntimeError: no such network"
    assert outcome.failure.detail.endswith("RuntimeError: no such network\n")
    assert logged(outcome, tmp_path, "trial 7") is outcome
    assert not (tmp_path / FILE_NAME).exists()


@pytest.mark.parametrize("text", ["x" * 3_000_000, "line\n" * 600_000], ids=["one line", "many lines"])
def test_a_long_text_keeps_its_beginning_and_end_and_says_how_much_is_missing(tmp_path: Path, text: str) -> None:
    outcome = logged(outcome_of(f"begin {text} end"), tmp_path, "trial 7")
    assert outcome.failure is not None
    stored = str(outcome.failure)
    assert len(stored) < MAX_MESSAGE + MAX_DETAIL + 400
    assert outcome.failure.uncut == ""
    assert stored.startswith("exception: RuntimeError: begin ")
    assert " characters left out ...] " in stored
    assert " end\n" in stored
    assert stored.endswith("(The first texts of this length are in errors.log in the run's folder.)")
    log = (tmp_path / FILE_NAME).read_text()
    assert log.startswith("trial 7, exception:\n")
    assert MAX_UNCUT <= len(log) < MAX_UNCUT + 200


def test_the_number_of_characters_is_the_right_one() -> None:
    text = shortened("a" * 50 + "b" * 1000 + "c" * 50, 100)
    assert text == "a" * 50 + " [... 1,000 characters left out ...] " + "c" * 50


def test_without_a_folder_no_log_is_named() -> None:
    outcome = logged(outcome_of("x" * 100_000), None, "trial 7")
    assert outcome.failure is not None
    assert outcome.failure.uncut == ""
    assert FILE_NAME not in str(outcome.failure)


def test_the_log_is_bounded_and_the_stored_text_does_not_depend_on_that(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(error_log, "MAX_BYTES", 50_000)
    outcomes = [logged(outcome_of("x" * 20_000), tmp_path, f"trial {number}") for number in range(5)]
    assert len({str(outcome.failure) for outcome in outcomes}) == 1
    assert 20_000 < (tmp_path / FILE_NAME).stat().st_size <= 50_000
    assert "trial 0, " in (tmp_path / FILE_NAME).read_text()
