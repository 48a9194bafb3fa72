"""Files for people: each appears whole or not at all, also where a reader looks at that moment."""

import tempfile
from contextlib import suppress
from pathlib import Path

from netwright.errors import ConfigError


def write_whole(path: Path, content: bytes) -> None:
    """Write `content` to another name in the same folder and rename it; `ConfigError` where that is impossible."""
    unfinished = None
    try:
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
            unfinished = Path(file.name)
            file.write(content)
        unfinished.chmod(0o644)  # a temporary file is its owner's alone
        unfinished.replace(path)
    except OSError as error:
        raise ConfigError(f"cannot write {path}: {error.strerror}; choose another -o") from None
    finally:
        if unfinished is not None:
            with suppress(OSError):
                unfinished.unlink(missing_ok=True)
