"""The `anton` command; needs the `cli` extra: `pip install "anton-async[cli]"`."""

from __future__ import annotations

import importlib.util
import logging
import os
import signal
import sys


def leave(number: int, frame: object) -> None:
    """End the process on Ctrl-C as a shell expects it; a run of payouts has a handler of its own.

    Without a traceback, whatever is being imported or awaited: nothing is lost, a journal is whole at any moment.
    """
    del frame
    os._exit(128 + number)


def main() -> None:
    """Run the `anton` command."""
    if importlib.util.find_spec("click") is None or importlib.util.find_spec("rich") is None:
        sys.stderr.write('The anton command needs two more packages: pip install "anton-async[cli]"\n')
        sys.exit(2)
    signal.signal(signal.SIGINT, leave)
    # Imported here because the sentence above must also come out where these packages are missing.
    from anton_async.cli.commands import anton  # noqa: PLC0415 - after the look for its packages

    # What the SDK would warn of, the commands say in their own words.
    logging.getLogger("anton_async").addHandler(logging.NullHandler())
    anton(prog_name="anton")
