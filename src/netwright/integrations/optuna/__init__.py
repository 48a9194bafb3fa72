"""Optuna: its samplers as a strategy, the controller as a sampler of its studies, runs in its storages."""

from netwright.integrations.optuna.sampler import ControllerSampler as ControllerSampler
