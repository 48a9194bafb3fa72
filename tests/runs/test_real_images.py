"""The built-in recipes on real photographs, as little of each as shows that they run."""

import json

import pytest

LITTLE = ("evaluate.num_train=96", "evaluate.num_validation=64", "evaluate.epochs=1", "batch_size=2")


@pytest.mark.parametrize(
    ("recipe", "settings"),
    [
        ("cifar10-quick", ()),
        ("cifar10", ("space.num_filters=[4,8]",)),
        ("cifar10-slides", ("space.num_filters=[4,8]",)),
        ("cifar10-strides", ("space.num_filters=[4,8]",)),
        ("cifar10-pooling", ("space.num_filters=[4,6]", "space.num_layers=3", "space.pool_after=[4,7]")),
    ],
)
def test_a_recipe_runs_on_cifar10(real_data, tmp_path, cli, recipe, settings):
    changes = [part for each in (*LITTLE, *settings) for part in ("--set", each)]
    data = ("--data", real_data, "--no-verify-data")
    ended = cli("search", recipe, "--trials", 2, *data, *changes, "--out", tmp_path / "run")
    assert ended.exit_code == 0, ended.stderr
    assert "2 of 2 trials measured" in ended.stdout
    document = json.loads(cli("show", tmp_path / "run", "--json").stdout)
    assert document["data"].startswith("CIFAR-10")
    for trial in document["trials"]:
        accuracy = trial["metrics"]["validation_accuracy"]
        exponent = document["config"]["evaluate"]["exponent"]
        assert trial["reward"] == pytest.approx(accuracy**exponent)
        assert accuracy * 64 == pytest.approx(round(accuracy * 64))
        depth = len(trial["architecture"]["layers"])
        assert depth == {"cifar10-quick": 5, "cifar10-pooling": 9}.get(recipe, 6)


def test_the_slides_recipe_differs_as_the_slides_do():
    from netwright.recipes.networks import cifar10, cifar10_slides

    paper, slides = cifar10(), cifar10_slides()
    assert (paper.evaluate.exponent, slides.evaluate.exponent) == (3, 2)
    assert (paper.strategy.num_layers, paper.strategy.hidden_size) == (2, 35)
    assert (slides.strategy.num_layers, slides.strategy.hidden_size) == (1, 128)
    assert (paper.num_trials, paper.batch_size, paper.evaluate.epochs) == (12_800, 8, 50)
    assert [paper.space.at(n).parameters["num_layers"] for n in (0, 1599, 1600, 12_799)] == [6, 6, 8, 20]
