"""Execution on many machines with Ray; the only package of netwright that uses Ray."""

from netwright.execution.on_ray.executor import RayExecutor as RayExecutor
