"""`netwright doctor`: what there is to search with."""

import os
import platform
import sys
import tempfile
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from rich.markup import escape

from netwright.cli import options
from netwright.cli.app import command_in
from netwright.cli.help import MAINTAIN
from netwright.cli.hints import print_next
from netwright.errors import NetwrightError, command
from netwright.execution.on_ray.cluster import probed_nodes, versions_here
from netwright.terminal import Terminal

PACKAGES = ("netwright", "torch", "numpy", "pydantic", "typer", "rich", "pebble", "loky", "cloudpickle", "safetensors")


@command_in(MAINTAIN)
def doctor(data: options.DataOption = None, address: options.AddressOption = None) -> None:
    """Print what a bug report needs: versions, devices, threads, bfloat16, data found, write access.

    With --address it prints the nodes of a Ray cluster and the versions that differ there.

    Examples:
        netwright doctor
        netwright doctor --address auto
    """
    console = Terminal(soft_wrap=True)
    for subject, finding in findings(data) if address is None else cluster_findings(address):
        console.print(f"[bold]{subject:14}[/] {escape(finding)}", highlight=False)
    print_next(command("search", "digits"))


def findings(data: Path | None) -> Iterator[tuple[str, str]]:
    """Yield (subject, finding) pairs about this machine and the data in the folder `data`, cheap ones first."""
    import torch

    from netwright.execution.local import usable_cores
    from netwright.searching.provenance import hardware
    from netwright.tasks.images.cifar10 import find_cifar10
    from netwright.tasks.text.penn_treebank import find_penn_treebank
    from netwright.training.speed import has_fast_bfloat16

    yield "python", f"{platform.python_version()} on {platform.platform()} ({sys.executable})"
    yield "packages", ", ".join(f"{name} {_version(name)}" for name in PACKAGES)
    yield "hardware", hardware()
    yield (
        "threads",
        f"{usable_cores()} cores usable by this process, torch uses {torch.get_num_threads()} threads by default",
    )
    if torch.cuda.is_available():
        for index in range(torch.cuda.device_count()):
            free, total = torch.cuda.mem_get_info(index)
            yield f"GPU {index}", f"{torch.cuda.get_device_name(index)}, {free >> 20:,} of {total >> 20:,} MiB free"
    else:
        yield "GPU", "none: children are trained on the processor"
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    yield (
        "bfloat16",
        "in hardware, used by default" if has_fast_bfloat16(device) else "not in hardware: float32 is used",
    )
    yield "digits", "found (scikit-learn's, embedded)"
    yield "help texts", "found (Python's, embedded)"
    yield "CIFAR-10", _official(find_cifar10, data, 170)
    yield "Penn Treebank", _official(find_penn_treebank, data, 6)
    yield (
        "write access",
        f"{Path.cwd()}: {_writable(Path.cwd())}; {tempfile.gettempdir()}: {_writable(tempfile.gettempdir())}",
    )


def cluster_findings(address: str) -> Iterator[tuple[str, str]]:
    """Yield (subject, finding) pairs about the Ray cluster at `address`; `ConfigError` if it cannot be reached."""
    nodes, here = probed_nodes(address), versions_here()
    cpus, gpus = sum(node.cpus for node in nodes), sum(node.gpus for node in nodes)
    yield "cluster", f"reachable, nodes: {len(nodes)}, processors: {cpus:g}, GPUs: {gpus:g}"
    yield "here", ", ".join(f"{name} {version}" for name, version in here.items())
    for node in nodes:
        differing = [f"{name} {there}" for name, there in node.versions.items() if there != here[name]]
        versions = f"DIFFERENT: {', '.join(differing)}" if differing else "the same versions as here"
        yield (
            f"node {node.name}",
            f"processors: {node.cpus:g}, GPUs: {node.gpus:g}, {versions if node.versions else 'DOES NOT ANSWER'}",
        )


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "missing"


def _official(find: Callable[..., Path], folder: Path | None, megabytes: int) -> str:
    if folder is None and not os.environ.get("NETWRIGHT_DATA"):
        return f"will be downloaded at first use ({megabytes} MB); or pass --data FOLDER or set NETWRIGHT_DATA"
    try:
        return f"found, official files, in {find(folder, verify=True)}"
    except NetwrightError as problem:
        return str(problem)


def _writable(folder: Path | str) -> str:
    try:
        with tempfile.TemporaryFile(dir=folder):
            return "yes"
    except OSError as error:
        return f"NO ({error.strerror})"
