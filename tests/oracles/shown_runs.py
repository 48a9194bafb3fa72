"""A run as `netwright show --json` prints it, and the schema of that: what tests of the commands share."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

Cli = Callable[..., Any]
Start = Callable[..., Any]

DOCUMENT_KEYS = {"data_notes", "recipe", "seed", "state", "data", "config", "num_redrawn", "trials", "best"}
TRIAL_KEYS = {
    "number", "state", "reward", "actions", "parameters", "architecture", "metrics", "seconds", "policy_version",
    "reused_from", "error",
}  # fmt: skip
STATES = {"queued", "running", "done", "failed", "rejected"}


def done(cli: Cli, *arguments: object) -> Any:
    """The result of a command that must go well."""
    result = cli(*arguments)
    assert result.exit_code == 0, result.output
    return result


def document(cli: Cli, run: Path) -> dict[str, Any]:
    """What `show --json` prints: one line of strict JSON."""
    out = done(cli, "show", run, "--json").stdout
    assert out.count("\n") == 1

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    found: dict[str, Any] = json.loads(out, parse_constant=refuse)
    return found


def check(found: dict[str, Any]) -> None:
    """The schema that the issue and the README promise."""
    assert set(found) == DOCUMENT_KEYS
    assert found["state"] in {"finished", "running", "interrupted"}
    assert [trial["number"] for trial in found["trials"]] == list(range(len(found["trials"])))
    for trial in found["trials"]:
        assert set(trial) == TRIAL_KEYS
        assert trial["state"] in STATES
        assert all(isinstance(action, int | list) for action in trial["actions"])
        assert (trial["state"] == "failed") == (trial["error"] is not None)
        assert (trial["seconds"] is None) == (trial["state"] in {"queued", "running"})
        assert isinstance(trial["reward"], float) or trial["state"] != "done"
    if found["best"] is not None:
        assert set(found["best"]) == TRIAL_KEYS | {"confirmed"}
        same = {key: value for key, value in found["best"].items() if key != "confirmed"}
        assert same == found["trials"][found["best"]["number"]]
