"""`netwright models` lists everything that is trained by its name."""

import json
from collections.abc import Callable

from click.testing import Result

from netwright.architectures.published import PUBLISHED
from netwright.recipes.ngram_models import NGRAM_MODELS
from netwright.recipes.reference_models import REFERENCE_MODELS
from netwright.recipes.reference_networks import REFERENCE_NETWORKS
from netwright.recipes.translation import GNMT

Cli = Callable[..., Result]


def test_every_name_is_listed_once_with_size_result_and_source(cli: Cli) -> None:
    result = cli("models", "--json")
    assert result.exit_code == 0
    entries = json.loads(result.stdout)
    names = [entry["name"] for entry in entries]
    assert sorted(names) == sorted([*PUBLISHED, *NGRAM_MODELS, *REFERENCE_MODELS, *REFERENCE_NETWORKS, GNMT])
    by_name = {entry["name"]: entry for entry in entries}
    assert by_name["resnet-110"]["num_parameters"] == 1_727_962
    assert by_name["nas-cnn-15"] | {"multiply_adds": 0} == {
        "name": "nas-cnn-15", "kind": "images", "task": "cifar10", "num_parameters": 4_201_630, "multiply_adds": 0,
        "published": "5.50% error", "source": "Zoph & Le 2017, arXiv 1611.01578",
    }  # fmt: skip
    assert "1.228 (6.57M), 1.214 (16.28M) bits" in by_name["nas-cell"]["published"]
    assert by_name["lstm-char"]["published"] == "1.243 bits per character"
    assert (by_name["gnmt"]["kind"], by_name["gnmt"]["task"]) == ("translation", "multi30k")
    assert by_name["lstm-medium"]["num_parameters"] == 19_775_200
    assert all(entry["source"] for entry in entries)


def test_the_table_has_the_same(cli: Cli) -> None:
    lines = cli("models").stdout.splitlines()
    names = [*PUBLISHED, *NGRAM_MODELS, *REFERENCE_MODELS, *REFERENCE_NETWORKS, GNMT]
    assert len(lines) == 1 + len(names)
    (resnet,) = (line for line in lines if " resnet-110 " in line)
    assert "1,727,962" in resnet
    assert "6.61% error" in resnet
    assert "1512.03385" in resnet
