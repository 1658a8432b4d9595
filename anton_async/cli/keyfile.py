"""Private keys on disk: written once, readable by their owner alone, never overwritten."""

from __future__ import annotations

import os
from pathlib import Path

from anton_async.errors import ConfigurationError


def write_key(pem: str, path: Path) -> None:
    """Write a private key to a new file of mode 0600.

    Raises:
        ConfigurationError: there is something at `path` already, or it cannot be written.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        problem = f"{path} exists already and a key is never overwritten: name another file."
    except OSError as error:
        problem = f"{path} cannot be written: {error.strerror or type(error).__name__}."
    else:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(pem)
        return
    raise ConfigurationError(problem)
