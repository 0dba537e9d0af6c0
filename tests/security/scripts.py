"""The scripts of this folder, run as a user runs them."""

import os
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent


def run(name: str, *options: str, seconds: float | None = None) -> subprocess.CompletedProcess:
    """`python tests/security/NAME OPTIONS`, which finds its neighbours even where PYTHONSAFEPATH hides them."""
    path = os.pathsep.join(filter(None, [str(FOLDER), os.environ.get("PYTHONPATH")]))
    command = [sys.executable, str(FOLDER / name), *options]
    environment = os.environ | {"PYTHONPATH": path}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=seconds, check=False)
