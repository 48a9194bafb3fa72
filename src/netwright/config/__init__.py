"""Every setting of a run: its default, its unit, where it comes from.

A recipe is a function that returns a `RunConfig`. It is frozen, refuses unknown names, goes to JSON and back, and is
stored with the run. Components never see it: they take plain keyword arguments.
"""

from netwright.config.children import EvaluateSettings as EvaluateSettings
from netwright.config.children import FunctionSettings as FunctionSettings
from netwright.config.children import ImageSettings as ImageSettings
from netwright.config.children import TableSettings as TableSettings
from netwright.config.children import TextSettings as TextSettings
from netwright.config.children import TranslationSettings as TranslationSettings
from netwright.config.final_training import FinalSettings as FinalSettings
from netwright.config.final_training import FinalTextSettings as FinalTextSettings
from netwright.config.final_training import FinalTranslationSettings as FinalTranslationSettings
from netwright.config.ngram import NgramSettings as NgramSettings
from netwright.config.run import ConfirmSettings as ConfirmSettings
from netwright.config.run import ConstraintSettings as ConstraintSettings
from netwright.config.run import ReplicaSettings as ReplicaSettings
from netwright.config.run import RunConfig as RunConfig
from netwright.config.run import assigned as assigned
from netwright.config.run import differences as differences
from netwright.config.run import flattened as flattened
from netwright.config.run import max_redraws as max_redraws
from netwright.config.run import with_former_defaults as with_former_defaults
from netwright.config.run import with_later_settings as with_later_settings
from netwright.config.strategies import *  # noqa: F403, the settings of all strategies
