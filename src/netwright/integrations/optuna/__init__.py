"""Optuna: the controller as a sampler for its studies, and runs copied into its storages."""

from netwright.integrations.optuna.sampler import ControllerSampler as ControllerSampler
