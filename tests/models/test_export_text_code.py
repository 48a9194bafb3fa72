"""An exported language model: the same numbers without netwright, and a file that a person can read."""

import math
import random
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

import netwright as nw
from netwright.architectures.equations import as_text
from netwright.architectures.recurrent import Lstm, RecurrentCell
from netwright.children.ngram import KneserNey
from netwright.models.export_code import export_code
from netwright.models.folder import write_ngram
from oracles.language_models_to_try import MODELS, VOCABULARY, some_tokens, write_language_model
from oracles.recurrent_cells import random_cell

KINDS = pytest.mark.parametrize("kind", MODELS)
NUM_CELLS = 30
BLOCKED = "import sys\nsys.modules['netwright'] = None\nsys.modules['safetensors'] = None\n"


def imported(path: Path) -> ModuleType:
    module = ModuleType(path.stem)
    module.__file__ = str(path)
    exec(compile(path.read_text(), path, "exec"), vars(module))
    return module


def run(path: Path, *arguments: str, text: str = "") -> subprocess.CompletedProcess[str]:
    """The exported file as a script, from another folder, without netwright and safetensors."""
    program = f"{BLOCKED}\nimport runpy\nsys.argv = sys.argv[1:]\nrunpy.run_path(sys.argv[0], run_name='__main__')"
    command = [sys.executable, "-c", program, str(path), *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd="/", input=text)


@KINDS
def test_logits_and_states_are_those_of_the_model(tmp_path: Path, kind: str) -> None:
    architecture, settings = MODELS[kind]
    write_language_model(tmp_path / "model", architecture, **settings)
    target, weights = export_code(tmp_path / "model", tmp_path / "exported.py")
    assert weights.read_bytes() == (tmp_path / "model" / "model.safetensors").read_bytes()
    exported, loaded = imported(target).load_network(), nw.load(tmp_path / "model")
    first, second = some_tokens(9, 3).split(5)
    # The cell is computed by other operations than in netwright; the layers of reference models are the same.
    atol = 1e-6 if isinstance(architecture, RecurrentCell) else 0.0
    with torch.no_grad():
        (logits, states), (expected, expected_states) = exported(first), loaded(first)
        torch.testing.assert_close(logits, expected, atol=atol, rtol=0)
        assert logits.std() > 0.1
        torch.testing.assert_close(states, expected_states, atol=atol, rtol=0)
        following, continued = exported(second, states)[0], loaded(second, expected_states)[0]
        torch.testing.assert_close(following, continued, atol=atol, rtol=0)
        assert not torch.allclose(following, exported(second)[0], atol=1e-3), "the states matter"


def test_any_cell_is_spelled_out(tmp_path: Path) -> None:
    generator, tokens = random.Random(0), some_tokens(4, 2)
    for number in range(NUM_CELLS):
        folder, cell = tmp_path / f"model{number}", random_cell(generator)
        write_language_model(folder, cell, num_layers=1, cell_bias=bool(number % 2))
        target, _ = export_code(folder, tmp_path / f"exported{number}.py")
        with torch.no_grad():
            logits, expected = imported(target).load_network()(tokens)[0], nw.load(folder)(tokens)[0]
        torch.testing.assert_close(logits, expected, msg=str(cell))


def test_a_reader_finds_the_equations_of_the_cell(tmp_path: Path) -> None:
    write_language_model(tmp_path / "model", nw.zoo.nas_cell())
    target, _ = export_code(tmp_path / "model", tmp_path / "network.py")
    found = target.read_text().replace("torch.", "")
    for equation in as_text(nw.zoo.nas_cell()).splitlines():
        name, words = (part.strip() for part in equation.split("=", 1))
        for index in range(8):
            words = words.replace(f"(W{index} x)", f"x{index}").replace(f"(U{index} h)", f"h{index}")
            words = words.replace(f"W{index} x", f"x{index}").replace(f"U{index} h", f"h{index}")
        written = f"{name} = {words}".replace("c'", "new_c").replace("h'", "new_h")
        assert f"            {written}\n" in found


@KINDS
def test_the_file_is_written_as_a_person_would(tmp_path: Path, kind: str) -> None:
    architecture, settings = MODELS[kind]
    write_language_model(tmp_path / "model", architecture, **settings)
    target, _ = export_code(tmp_path / "model", tmp_path / "network.py")
    assert "netwright." not in target.read_text()
    assert "import netwright" not in target.read_text()
    ruff = [Path(sys.executable).with_name("ruff"), "check", "--isolated", "--line-length=120", "--select=E,F,W,I,B"]
    ended = subprocess.run([*ruff, target], capture_output=True, text=True)
    assert ended.returncode == 0, ended.stdout


def test_the_script_prints_the_perplexity(tmp_path: Path) -> None:
    write_language_model(tmp_path / "model", nw.zoo.nas_cell())
    target, _ = export_code(tmp_path / "model", tmp_path / "network.py")
    model = nw.load(tmp_path / "model")

    def printed(*tokens: str) -> str:
        return f"perplexity {math.exp(model.nats(tokens).double().mean()):.3f} for each word but the first\n"

    ended = run(target, "the newt\nsat frighteningly")
    assert (ended.stdout, ended.stderr) == (printed("the", "newt", "<eos>", "sat", "<unk>"), "")
    line = ("the", "newt", "sat", "still", "still")
    assert run(target, "-", text=f"{' '.join(line)}\n" * 50).stdout == printed(*(*line, "<eos>") * 50)


