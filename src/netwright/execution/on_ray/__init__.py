"""Children on many machines with Ray; only this package imports Ray."""

from netwright.execution.on_ray.executor import RayExecutor as RayExecutor
