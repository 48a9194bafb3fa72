"""docs/tables.md: no row of the slides is missing, and no number in it is typed by hand."""

import json
import os
import re
from pathlib import Path

import checkout
import pytest
import reference_networks
import table_models
import tables
from table_models import epoch_seconds, epoch_seconds_in_own_process, epochs_of, num_parameters_of
from table_page import page
from table_results import ESTIMATES, NGRAMS, REFERENCE_NETWORKS, TRAININGS, Entry, Results, shown_command
from table_rows import TABLES, Table, Training

from netwright.errors import ConfigError, DataError

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "benchmarks" / "results"
MODEL = ROOT / "tests" / "fixtures" / "older" / "language_model"
PUBLISHED = {  # typed from the slides: a part of the name, the number of parameters, the result
    "CIFAR-10": [
        ("Network in Network", "-", "8.81"),
        ("All-CNN", "-", "7.25"),
        ("Deeply Supervised Net", "-", "7.97"),
        ("Highway Network", "-", "7.72"),
        ("Scalable Bayesian Optimization", "-", "6.37"),
        ("FractalNet (Larsson et al., 2016), depth 21", "38.6M", "5.22"),
        ("with Dropout/Drop-path, depth 21", "38.6M", "4.60"),
        ("ResNet (He et al., 2016a), depth 110", "1.7M", "6.61"),
        ("reported by Huang et al. (2016c)), depth 110", "1.7M", "6.41"),
        ("Stochastic Depth (Huang et al., 2016c), depth 110", "1.7M", "5.23"),
        ("depth 1202", "10.2M", "4.91"),
        ("Wide ResNet (Zagoruyko & Komodakis, 2016), depth 16", "11.0M", "4.81"),
        ("depth 28", "36.5M", "4.17"),
        ("ResNet (pre-activation) (He et al., 2016b), depth 164", "1.7M", "5.46"),
        ("depth 1001", "10.2M", "4.62"),
        ("DenseNet (L = 40, k = 12)", "1.0M", "5.24"),
        ("DenseNet (L = 100, k = 12)", "7.0M", "4.10"),
        ("DenseNet (L = 100, k = 24)", "27.2M", "3.74"),
        ("DenseNet-BC (L = 100, k = 40) (Huang et al., 2016b), depth 190", "25.6M", "3.46"),
        ("v1 no stride or pooling, depth 15", "4.2M", "5.50"),
        ("v2 predicting strides, depth 20", "2.5M", "6.01"),
        ("v3 max pooling, depth 39", "7.1M", "4.47"),
        ("v3 max pooling + more filters, depth 39", "37.4M", "3.65"),
        ("evolution (Real et al., 2017)", "-", "5.4"),
        ("Q-learning (Baker et al., 2017)", "-", "6.92"),
    ],
    "Penn Treebank, words": [
        ("KN-5", "2M‡", "141.2"),
        ("KN5 + cache", "2M‡", "125.7"),
        ("(2012) - RNN", "6M‡", "124.7"),
        ("RNN-LDA", "7M‡", "113.7"),
        ("RNN-LDA + KN-5 + cache", "9M‡", "92.0"),
        ("Deep RNN", "6M", "107.5"),
        ("Sum-Prod Net", "5M‡", "100.0"),
        ("Zaremba et al. (2014) - LSTM (medium)", "20M", "82.7"),
        ("Zaremba et al. (2014) - LSTM (large)", "66M", "78.4"),
        ("Variational LSTM (medium, untied)", "20M", "79.7"),
        ("Variational LSTM (medium, untied, MC)", "20M", "78.6"),
        ("Variational LSTM (large, untied)", "66M", "75.2"),
        ("Variational LSTM (large, untied, MC)", "66M", "73.4"),
        ("CharCNN", "19M", "78.9"),
        ("Press & Wolf (2016) - Variational LSTM, shared embeddings", "51M", "73.2"),
        ("Zoneout + Variational LSTM (medium)", "20M", "80.6"),
        ("Pointer Sentinel-LSTM (medium)", "21M", "70.9"),
        ("VD-LSTM + REAL (large)", "51M", "68.5"),
        ("Variational RHN, shared embeddings", "24M", "66.0"),
        ("Neural Architecture Search with base 8", "32M", "67.9"),
        ("Neural Architecture Search with base 8 and shared embeddings", "25M", "64.0"),
        ("Neural Architecture Search with base 8 and shared embeddings", "54M", "62.4"),
    ],
    "Penn Treebank, characters": [
        ("Layer Norm HyperLSTM", "4.92M", "1.250"),
        ("Layer Norm HyperLSTM Large Embeddings", "5.06M", "1.233"),
        ("2-Layer Norm HyperLSTM", "14.41M", "1.219"),
        ("Two layer LSTM", "6.57M", "1.243"),
        ("Two Layer with New Cell", "6.57M", "1.228"),
        ("Two Layer with New Cell", "16.28M", "1.214"),
    ],
    "Translation": [("GNMT LSTM", "-", "24.1"), ("GNMT NAS Cell", "-", "24.6")],
}


