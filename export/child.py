"""The process of `export.proof`, seen from the one that waits for it: it has a deadline, and may die."""

import json
import selectors
import signal
import subprocess
import sys
from pathlib import Path


class DiedError(RuntimeError):
    """The process ended before it was done, or was taking too long; says how."""


def results(version: Path, folder: Path, pin: str, timeout: float):
    """Yields what each check of a version finds, (name, passed, detail), up to the first that fails.

    Args:
        version: the directory.
        folder: an empty one for its private copy.
        pin: the SHA-256 that its manifest must have; empty if any may be.
        timeout: seconds that one check may take.
    """
    name = "start"
    with subprocess.Popen(
        [sys.executable, "-m", "export.proof", str(version), str(folder), pin],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,  # a line in a buffer would not be seen to wait
    ) as process:
        try:
            while (line := _line(process, timeout)) is not None:
                if isinstance(line, str):
                    name = line  # the check that begins
                else:
                    yield name, *line
        except DiedError as error:
            yield name, False, str(error)
        finally:
            process.kill()


def _line(process, timeout: float):
    """The next line of the process; None at its end."""
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        ready = selector.select(timeout)
    if not ready:
        raise DiedError(f"it takes more than {timeout:g} s (--timeout)")
    if line := process.stdout.readline():
        return json.loads(line)
    code = process.wait()
    if code < 0:
        raise DiedError(f"it ends the process by {signal.Signals(-code).name}")
    if code:
        said = process.stderr.read().decode(errors="replace").strip().splitlines()
        raise DiedError(f"the process that verifies failed: {said[-1] if said else code}")
    return None
