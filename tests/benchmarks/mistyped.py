"""How long a user waits for the error of a mistyped command, and for help: each in a process of its own.

python tests/benchmarks/mistyped.py [--every N]

It runs the command lines of tests/zoo/mistyped.txt and prints median and longest seconds, by the clock and of the CPU,
which other work on the machine changes less.
"""

import argparse
import os
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
        clock, processor = zip(*(seconds(command, code) for command in commands), strict=True)
        print(
            f"{len(commands)} x {title}: {summary(clock, commands)} by the clock, {summary(processor, commands)} of CPU"
        )


def summary(taken, commands) -> str:
    """The median of some times, and the longest with its command."""
    longest = max(taken)
    return f"median {statistics.median(taken):.2f} s, longest {longest:.2f} s ({commands[taken.index(longest)]})"


def seconds(command: str, code: int) -> tuple[float, float]:
    """How long a command takes, by the clock and of the processor; it must end with `code` and one line of error."""
    with tempfile.TemporaryDirectory() as folder:
        began, before = time.perf_counter(), os.times()
        words = [sys.executable, "-m", *shlex.split(command)]
        done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)
        taken, after = time.perf_counter() - began, os.times()
    if done.returncode != code or len(done.stderr.splitlines()) != (code != 0):
        raise SystemExit(f"{command} ended with {done.returncode}: {done.stderr}")
    used = after.children_user + after.children_system - before.children_user - before.children_system
    return taken, used


if __name__ == "__main__":
    main()
