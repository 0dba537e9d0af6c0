"""A process that opens a version within bounds (`export.confinement`), seen from the one that waits for it."""

import json
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile

TOO_LONG = ("SIGALRM", "SIGXCPU")  # what the kernel ends a process by that has used up its time


def results(module: str, timeout: float, *arguments: str):
    """Yields what a module finds of a version, step by step, up to the first step that fails: (name, passed, detail).

    The module is run as `python -m MODULE FOLDER TIMEOUT ARGUMENTS`, and prints two lines of JSON for each step: its
    name, then [passed, detail]. The private folder is gone at the end, however this process or that one ends.

    Args:
        module: export.proof or export.timing.
        timeout: seconds that one step, or one request, may take.
        arguments: what else the module takes.

    Raises:
        OSError: the private folder cannot be made, or has no room.
    """
    name, folder = "start", f"{tempfile.gettempdir()}/verifying-{secrets.token_hex(8)}"
    with subprocess.Popen(
        [sys.executable, "-m", module, folder, str(timeout), *arguments],
        stdin=subprocess.PIPE,  # it ends when this one is closed
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,  # what ends a whole group leaves it alive to remove its folder
    ) as process:
        try:
            for line in map(json.loads, process.stdout):
                if isinstance(line, str):
                    name = line  # the step that begins
                elif line[0] is None:
                    raise OSError(line[1])
                else:
                    yield name, *line
            if code := process.wait():
                yield name, False, _words(code, process.stderr.read(), timeout)
        finally:
            process.kill()
            process.wait()
            shutil.rmtree(folder, ignore_errors=True)


def _words(code: int, said: bytes, timeout: float) -> str:
    """How a process ended that was not done."""
    if code < 0:
        name = signal.Signals(-code).name
        return f"it takes more than {timeout:g} s (--timeout)" if name in TOO_LONG else f"it ends the process by {name}"
    lines = said.decode(errors="replace").strip().splitlines()
    return f"the process that verifies failed: {lines[-1] if lines else code}"
