"""How long a user waits for the error of a mistyped command, and for help: each in a process of its own.

python tests/benchmarks/mistyped.py [--every N]

It runs the command lines of tests/zoo/mistyped.txt and prints the median and the longest, wall-clock seconds.
"""

import argparse
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

LINES = (Path(__file__).parents[1] / "zoo" / "mistyped.txt").read_text(encoding="utf-8").splitlines()
HELP = ("zoo", "zoo.train --help", "zoo.train vae --help", "zoo.evaluate --help", "export --help", "tfgen")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--every", type=int, default=1, help="run every N-th command only")
    options = parser.parse_args()
    mistyped = [line.split(" | ")[0] for line in LINES if not line.startswith("#")][:: options.every]
    for title, commands, code in (("mistyped", mistyped, 2), ("help", HELP, 0)):
        taken = {command: seconds(command, code) for command in commands}
        slowest = max(taken, key=taken.get)
        print(
            f"{len(taken)} x {title}: median {statistics.median(taken.values()):.2f} s, longest {taken[slowest]:.2f} s "
            f"(python -m {slowest})"
        )


def seconds(command: str, code: int) -> float:
    """How long a command takes, which must end with `code` and at most one line of error."""
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        words = [sys.executable, "-m", *shlex.split(command)]
        done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)
        taken = time.perf_counter() - began
    if done.returncode != code or len(done.stderr.splitlines()) != (code != 0):
        raise SystemExit(f"{command} ended with {done.returncode}: {done.stderr}")
    return taken


if __name__ == "__main__":
    main()
