"""Every kind of child has a decided entry wherever kinds differ."""

from typing import get_args

import pytest

from netwright.architectures.families import FAMILIES
from netwright.config import (
    ConstraintSettings,
    EvaluateSettings,
    FunctionSettings,
    ImageSettings,
    TableSettings,
    TextSettings,
    TranslationSettings,
)
from netwright.config.final_training import FinalTrainingSettings
from netwright.errors import ConfigError
from netwright.evaluation.factory import EVALUATIONS, evaluation_of
from netwright.final_training.factory import FINAL_TRAININGS

KINDS = (ImageSettings(), TextSettings(), TranslationSettings(), TableSettings(), FunctionSettings(function=len))


def test_every_kind_of_the_config_has_a_description() -> None:
    assert {type(settings) for settings in KINDS} == set(get_args(EvaluateSettings))
    assert {settings.kind for settings in KINDS} == set(EVALUATIONS)
    assert all(type(evaluation_of(settings)) is EVALUATIONS[settings.kind] for settings in KINDS)


@pytest.mark.parametrize("settings", KINDS, ids=lambda settings: settings.kind)
def test_a_kind_has_a_final_training_with_settings_or_says_why_not(settings: EvaluateSettings) -> None:
    evaluation = evaluation_of(settings)
    if settings.kind in FINAL_TRAININGS:
        assert issubclass(evaluation.final_settings, FinalTrainingSettings)
        assert set(evaluation.final_settings.grid) <= evaluation.final_settings.model_fields.keys()
    else:
        with pytest.raises(ConfigError, match="train"):
            _ = evaluation.final_settings


def test_a_family_is_trained_by_a_kind_with_a_final_training() -> None:
    trained_on = {family.trained_on for family in FAMILIES.values()}
    assert trained_on - {None} == {settings.trains for settings in KINDS if settings.kind in FINAL_TRAININGS}


@pytest.mark.parametrize("settings", KINDS, ids=lambda settings: settings.kind)
def test_costs_without_a_limit_are_costs(settings: EvaluateSettings) -> None:
    every = ConstraintSettings(max_parameters=1, target_multiply_adds=1)
    assert settings.cannot_limit.keys() <= every.limited
    assert (settings.kind in ("images", "translation")) == (not settings.cannot_limit)


def test_images_are_enlarged_or_padded_but_not_both() -> None:
    with pytest.raises(ConfigError, match="give either upsample or padding, and null for the other"):
        ImageSettings.from_json({"padding": 4})
    assert ImageSettings.from_json({"padding": 4, "upsample": None}).padding == 4