def shown(text: str, title: str) -> list[list[str]]:
    """Return the cells of one table's rows."""
    part = text.split(f"\n## {title}\n")[1].split("\n## ")[0]
    lines = [line for line in part.splitlines() if line.startswith("| ")][1:]
    return [line.strip("| ").split(" | ") for line in lines]


def cell_of(folder: Path, key: str) -> str:
    """Return what the page has in the last cell of a row with the results of `folder`."""
    (table,) = (table for table in TABLES if any(row.key == key for row in table.rows))
    number = [row.key for row in table.rows].index(key)
    return shown(page(TABLES, Results(folder)), table.title)[number][4]


def lstm_medium(**changes: object) -> dict[str, object]:
    """Return a training of `lstm-medium` by its whole recipe, as trainings.json holds it."""
    entry = {
        "command": "netwright train lstm-medium", "seed": 0, "data": "Penn Treebank", "epochs": 39,
        "metric": "test_perplexity", "value": 82.0, "num_parameters": 19_775_200, "hardware": "a processor",
        "commit": "abc1234", "date": "2026-11-27",
    }  # fmt: skip
    return entry | changes


def stored(folder: Path, **trainings: list[dict[str, object]]) -> Path:
    """Write trainings.json, and return its folder."""
    document = {key.replace("_", "-"): entries for key, entries in trainings.items()}
    (folder / TRAININGS).write_text(json.dumps(document))
    return folder


def test_the_page_is_what_the_program_writes() -> None:
    assert page(TABLES, Results()) == tables.PAGE.read_text(encoding="utf-8")


def test_every_row_of_the_slides_is_there_in_their_order() -> None:
    text = tables.PAGE.read_text(encoding="utf-8")
    assert [table.title for table in TABLES] == list(PUBLISHED)
    for title, expected in PUBLISHED.items():
        rows = shown(text, title)
        assert [(row[2], row[1]) for row in rows] == [(parameters, result) for _, parameters, result in expected]
        assert all(name in row[0] for row, (name, _, _) in zip(rows, expected, strict=True))


def test_every_row_is_measured_or_smaller_or_quoted_with_its_reason() -> None:
    text = tables.PAGE.read_text(encoding="utf-8")
    for title in PUBLISHED:
        for row in shown(text, title):
            for told in row[4].split("<br>"):
                assert re.match(r"(measured|smaller \(.+\)|quoted): .{10}", told), row


@pytest.mark.parametrize(
    ("training", "count"),
    [
        (Training("nas-cnn-15", "cifar10"), 4_201_630),
        (Training("resnet-110", "cifar10"), 1_727_962),
        (Training("lstm-medium", "ptb"), 19_775_200),
        (Training("rhn", "ptb"), 23_482_400),
        (Training("nas-cell", "ptb", size="25M"), 32 * 741**2 + 10_000 * 741 + 10_000),  # tied
        (Training("nas-cell", "ptb", size="32M"), 32 * 735**2 + 2 * 10_000 * 735 + 10_000),
        (Training("kn-5", "ptb"), 10_000 + 264_990 + 615_130 + 792_630 + 857_998),
    ],
)
def test_parameters_are_counted_in_the_code(training: Training, count: int) -> None:
    assert num_parameters_of(training, Results()) == count


