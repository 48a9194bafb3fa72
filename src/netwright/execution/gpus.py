"""Which GPU of this machine a worker process sees."""

VISIBLE = "CUDA_VISIBLE_DEVICES"
"""The environment variable with the GPUs that a process sees; CUDA reads it once, when the process first needs it."""


def device_of(worker: int, num_gpus: int, visible: str | None) -> str:
    """Return the value of `VISIBLE` for a worker: workers take the GPUs in turn.

    Args:
        worker: The number of the worker, from 0.
        num_gpus: The number of GPUs that this process can use, at least 1.
        visible: The value of `VISIBLE` here: indices or UUIDs with commas between them; None or empty is all GPUs.
            Like CUDA, which ignores all after an entry that is no GPU, this reads the first `num_gpus`.
    """
    entries = visible.split(",") if visible else [str(number) for number in range(num_gpus)]
    return entries[worker % num_gpus].strip()
