"""`netwright translate` and the options of `netwright train` for translators: what is printed, what is refused."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

import netwright as nw
from netwright.architectures.recurrent import Lstm
from netwright.children.language_model import LanguageModel
from netwright.cli.app import app
from netwright.errors import install
from netwright.models.folder import write_model
from oracles.made_up_runs import make_run
from oracles.refusals import Cli, refused
from oracles.toy_language import OPTIONS, toy_folder, toy_text

LINES = ("ant bee", "", "dog", "fox fox elk")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return toy_folder(tmp_path_factory.mktemp("text") / "toy")


@pytest.fixture(scope="module")
def model(data: Path) -> Path:
    folder = data.parent / "model"
    options = ("--task", "parallel", "--data", data, "--hidden", 16, "--epochs", 4, "--grid", "none", *OPTIONS)
    limits = (
        "--set",
        "evaluate.init_range=0.5",
        "--set",
        "evaluate.max_length=9",
        "--set",
        "evaluate.beam_size=4",
        "--set",
        "evaluate.length_penalty=2",
    )
    result = CliRunner().invoke(app, [str(each) for each in ("train", "gnmt", *options, *limits, "--out", folder)])
    assert result.exit_code == 0, result.output
    return folder


@pytest.fixture(scope="module")
def expected(model: Path) -> list[str]:
    translated: list[str] = nw.load(model)(list(LINES))
    assert translated[1] == ""
    assert all(translated[number] for number in (0, 2, 3))
    return translated


def piped(model: Path, content: str | bytes, *options: object) -> Result:
    return CliRunner().invoke(app, ["translate", str(model), *map(str, options)], input=content)


def test_the_lines_of_a_file(cli: Cli, model: Path, expected: list[str], tmp_path: Path) -> None:
    (tmp_path / "lines.an").write_text("\n".join(LINES) + "\n")
    for options in ((), ("--batch", 1), ("--batch", 3)):
        result = cli("translate", model, tmp_path / "lines.an", *options)
        assert result.exit_code == 0, result.output
        assert result.stdout == "".join(f"{line}\n" for line in expected)


@pytest.mark.parametrize("content", ["\n".join(LINES) + "\n", "\n".join(LINES), "\ufeff" + "\r\n".join(LINES)])
def test_standard_input(model: Path, expected: list[str], content: str) -> None:
    result = piped(model, content.encode())
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines() == expected


def test_to_a_file(cli: Cli, model: Path, expected: list[str], tmp_path: Path) -> None:
    (tmp_path / "lines.an").write_text("\n".join(LINES) + "\n")
    result = cli("translate", model, tmp_path / "lines.an", "-o", tmp_path / "lines.ki")
    assert (result.exit_code, result.stdout) == (0, "")
    assert (tmp_path / "lines.ki").read_text() == "".join(f"{line}\n" for line in expected)


def test_another_beam(model: Path) -> None:
    lines = list(toy_text().test["an"])
    greedy = piped(model, "\n".join(lines), "--beam", 1).stdout.splitlines()
    assert greedy == nw.load(model)(lines, beam_size=1)
    assert greedy != nw.load(model)(lines)
    assert piped(model, "ant", "--beam", 0).exit_code == 2
    too_large = piped(model, "ant", "--beam", 1001)
    assert (too_large.exit_code, too_large.stdout) == (2, "")
    assert "the size of the beam is 1001; it is a number from 1 to 1,000" in too_large.stderr


def test_a_line_that_is_too_long_is_named_before_anything_is_written(cli: Cli, model: Path, tmp_path: Path) -> None:
    path, target = tmp_path / "lines.an", tmp_path / "lines.ki"
    path.write_text("ant\n\n" + " ".join(["dog"] * 20) + "\n")
    words = "sentence 3 has 21 pieces, and the model was trained on sentences of up to 9; divide it: 'dog dog"
    assert words in refused(cli, "translate", model, path, "--batch", 1)
    assert words in refused(cli, "translate", model, path, "-o", target)
    assert not target.exists()


# What is refused ------------------------------------------------------------------------------------------------------


def test_other_models_and_missing_files(cli: Cli, model: Path, tmp_path: Path) -> None:
    text = {"hidden_size": 4, "num_layers": 1, "embedding_size": None, "tied": False, "cell_bias": False}
    network = LanguageModel(Lstm(), 2, seed=0, init_range=0.1, **text)  # type: ignore[arg-type]
    write_model(tmp_path / "text", network, Lstm(), {"kind": "text", "vocabulary": ["a", "b"], **text})
    (tmp_path / "lines.an").write_text("ant\n")
    message = refused(cli, "translate", tmp_path / "text", tmp_path / "lines.an")
    assert "text is no translator; `netwright train gnmt --task multi30k` trains one" in message
    message = refused(cli, "translate", tmp_path / "nowhere", tmp_path / "lines.an")
    assert "nowhere does not exist; expected a folder with model.json" in message
    message = refused(cli, "translate", model, tmp_path / "lines.de")
    assert "lines.de cannot be read: " in message
    assert "No such file" in message
    (tmp_path / "binary").write_bytes(b"\x00\x01")
    assert "binary is no text: its byte 0 is 0" in refused(cli, "translate", model, tmp_path / "binary")
    message = refused(cli, "translate", model, tmp_path / "lines.an", "-o", tmp_path / "nowhere" / "lines.ki")
    assert "cannot write" in message


def test_standard_input_without_a_text(model: Path) -> None:
    for content, words in (
        (b"", "standard input is empty"),
        (b"\xff\xfe", "standard input is not in UTF-8: its byte 0"),
    ):
        result = piped(model, content)
        assert (result.exit_code, result.stdout) == (2, "")
        assert words in result.stderr


@pytest.mark.parametrize(
    ("package", "what"), [("sentencepiece", "subwords need sentencepiece"), ("sacrebleu", "BLEU needs sacreBLEU")]
)
def test_without_a_package_the_message_says_what_to_install(
    cli: Cli, model: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, package: str, what: str
) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == package]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)  # importing it raises ModuleNotFoundError
    hint = f"{what}, not installed here: {install('translation')}"
    options = ("--task", "parallel", "--data", data, "--grid", "none", *OPTIONS)
    assert hint in refused(cli, "train", "gnmt", *options, "--out", tmp_path / "model")
    assert not (tmp_path / "model").exists()
    (tmp_path / "lines.an").write_text("ant\n")
    if package == "sentencepiece":
        message = refused(cli, "translate", model, tmp_path / "lines.an")
        assert hint in message
        assert "cannot be used" not in message, "the model is not damaged"
    else:
        assert cli("translate", model, tmp_path / "lines.an").exit_code == 0


def test_cells_and_tasks_that_do_not_fit(cli: Cli, data: Path, tmp_path: Path) -> None:
    parallel = ("--task", "parallel", "--data", data)
    message = refused(cli, "train", "gnmt", "--cell", "nas-cel", *parallel)
    assert "did you mean 'nas-cell'?" in message
    assert "did you mean 'nas-cell'?" in refused(cli, "train", "gnmt", "--like", "nas-cel", *parallel)
    assert "--like resnet-20: it is no cell; expected lstm" in refused(
        cli, "train", "gnmt", "--like", "resnet-20", *parallel
    )
    message = refused(cli, "train", "nas-cell", "--cell", "lstm", "--task", "ptb")
    assert "--cell lstm is for gnmt, and nas-cell has a cell of its own; leave --cell out" in message
    message = refused(cli, "train", "gnmt", "--task", "ptb")
    assert "gnmt translates, and the task ptb has no parallel text; --task multi30k, or --task parallel" in message
    assert "did you mean 'multi30k'?" in refused(cli, "train", "gnmt", "--task", "multi30")
    message = refused(cli, "train", "gnmt", "--cell", "resnet-20", *parallel)
    assert "gnmt with resnet-20 is a network for images, and the task parallel is not" in message
    run = make_run(tmp_path / "run", num_trials=8)
    for source in ((run,), ("gnmt", "--cell", run)):
        message = refused(cli, "train", *source, *parallel)
        assert "of run is a network for images, and the task parallel is not; choose another --task" in message
    message = refused(cli, "train", "nas-cell", "--task", "parallel")
    assert "a parallel text of your own needs --data FOLDER" in message


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--schedule", "cosine"), "a translator evaluate.decay_from=SHARE), and the task parallel is none of these"),
        (("--mc-samples", 3), "--mc-samples averages the predictions of a language model"),
        (("--size", "5M", "--hidden", 4), "--size 5M and --hidden 4 are two ways to say one thing"),
        (("--set", "evaluate.num_encoder_layers=1"), "evaluate.translation.num_encoder_layers"),
        (("--set", "evaluate.beam_size=2000"), "beam_size"),
        (
            ("--set", "evaluate.vocabulary_size=3000"),
            "evaluate.vocabulary_size is 3,000; expected for this text at most",
        ),
        (("--set", "evaluate.max_length=1"), "every training pair of toy"),
    ],
)
def test_settings_that_a_translator_has_not(
    cli: Callable[..., Result], data: Path, tmp_path: Path, options: tuple[object, ...], words: str
) -> None:
    small = ("--task", "parallel", "--data", data, *OPTIONS, "--out", tmp_path / "model")
    assert words in refused(cli, "train", "gnmt", *small, *options)
    assert list(tmp_path.iterdir()) == []