def test_a_text_that_is_read_in_pieces_is_one_text(tmp_path: Path) -> None:
    write_language_model(tmp_path / "model", nw.zoo.nas_cell())
    module, model = imported(export_code(tmp_path / "model", tmp_path / "network.py")[0]), nw.load(tmp_path / "model")
    module.WINDOW = 3
    tokens = [VOCABULARY[int(number)] for number in some_tokens(11, 1)]
    expected = math.exp(model.nats(tokens).double().mean())
    assert module.perplexity_of(module.load_network(), " ".join(tokens)) == pytest.approx(expected, rel=1e-6)


def test_the_script_continues_a_text(tmp_path: Path) -> None:
    write_language_model(tmp_path / "model", Lstm())
    target, _ = export_code(tmp_path / "model", tmp_path / "network.py")
    continued = run(target, "the newt", "--sample", "12", "--seed", "3").stdout
    assert continued == run(target, "the newt", "--sample", "12", "--seed", "3").stdout
    assert continued != run(target, "the newt", "--sample", "12").stdout
    assert continued.startswith("the newt")
    module = imported(target)
    network = module.load_network()
    assert len(module.split(continued.removesuffix("\n"))) == 2 + 12
    counts = [module.sample(network, "the newt", 1, seed)[0] for seed in range(600)]
    with torch.no_grad():
        probabilities = network(module.encode("the newt")[:, None])[0][-1, 0].softmax(0)
    for token, probability in zip(VOCABULARY, probabilities.tolist(), strict=True):
        deviation = math.sqrt(probability * (1 - probability) / len(counts))
        assert abs(counts.count(token) / len(counts) - probability) < 4.5 * deviation
    assert len(module.sample(network, "", 3)) == 3, "an empty text begins with a new line"


def test_a_model_of_characters(tmp_path: Path) -> None:
    letters = ("\n", *"newt ")
    write_language_model(tmp_path / "model", Lstm(), vocabulary=letters, described={"unit": "character"})
    target, _ = export_code(tmp_path / "model", tmp_path / "network.py")
    nats = nw.load(tmp_path / "model").nats("ten newt\n").double()
    perplexity = f"perplexity {math.exp(nats.mean()):.3f} for each character but the first\n"
    assert run(target, "ten newt\n").stdout == perplexity
    continued = run(target, "ten newt", "--sample", "7").stdout
    assert continued.startswith("ten newt")
    assert len(continued) == len("ten newt") + 7 + 1
    unknown = run(target, "x")
    assert unknown.returncode == 1
    assert unknown.stderr == "'x' is not in the vocabulary, which has no <unk>; leave it out\n"


def test_the_script_says_what_is_wrong(tmp_path: Path) -> None:
    write_language_model(tmp_path / "model", Lstm(), described={"origin": "lstm-small", "data": "ptb"})
    target, weights = export_code(tmp_path / "model", tmp_path / "network.py")
    usage = run(target)
    assert usage.returncode == 2
    assert "lstm-small, test perplexity None on ptb" in usage.stdout
    assert "a text of 1 tokens has nothing to predict; it needs 2 or more" in run(target, "newt").stderr
    weights.write_bytes(weights.read_bytes()[:-1])
    damaged = run(target, "the newt")
    assert damaged.returncode == 1
    assert "network.safetensors is damaged or belongs to another network" in damaged.stderr


def test_what_a_model_says_is_never_executed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    evil = '"""\n)\nimport pathlib; pathlib.Path("exploded").touch()\n"""\n\\N{ $about'
    vocabulary = (evil, "'", '"', "\ud800", "a, 'b'")
    described = {"data": evil, "origin": evil, "unit": evil}
    write_language_model(tmp_path / "model", Lstm(), vocabulary=vocabulary, described=described)
    target, _ = export_code(tmp_path / "model", tmp_path / "network.py")
    module = imported(target)
    assert list(module.VOCABULARY) == list(vocabulary)
    assert evil in module.ABOUT
    assert not Path("exploded").exists()


def test_the_command(tmp_path: Path, cli) -> None:
    write_language_model(tmp_path / "some-model", nw.zoo.nas_cell())
    result = cli("export", tmp_path / "some-model", "--to", "code")
    assert result.exit_code == 0, result.stderr
    assert f"{tmp_path / 'some_model.py'} with its weights in {tmp_path / 'some_model.safetensors'}" in result.stdout
    assert "It prints the perplexity of a text, and with --sample N a continuation" in result.stdout
    assert result.stderr.endswith("some_model.py TEXT\n")


@pytest.mark.parametrize("form", ["code", "onnx"])
def test_n_grams_are_refused_with_the_alternative(tmp_path: Path, cli, form: str) -> None:
    model = KneserNey.counted(np.array([0, 2, 3, 4, 0, 2] * 9), order=2, vocabulary_size=len(VOCABULARY))
    described = {"kind": "ngram", "vocabulary": VOCABULARY, "cache_size": 0, "cache_weight": 0.0}
    write_ngram(tmp_path / "model", model, described)
    result = cli("export", tmp_path / "model", "--to", form)
    assert result.exit_code == 2
    assert "is an n-gram model, and only neural networks are exported; in Python nw.load(" in result.stderr
    assert [each.name for each in tmp_path.iterdir()] == ["model"]