def differs(count: int, published: str) -> bool:
    """Return whether a count is another number than the table's, rounded as it is."""
    millions = published.rstrip("M‡")
    return f"{count / 1e6:.{len(millions.partition('.')[2])}f}" != millions


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.title)
def test_a_number_of_parameters_that_differs_from_the_table_has_a_footnote(table: Table) -> None:
    for row in table.rows:
        count = num_parameters_of(row.training, Results()) if row.training else None
        if count is not None and row.parameters != "-" and differs(count, row.parameters):
            assert row.note, row.key


def test_the_smaller_forms_are_networks_of_their_benchmark() -> None:
    names = {name for table in TABLES for row in table.rows for name in row.smaller}
    assert names
    assert names <= set(reference_networks.compared(None))


# Results --------------------------------------------------------------------------------------------------------------


def test_a_result_of_several_seeds_is_their_mean_with_its_interval(tmp_path: Path) -> None:
    runs = [lstm_medium(seed=seed, value=value) for seed, value in enumerate((81.0, 82.0, 83.0))]
    cell = cell_of(stored(tmp_path, lstm_medium=runs), "lstm-medium")
    half = 4.303 / 3**0.5  # Student's t for 2 degrees of freedom, standard deviation 1
    assert (
        f"measured: **82.0 ({82 - half:.1f} to {82 + half:.1f})** on Penn Treebank, epochs: 39, seeds: 0, 1, 2" in cell
    )
    assert "`netwright train lstm-medium --seed SEED`, commit abc1234" in cell
    assert "quoted" not in cell


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"epochs": 9}, "9 of 39 epochs"),
        ({"num_parameters": 5_000_000}, "5,000,000 parameters"),
        ({"data": "WikiText-2"}, "WikiText-2 in place of Penn Treebank"),
        ({"changed": "one layer"}, "one layer"),
    ],
)
def test_what_is_smaller_than_the_row_is_not_called_measured(
    tmp_path: Path, changes: dict[str, object], told: str
) -> None:
    cell = cell_of(stored(tmp_path, lstm_medium=[lstm_medium(**changes)]), "lstm-medium")
    assert cell.startswith(f"smaller ({told}): **82.0**")
    assert "<br>quoted: " in cell


def test_an_accuracy_is_shown_as_an_error_with_the_name_of_its_data(tmp_path: Path) -> None:
    run = lstm_medium(
        command="netwright train resnet-110", data="CIFAR-10 (JPEG)", metric="test_accuracy", value=0.9,
        num_parameters=1_727_962, epochs=164,
    )  # fmt: skip
    assert "measured: **10.00** on CIFAR-10 (JPEG)" in cell_of(stored(tmp_path, resnet_110=[run]), "resnet-110")


def test_the_networks_of_equal_time_are_smaller_forms_and_are_compared(tmp_path: Path) -> None:
    accuracies = {"resnet-20": (0.84, 0.85), "densenet-22-12": (0.80, 0.81)}
    trainings = {
        f"{name}, seed {seed}": {"epochs": 20 + seed, "test_accuracy": value, "num_parameters": 270_000}
        for name, values in accuracies.items()
        for seed, value in enumerate(values)
    }
    document = {
        "trainings": trainings, "minutes": 20.0, "data": "CIFAR-10 (JPEG)", "commit": "abc1234",
        "hardware": "a machine", "created": "2026-11-27T00:00:00+00:00",
        "command": ["benchmarks/reference_networks.py", "--data", "/home/me/data"],
    }  # fmt: skip
    (tmp_path / REFERENCE_NETWORKS).write_text(json.dumps(document))
    cell = cell_of(tmp_path, "resnet-110")
    assert "smaller (20 layers in place of 110; 20 minutes of one core; 270,000 parameters): **15.50 (" in cell
    assert "epochs: 20 to 21, seeds: 0, 1; `python benchmarks/reference_networks.py --data FOLDER" in cell
    text = page(TABLES, Results(tmp_path))
    assert "Here (CIFAR-10 (JPEG), 20 minutes of one core): ResNet (He et al., 2016a), depth 110 (20 layers" in text
    half = 4.303 * 0.005 * 2**0.5 * 100  # Welch: 2 degrees of freedom
    assert f"by 4.00 (95% interval {4 - half:.2f} to {4 + half:.2f})." in text


