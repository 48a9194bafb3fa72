"""The commit of this checkout, for the results of benchmarks."""

import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[1]


def commit(revision: str = "HEAD") -> str:
    """Return the short name of a commit; a ValueError if there is none of this name."""
    words = ["git", "rev-parse", "--short=7", "--verify", "--quiet", f"{revision}^{{commit}}"]
    found = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    if found.returncode:
        raise ValueError(f"{revision} is no commit of {ROOT}")
    return found.stdout.strip()
