"""Children on many machines, by Ray; nothing else in netwright knows Ray."""

from netwright.execution.on_ray.executor import RayExecutor as RayExecutor
