"""Several nodes of Ray as processes of this machine, on the loopback interface, kept by a process of their own.

That process is told what to do by lines of JSON, so that nothing of Ray's own upkeep happens in the tests' process:
{"add": {"num_cpus": 2}} -> {"pid": 123}, the process to kill; {"remove": 123} -> {}.
"""

import json
import os
import signal
import subprocess
import sys
from typing import Any

LOOPBACK = "127.0.0.2"
QUICK_TO_NOTICE = {
    "health_check_initial_delay_ms": 0,
    "health_check_period_ms": 300,
    "health_check_failure_threshold": 3,
}


class Nodes:
    """A cluster with a head node of two processors."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )
        self.address: str = self._read()["address"]

    def _read(self) -> Any:
        assert self._process.stdout is not None
        return json.loads(self._process.stdout.readline())

    def _ask(self, **what: Any) -> Any:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(what) + "\n")
        self._process.stdin.flush()
        return self._read()

    def add(self, **resources: float) -> int:
        """Start a node; the id of its process."""
        pid: int = self._ask(add=resources)["pid"]
        return pid

    def remove(self, pid: int) -> None:
        """Stop a node, also one that was killed."""
        self._ask(remove=pid)

    def close(self) -> None:
        """Stop everything."""
        self._process.communicate(timeout=60)


def main() -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # Ray prints
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    from ray.cluster_utils import Cluster

    head = {"num_cpus": 2, "num_gpus": 0, "node_ip_address": LOOPBACK, "_system_config": QUICK_TO_NOTICE}
    cluster = Cluster(initialize_head=True, head_node_args=head)
    nodes = {}

    def answer(**what: Any) -> None:
        print(json.dumps(what), file=answers, flush=True)

    answer(address=cluster.address)
    for line in sys.stdin:
        match json.loads(line):
            case {"add": resources}:
                node = cluster.add_node(node_ip_address=LOOPBACK, **{"num_gpus": 0, **resources})
                (process,) = node.all_processes["raylet"]
                nodes[process.process.pid] = node
                answer(pid=process.process.pid)
            case {"remove": pid}:
                cluster.remove_node(nodes.pop(pid), allow_graceful=False)
                answer()
    cluster.shutdown()


if __name__ == "__main__":
    main()
