"""The exported file: the same numbers to the last bit, without netwright, and safe whatever a model's texts say."""

import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch

import netwright as nw
from netwright.architectures.convolutional import ConvLayer, ConvNet
from netwright.errors import ConfigError
from netwright.models.export_code import export_code
from netwright.models.folder import DESCRIPTION, write_model
from netwright.tasks.images import user_images
from oracles.models_to_try import VARIANTS, random_module, random_network
from oracles.small_machine import files_up_to, peak_memory

NUM_NETWORKS = 8


def write(folder: Path, network: ConvNet, *, channels: int = 3, upsample: int | None = 15, **more: object) -> None:
    module = random_module(network, num_classes=4, channels=channels, epsilon=0.01, seed=1)
    description = {
        "input_shape": [channels, 13, 11],
        "upsample": upsample,
        "epsilon": 0.01,
        "class_names": ["ant", "bee", "cat", "dog"],
        "data": "animals",
        **more,
    }
    write_model(folder, module, network, description)


def imported(path: Path) -> ModuleType:
    module = ModuleType(path.stem)
    module.__file__ = str(path)
    exec(compile(path.read_text(), path, "exec"), vars(module))
    return module


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_numbers_are_the_same_to_the_last_bit(tmp_path: Path, variant: str) -> None:
    images = torch.randint(0, 256, (3, 3, 13, 11), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    networks = {random_network(variant, seed) for seed in range(NUM_NETWORKS)}
    for number, network in enumerate(networks):
        folder, upsample = tmp_path / f"model{number}", 15 if number % 2 else None
        write(folder, network, upsample=upsample)
        target, _ = export_code(folder, tmp_path / f"exported{number}.py")
        with torch.no_grad():
            logits = imported(target).load_network()(images)
            assert torch.equal(logits, nw.load(folder)(images)), network
        assert len(set(logits.argmax(1).tolist())) > 1 or logits.std() > 0


def test_the_published_network_too(tmp_path: Path) -> None:
    images = torch.randint(0, 256, (2, 3, 13, 11), dtype=torch.uint8)
    write(tmp_path / "model", nw.zoo.nas_cnn_15())
    target, _ = export_code(tmp_path / "model", tmp_path / "published.py")
    with torch.no_grad():
        assert torch.equal(imported(target).load_network()(images), nw.load(tmp_path / "model")(images))


def test_the_file_is_written_as_a_person_would(tmp_path: Path) -> None:
    write(tmp_path / "model", random_network("everything", 2))
    target, _ = export_code(tmp_path / "model", tmp_path / "network.py")
    assert "netwright." not in target.read_text()
    assert "import netwright" not in target.read_text()
    ruff = [Path(sys.executable).with_name("ruff"), "check", "--isolated", "--line-length=120", "--select=E,F,W,I,B"]
    ended = subprocess.run([*ruff, target], capture_output=True, text=True)
    assert ended.returncode == 0, ended.stdout


SMALL = ConvNet((ConvLayer(filter_height=3, filter_width=1, num_filters=4),))
BLOCKED = "import sys\nsys.modules['netwright'] = None\nsys.modules['safetensors'] = None\n"


def run(folder: Path, *arguments: object, before: str = "") -> subprocess.CompletedProcess[str]:
    """The exported network.py as a script, from another folder, without netwright and safetensors."""
    program = (
        f"{BLOCKED}{before}\nimport runpy\nsys.argv = sys.argv[1:]\nrunpy.run_path(sys.argv[0], run_name='__main__')"
    )
    command = [sys.executable, "-c", program, folder / "network.py", *arguments]
    return subprocess.run(list(map(str, command)), capture_output=True, text=True, cwd="/")


@pytest.mark.parametrize(("channels", "mode"), [(1, "L"), (3, "RGB")])
def test_the_script_classifies_image_files(tmp_path: Path, channels: int, mode: str) -> None:
    pillow = pytest.importorskip("PIL.Image", reason="reading image files needs pillow: pip install pillow")
    write(tmp_path / "model", SMALL, channels=channels)
    export_code(tmp_path / "model", tmp_path / "network.py")
    network, expected = nw.load(tmp_path / "model"), []
    for number in range(4):
        pixels = torch.randint(0, 256, (13, 11, channels), dtype=torch.uint8)
        path = tmp_path / f"{number}.png"
        pillow.frombytes(mode, (11, 13), bytes(pixels.flatten().tolist())).save(path)
        logits = network(pixels.permute(2, 0, 1)[None])[0].detach()
        expected.append(f"{path}: {network.class_names[int(logits.argmax())]} ({float(logits.softmax(0).max()):.3f})")
    pillow.new("RGBA", (40, 30)).save(tmp_path / "large.png")
    (tmp_path / "text.png").write_text("no image")
    paths = [tmp_path / f"{number}.png" for number in range(4)]
    ended = run(tmp_path, *paths)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.splitlines() == expected
    other = run(tmp_path, tmp_path / "text.png", tmp_path / "missing.png", tmp_path / "large.png")
    assert other.returncode == 1
    assert len(other.stdout.splitlines()) == 1, "one of three can be read, and is"
    assert "text.png: cannot identify image file" in other.stderr
    assert "missing.png" in other.stderr


def write_image_files(folder: Path, channels: int) -> None:
    """Write grey or coloured files whose pixels depend on orientation, transparency, palette or JPEG reduction."""
    import numpy as np
    from PIL import Image

    rng, turned = np.random.default_rng(0), Image.Exif()
    turned[0x0112] = 6  # the camera was held turned by 90 degrees
    pixels = rng.integers(0, 256, (20, 24, 4), np.uint8)
    pixels[:10, :, 3] = 0
    if channels == 1:
        Image.fromarray(pixels[..., 2:]).save(folder / "alpha.png")
        Image.fromarray(pixels[..., 0]).save(folder / "orientation.png", exif=turned)
        return
    Image.fromarray(pixels).save(folder / "alpha.png")
    large = pixels[..., :3].repeat(20, 0).repeat(20, 1)
    Image.fromarray(large).save(folder / "large.jpg", exif=turned)
    Image.fromarray(pixels[..., :3]).save(folder / "orientation.png", exif=turned)
    palette = Image.fromarray(pixels[..., 0]).convert("P")
    palette.putpalette(rng.integers(0, 256, 768, np.uint8).tolist())
    palette.save(folder / "palette.png", transparency=3)


@pytest.mark.parametrize("channels", [1, 3])
def test_image_files_have_the_pixels_that_training_had(tmp_path: Path, channels: int) -> None:
    image = pytest.importorskip("PIL.Image", reason="reading image files needs pillow: pip install pillow")
    test = tmp_path / "data" / "test" / "a"
    for folder in (test, tmp_path / "data" / "train" / "a", tmp_path / "data" / "train" / "b"):
        folder.mkdir(parents=True)
        for number in range(6 if folder != test else 0):  # most of all files, so that their size is that of training
            pixels = torch.randint(0, 256, (13, 11, channels), dtype=torch.uint8).squeeze(2)
            image.fromarray(pixels.numpy()).save(folder / f"{number}.png")
    write_image_files(test, channels)
    trained_on = user_images.load_images(tmp_path / "data").test_images
    assert trained_on.shape[1:] == (channels, 13, 11)
    write(tmp_path / "model", SMALL, channels=channels)
    target, _ = export_code(tmp_path / "model", tmp_path / "network.py")
    exported, loaded = imported(target), nw.load(tmp_path / "model")
    for path, pixels in zip(sorted(test.iterdir()), trained_on, strict=True):
        assert torch.equal(exported.read_image(str(path)), pixels), path.name
        assert torch.equal(loaded.read_image(path), pixels), path.name


def test_the_script_says_what_it_lacks(tmp_path: Path) -> None:
    write(tmp_path / "model", SMALL)
    _, weights = export_code(tmp_path / "model", tmp_path / "network.py")
    ended = run(tmp_path, "a.png", before="sys.modules['PIL'] = None")
    assert ended.returncode == 2
    assert ended.stderr == "reading image files needs pillow: pip install pillow\n"
    assert "usage: python network.py IMAGE" in run(tmp_path).stdout
    weights.write_bytes(weights.read_bytes()[:-1])
    assert "network.safetensors is damaged or belongs to another network" in run(tmp_path, "a.png").stderr


def test_what_a_model_says_is_never_executed(tmp_path: Path) -> None:
    evil = '"""\nimport pathlib; pathlib.Path("exploded").touch()\n"""\n\\N{ $about'
    write(tmp_path / "model", SMALL, data=evil, origin=evil, class_names=[evil, "'", '"', "\ud800"])
    described = json.loads((tmp_path / "model" / DESCRIPTION).read_text())
    target, _ = export_code(tmp_path / "model", tmp_path / "network.py")
    module = imported(target)
    assert list(module.CLASS_NAMES) == described["class_names"]
    assert evil in module.ABOUT
    assert not Path("exploded").exists()


def test_on_a_full_disk_nothing_is_left(tmp_path: Path) -> None:
    write(tmp_path / "model", SMALL)
    target, weights = tmp_path / "network.py", (tmp_path / "model" / "model.safetensors").stat().st_size
    # First no room for the weights, then for them and not for the code, which is longer.
    for room in (weights // 2, weights):
        with files_up_to(room), pytest.raises(ConfigError, match=r"cannot write .*: File too large; choose another"):
            export_code(tmp_path / "model", target)
        assert [each.name for each in tmp_path.iterdir()] == ["model"]
    export_code(tmp_path / "model", target)
    assert target.stat().st_size > weights, "the second limit was one for the code"


@pytest.mark.parametrize("place", ["file/x.py", "file/deep/x.py", f"{'x' * 300}.py"])
def test_a_place_that_cannot_be_written_is_named(tmp_path: Path, cli, place: str) -> None:
    write(tmp_path / "model", SMALL)
    (tmp_path / "file").write_text("kept")
    result = cli("export", tmp_path / "model", "--to", "code", "-o", tmp_path / place)
    assert result.exit_code == 2
    assert f"cannot write {(tmp_path / place).with_suffix('')}" in result.stderr
    assert "choose another -o" in result.stderr
    assert sorted(each.name for each in tmp_path.iterdir()) == ["file", "model"]
    assert (tmp_path / "file").read_text() == "kept"


def test_the_folder_that_one_is_in_has_a_name_too(tmp_path: Path, cli, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "some-model", SMALL)
    monkeypatch.chdir(tmp_path / "some-model")
    result = cli("export", ".", "--to", "code")
    assert result.exit_code == 0, result.stderr
    assert sorted(each.name for each in tmp_path.iterdir()) == ["some-model", "some_model.py", "some_model.safetensors"]
    for form in ("code", "onnx"):
        assert cli("export", "/", "--to", form).exit_code == 2


def test_a_model_of_huge_images_is_spelled_out_without_making_one(tmp_path: Path) -> None:
    write(tmp_path / "model", SMALL, input_shape=[3, 20_000, 20_000], upsample=20_000)
    before = peak_memory()
    target, _ = export_code(tmp_path / "model", tmp_path / "network.py")
    assert "size=(20000, 20000)" in target.read_text()
    assert peak_memory() - before < 500_000_000


@pytest.mark.parametrize("name", ["torch", "json", "safetensors", "numpy", "PIL", "__init__"])
def test_a_name_that_hides_another_module_is_refused(tmp_path: Path, cli, name: str) -> None:
    write(tmp_path / "model", SMALL)
    result = cli("export", tmp_path / "model", "--to", "code", "-o", tmp_path / f"{name}.py")
    assert result.exit_code == 2
    proposed = tmp_path / f"{name.strip('_')}_network.py"
    assert f"{name} is the name of another Python module; choose another name, such as -o {proposed}" in result.stderr
    assert [each.name for each in tmp_path.iterdir()] == ["model"]
    assert cli("export", tmp_path / "model", "--to", "code", "-o", proposed).exit_code == 0


def test_a_keyword_is_no_name_of_a_file_to_import(tmp_path: Path, cli) -> None:
    write(tmp_path / "class", SMALL)
    result = cli("export", tmp_path / "class", "--to", "code")
    assert result.exit_code == 2
    assert f"class is a keyword of Python; choose another name, such as -o {tmp_path}/class_network.py" in result.stderr


def test_the_command(tmp_path: Path, cli) -> None:
    write(tmp_path / "some-model", SMALL)
    result = cli("export", tmp_path / "some-model", "--to", "code")
    assert result.exit_code == 0
    assert f"{tmp_path / 'some_model.py'} with its weights in {tmp_path / 'some_model.safetensors'}" in result.stdout
    again = cli("export", tmp_path / "some-model", "--to", "code")
    assert again.exit_code == 2
    assert "is there already; choose another -o" in again.stderr
    wrong = cli("export", tmp_path / "some-model", "--to", "code", "-o", tmp_path / "2-nets.py")
    assert wrong.exit_code == 2
    assert "a Python file has a name like network.py" in wrong.stderr
    missing = cli("export", tmp_path / "nothing", "--to", "code")
    assert missing.exit_code == 2
    assert "expected a folder with model.json" in missing.stderr