def test_translators_are_compared_although_their_sizes_differ(tmp_path: Path) -> None:
    runs = {
        f"gnmt_{cell}": [
            lstm_medium(
                metric="test_bleu", value=bleu, data="Multi30k", epochs=12, num_parameters=size, changed="small"
            )
        ]
        for cell, bleu, size in (("lstm", 33.0, 4_000_000), ("nas_cell", 32.0, 4_100_000))
    }
    text = page(TABLES, Results(stored(tmp_path, **runs)))
    assert "Here (Multi30k, small, Multi30k in place of WMT'14 en-de, 12 epochs): GNMT LSTM 33.0; GNMT NAS Cell" in text
    assert "The best is GNMT LSTM, by 1.0; with one seed each, that is not yet evidence." in text


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        (TRAININGS, "{", "Invalid JSON"),
        (TRAININGS, '{"lstm-medium": [{"seed": 0}]}', "lstm-medium.0.command: Field required"),
        (TRAININGS, json.dumps({"rnn": [lstm_medium(value="82")]}), "rnn.0.value: Input should be a valid number"),
        (TRAININGS, json.dumps({"rnn": [lstm_medium(perplexity=82)]}), "rnn.0.perplexity: Extra inputs"),
        (ESTIMATES, "[]", "the file: "),
        (NGRAMS, '{"results": {}}', "command: Field required"),
        (REFERENCE_NETWORKS, '{"trainings": {"resnet-20": 1}}', "trainings.resnet-20"),
    ],
)
def test_a_malformed_file_is_named_with_what_is_wrong(tmp_path: Path, name: str, content: str, told: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(DataError, match=rf"{re.escape(name)} cannot be used: .*{re.escape(told)}.*benchmarks/"):
        Results(tmp_path)


def test_results_of_an_unknown_row_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"lstm-mediun.*did you mean 'lstm-medium'"):
        page(TABLES, Results(stored(tmp_path, lstm_mediun=[lstm_medium()])))


# Adding a trained model -----------------------------------------------------------------------------------------------


def entry(key: str, changed: str = "") -> Entry:
    table, row = tables.find_row(key)
    return tables.entry_of(table, row, MODEL, revision="abc1234", changed=changed, data_name=None)


@pytest.fixture
def known_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "commit", lambda revision="HEAD": revision[:7])


@pytest.mark.usefixtures("known_commit")
def test_an_added_model_appears_in_its_row_with_the_numbers_of_its_folder(tmp_path: Path) -> None:
    tables.add(entry("nas-cell-25M"), "nas-cell-25M", tmp_path)
    cell = cell_of(tmp_path, "nas-cell-25M")
    model = json.loads((MODEL / "model.json").read_text())
    assert f"**{model['metrics']['test_perplexity']:.1f}** on {model['data']}, epochs: 1, seeds: 0; " in cell
    assert "`netwright train nas-cell --task text --data FOLDER --grid none" in cell
    assert "commit abc1234" in cell
    assert "1,279 parameters" in cell
    with pytest.raises(ConfigError, match="has this training already"):
        tables.add(entry("nas-cell-25M"), "nas-cell-25M", tmp_path)


@pytest.mark.usefixtures("known_commit")
def test_another_model_than_that_of_the_row_is_added_with_what_was_changed(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"holds nas-cell, and the row lstm-medium is for lstm-medium; .*--changed"):
        entry("lstm-medium")
    tables.add(entry("lstm-medium", "another cell"), "lstm-medium", tmp_path)
    assert cell_of(tmp_path, "lstm-medium").startswith("smaller (another cell; ")


@pytest.mark.usefixtures("known_commit")
def test_a_model_without_the_result_of_the_row_is_refused() -> None:
    with pytest.raises(DataError, match=r"has no test_bits_per_character, .* it has: test_perplexity"):
        entry("hyper-lstm-large", "small")


def test_a_commit_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="no-such-commit is no commit"):
        checkout.commit("no-such-commit")
    table, row = tables.find_row("nas-cell-25M")
    with pytest.raises(ConfigError, match=r"--commit no-such-commit: .*with which the model was trained"):
        tables.entry_of(table, row, MODEL, revision="no-such-commit", changed="", data_name=None)


def test_an_unknown_row_is_refused_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match="did you mean 'resnet-110'"):
        tables.find_row("resnet-111")


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (
            ["/home/me/src/netwright/__main__.py", "train", "/home/me/run", "--data=/home/me"],
            "netwright train FOLDER --data=FOLDER",
        ),
        (["/usr/bin/netwright", "train", "rhn", "-o", "models/rhn"], "netwright train rhn -o models/rhn"),
        (["/usr/bin/netwright", "train", "rhn", "--data", "data/ptb"], "netwright train rhn --data FOLDER"),
        (["/home/me/benchmarks/ngrams.py", "--data", "~/data"], "python benchmarks/ngrams.py --data FOLDER"),
    ],
)
def test_a_shown_command_has_no_path_of_a_machine(words: list[str], shown: str) -> None:
    assert shown_command(words) == shown


# Estimates ------------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("known_commit")
def test_estimates_go_on_where_they_stopped_and_appear_in_hours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    timed = []

    def probe(training: Training, data: Path | None, *, verify: bool) -> tuple[float | None, str]:
        timed.append(training.name)
        return (None, "the process was killed") if training.name == "rhn" else (3600.0, "")

    monkeypatch.setattr(tables, "epoch_seconds_in_own_process", probe)
    for keys in (["deep-rnn"], ["deep-rnn", "rhn", "lstm-variational-medium", "lstm-variational-medium-mc"]):
        tables.estimate(tables.trainings_to_estimate(keys), None, tmp_path, verify=True)
    assert timed == [
        "deep-rnn",
        "rhn",
        "lstm-variational-medium",
    ]  # each once, and a row of the same training not at all
    assert cell_of(tmp_path, "deep-rnn").startswith("quoted: about 20 core-hours for 20 epochs of 60 minutes")
    assert cell_of(tmp_path, "lstm-variational-medium-mc").startswith("quoted: about 39 core-hours")
    assert "could not be estimated here, the process was killed" in cell_of(tmp_path, "rhn")


def test_all_rows_that_need_nothing_but_time_are_estimated() -> None:
    names = {training.name for training in tables.trainings_to_estimate([])}
    assert {"resnet-110", "densenet-bc-190-40", "nas-cnn-15", "rhn", "nas-cell", "hyper-lstm-2x1000"} <= names
    assert not names & {"gnmt", "kn-5"}


def test_the_epochs_are_those_of_the_recipes() -> None:
    assert epochs_of(Training("lstm-medium", "ptb")) == 39
    assert epochs_of(Training("resnet-110", "cifar10")) == 164
    assert epochs_of(Training("nas-cnn-15", "cifar10")) == 300
    assert epochs_of(Training("nas-cell", "ptb", size="25M")) == 35


def test_an_epoch_is_timed() -> None:
    assert epoch_seconds(Training("nas-cell", "pydoc"), None, verify=True) > 0


def dies(training: Training, data: Path | None, *, verify: bool) -> float:
    os._exit(9)


def test_a_process_that_is_killed_leaves_no_estimate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_models, "epoch_seconds", dies)
    seconds, problem = epoch_seconds_in_own_process(Training("rhn", "ptb"), None, verify=True)
    assert seconds is None
    assert "killed" in problem
